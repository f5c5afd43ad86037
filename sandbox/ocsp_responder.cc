#include "sandbox/ocsp_responder.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/der_writer.h"
#include "sandbox/names.h"

namespace musubi::sandbox {
namespace {

constexpr std::string_view kBasicResponse = "1.3.6.1.5.5.7.48.1.1";
constexpr std::string_view kNonce = "1.3.6.1.5.5.7.48.1.2";

constexpr std::array<std::string_view, std::size(kOcspMisbehaviours)> kMisbehaviourNames = {
    "none",        "slow",          "dead",
    "garbage",     "unknown",       "wrong-cert-id",
    "stale",       "future",        "unauthorised-delegate",
    "wrong-nonce", "missing-nonce", "two-answers"};

constexpr size_t kGarbageSize = 64;

using X509Pointer = std::unique_ptr<X509, decltype(&X509_free)>;
using RequestPointer = std::unique_ptr<OCSP_REQUEST, decltype(&OCSP_REQUEST_free)>;
using CertIdPointer = std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)>;

// OCSPResponseStatus of RFC 6960 section 4.2.1; these carry no signature.
enum class ErrorStatus : uint8_t { kMalformedRequest = 1, kInternalError = 2, kUnauthorized = 6 };

base::Bytes ErrorResponse(ErrorStatus status) {
  return DerSequence({DerEnumerated(static_cast<uint8_t>(status))});
}

RequestPointer ParseRequest(base::ByteView der) {
  const unsigned char* at = der.data();
  RequestPointer request(
      d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size())),  // NOLINT(runtime/int)
      OCSP_REQUEST_free);
  if (at != der.data() + der.size()) request.reset();
  return request;
}

X509Pointer ParseCertificate(base::ByteView der) {
  const unsigned char* at = der.data();
  return X509Pointer(d2i_X509(nullptr, &at, static_cast<long>(der.size())),
                     X509_free);  // NOLINT(runtime/int)
}

// The CertID names this CA key, by SHA-1 or SHA-256.
bool IsAbout(OCSP_CERTID* id, const X509* ca) {
  ASN1_OBJECT* algorithm = nullptr;
  OCSP_id_get0_info(nullptr, &algorithm, nullptr, nullptr, id);
  const EVP_MD* digest = EVP_get_digestbyobj(algorithm);
  if (digest == nullptr) return false;
  const int type = EVP_MD_get_type(digest);
  if (type != NID_sha1 && type != NID_sha256) return false;
  const CertIdPointer expected(
      OCSP_cert_id_new(digest, X509_get_subject_name(ca), X509_get0_pubkey_bitstr(ca), nullptr),
      OCSP_CERTID_free);
  return expected != nullptr && OCSP_id_issuer_cmp(expected.get(), id) == 0;
}

std::optional<uint64_t> SerialIn(OCSP_CERTID* id) {
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id);
  uint64_t value = 0;
  if (ASN1_INTEGER_get_uint64(&value, serial) != 1) return std::nullopt;
  return value;
}

base::Bytes Encode(OCSP_CERTID* id) {
  unsigned char* buffer = nullptr;
  const int size = i2d_OCSP_CERTID(id, &buffer);
  MUSUBI_CHECK(size > 0, "OpenSSL could not encode a CertID that it had parsed");
  base::Bytes out(buffer, buffer + size);
  OPENSSL_free(buffer);
  return out;
}

// The value of the nonce extension: an OCTET STRING (RFC 8954), or nothing if there is none.
std::optional<base::Bytes> NonceIn(OCSP_REQUEST* request) {
  const int index = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
  if (index < 0) return std::nullopt;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, index));
  const unsigned char* data = ASN1_STRING_get0_data(value);
  return base::Bytes(data, data + ASN1_STRING_length(value));
}

// CertStatus of RFC 6960 section 4.2.1.
base::Bytes UnknownStatus() { return DerImplicit(2, {}); }
base::Bytes GoodStatus() { return DerImplicit(0, {}); }
base::Bytes RevokedStatus(const Revocation& revocation) {
  base::Bytes reason;
  if (revocation.reason != RevocationReason::kUnspecified) {
    reason = DerExplicit(0, {DerEnumerated(static_cast<uint8_t>(revocation.reason))});
  }
  return DerExplicit(1, {DerGeneralizedTime(revocation.at), reason});
}

base::Bytes SingleResponse(base::ByteView certificate_id, base::ByteView status,
                           absl::Time this_update) {
  return DerSequence({certificate_id, status, DerGeneralizedTime(this_update),
                      DerExplicit(0, {DerGeneralizedTime(this_update + kOcspLifetime)})});
}

// SingleResponses returns what is said of one certificate, as the register has it.
base::Bytes SingleResponses(OCSP_CERTID* id, const IssuedCertificate* issued, absl::Time time,
                            OcspMisbehaviour misbehaviour) {
  if (misbehaviour == OcspMisbehaviour::kTwoAnswers) {
    base::Bytes both = SingleResponse(Encode(id), GoodStatus(), time);
    base::Append(both, SingleResponse(Encode(id), RevokedStatus({.at = time}), time));
    return both;
  }
  if (misbehaviour == OcspMisbehaviour::kWrongCertId) {
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id);
    ASN1_INTEGER_set_uint64(serial, SerialIn(id).value_or(0) ^ 1);
  }
  base::Bytes status = GoodStatus();
  if (issued == nullptr || misbehaviour == OcspMisbehaviour::kUnknown) {
    status = UnknownStatus();
  } else if (issued->revocation) {
    status = RevokedStatus(*issued->revocation);
  }
  return SingleResponse(Encode(id), status, time);
}

// The time that an answer given at `now` says it is of.
absl::Time AnswerTime(absl::Time now, OcspMisbehaviour misbehaviour) {
  if (misbehaviour == OcspMisbehaviour::kStale) return now - kOcspLifetime - absl::Hours(24);
  if (misbehaviour == OcspMisbehaviour::kFuture) return now + absl::Hours(1);
  return now;
}

bool IsValidNonce(base::ByteView value) {
  return value.size() >= 3 && value.size() <= 2 + kMaxOcspNonce && value[0] == 0x04 &&
         value[1] == value.size() - 2;
}

// ResponseExtensions returns the field with `asked`, the nonce of the request, or nothing.
base::Bytes ResponseExtensions(std::optional<base::Bytes> asked, OcspResponder::NoncePolicy policy,
                               OcspMisbehaviour misbehaviour) {
  const bool wrong = misbehaviour == OcspMisbehaviour::kWrongNonce;
  const bool missing = misbehaviour == OcspMisbehaviour::kMissingNonce ||
                       (policy == OcspResponder::NoncePolicy::kIgnore && !wrong);
  if (!asked || missing) return {};
  if (wrong) asked->back() ^= 1;
  return DerExplicit(1, {DerSequence({DerExtension(kNonce, false, *asked)})});
}

}  // namespace

std::string_view Name(OcspMisbehaviour misbehaviour) {
  return kMisbehaviourNames[static_cast<size_t>(misbehaviour)];
}

absl::StatusOr<OcspMisbehaviour> ParseOcspMisbehaviour(std::string_view name) {
  return ParseName<OcspMisbehaviour>("misbehaviour of OCSP", name, kOcspMisbehaviours);
}

absl::StatusOr<std::unique_ptr<OcspResponder>> OcspResponder::Create(const base::Clock& clock,
                                                                     Options options) {
  std::map<std::string, Delegate, std::less<>> delegates;
  for (const Role role : kRoles) {
    for (const Generation& generation : Generations()) {
      const std::string anchor = AnchorId(role, generation);
      MUSUBI_ASSIGN_OR_RETURN(const std::string ca,
                              base::ReadFile(World::CaCertificatePath(options.directory, anchor)));
      MUSUBI_ASSIGN_OR_RETURN(
          const std::string certificate,
          base::ReadFile(World::ResponderCertificatePath(options.directory, anchor)));
      MUSUBI_ASSIGN_OR_RETURN(const std::string pem, base::ReadSecretFile(World::ResponderKeyPath(
                                                         options.directory, anchor)));
      MUSUBI_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(pem));
      if (ParseCertificate(base::AsBytes(ca)) == nullptr) {
        return absl::InvalidArgumentError("the CA certificate of " + anchor +
                                          " is damaged: make the directory anew");
      }
      delegates.emplace(anchor, Delegate{.role = role,
                                         .generation = std::string(generation.id),
                                         .ca_certificate = base::ToBytes(ca),
                                         .certificate = base::ToBytes(certificate),
                                         .key = std::move(key)});
    }
  }
  return std::unique_ptr<OcspResponder>(
      new OcspResponder(clock, std::move(options), std::move(delegates)));
}

std::vector<std::string> OcspResponder::anchors() const {
  std::vector<std::string> anchors;
  for (const auto& [anchor, delegate] : delegates_) anchors.push_back(anchor);
  return anchors;
}

absl::StatusOr<base::Bytes> OcspResponder::Answer(std::string_view anchor,
                                                  base::ByteView request_der,
                                                  OcspMisbehaviour misbehaviour) {
  const auto it = delegates_.find(anchor);
  if (it == delegates_.end()) {
    return absl::NotFoundError(absl::StrCat("no CA key is named ", base::ToAbsl(anchor)));
  }
  const Delegate& delegate = it->second;
  if (misbehaviour == OcspMisbehaviour::kGarbage) {
    base::Bytes garbage(kGarbageSize);
    random_.Fill(garbage);
    return garbage;
  }
  const RequestPointer request = ParseRequest(request_der);
  if (request == nullptr) return ErrorResponse(ErrorStatus::kMalformedRequest);
  const int count = OCSP_request_onereq_count(request.get());
  if (count < 1 || count > kMaxOcspCertificates) {
    return ErrorResponse(ErrorStatus::kMalformedRequest);
  }
  const std::optional<base::Bytes> nonce = NonceIn(request.get());
  if (nonce && !IsValidNonce(*nonce)) return ErrorResponse(ErrorStatus::kMalformedRequest);
  const auto issued = register_.Current();
  if (!issued.ok()) return ErrorResponse(ErrorStatus::kInternalError);

  const absl::Time time = AnswerTime(clock_.Now(), misbehaviour);
  const X509Pointer ca = ParseCertificate(delegate.ca_certificate);
  base::Bytes responses;
  for (int i = 0; i < count; ++i) {
    OCSP_CERTID* id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i));
    if (!IsAbout(id, ca.get())) return ErrorResponse(ErrorStatus::kUnauthorized);
    const std::optional<uint64_t> serial = SerialIn(id);
    const IssuedCertificate* certificate =
        serial ? (*issued)->Find(delegate.role, *serial) : nullptr;
    if (certificate != nullptr && certificate->generation != delegate.generation) {
      certificate = nullptr;
    }
    base::Append(responses, SingleResponses(id, certificate, time, misbehaviour));
  }
  const base::Bytes extensions = ResponseExtensions(nonce, nonce_, misbehaviour);
  if (misbehaviour == OcspMisbehaviour::kUnauthorisedDelegate) {
    return SignAsCard(delegate, responses, extensions, time);
  }
  return Sign(delegate, responses, extensions, time);
}

base::Bytes OcspResponder::Sign(const Delegate& delegate, base::ByteView responses,
                                base::ByteView extensions, absl::Time produced_at) {
  const base::Bytes responder_id =
      DerExplicit(2, {DerOctetString(delegate.key.Public().identifier)});  // byKey
  const base::Bytes data = DerSequence(
      {responder_id, DerGeneralizedTime(produced_at), DerTlv(0x30, responses), extensions});
  const base::Bytes basic =
      DerSequence({data, delegate.key.SignatureAlgorithm(), DerBitString(delegate.key.Sign(data)),
                   DerExplicit(0, {DerSequence({delegate.certificate})})});
  return DerSequence(
      {DerEnumerated(0),
       DerExplicit(0, {DerSequence({DerOid(kBasicResponse), DerOctetString(basic)})})});
}

absl::StatusOr<base::Bytes> OcspResponder::SignAsCard(const Delegate& delegate,
                                                      base::ByteView responses,
                                                      base::ByteView extensions,
                                                      absl::Time produced_at) {
  MUSUBI_ASSIGN_OR_RETURN(const Generation generation, FindGeneration(delegate.generation));
  const std::string anchor = AnchorId(delegate.role, generation);
  base::MutexLock lock(mutex_);
  auto card = cards_.find(anchor);
  if (card == cards_.end()) {
    MUSUBI_ASSIGN_OR_RETURN(const std::string pem,
                            base::ReadSecretFile(World::CaKeyPath(directory_, anchor)));
    MUSUBI_ASSIGN_OR_RETURN(PrivateKey ca_key, PrivateKey::FromPem(pem));
    const PrivateKey key = PrivateKey::Generate(generation.key_type);
    const CardKind kind = delegate.role == Role::kUserAuthentication ? CardKind::kUserAuthentication
                                                                     : CardKind::kSignature;
    // An old generation issues no cards any more: then it is one from when it did.
    const absl::Time issued_at = std::clamp(clock_.Now(), generation.not_before,
                                            generation.not_after - absl::Hours(24) * 366 * 5);
    const Municipality& municipality = Municipalities().front();
    MUSUBI_ASSIGN_OR_RETURN(
        base::Bytes certificate,
        MakeCardCertificate(
            {.role = delegate.role, .generation = generation, .key = std::move(ca_key)},
            {.kind = kind,
             // The CA's own: no other card has it.
             .serial = generation.serial(delegate.role),
             .issued_at = issued_at,
             .municipality = municipality,
             .common_name = MakeCommonName(kind, municipality, issued_at, random_),
             .holder_name = HolderName(0),
             .public_key = key.Public()}));
    Delegate made = delegate;
    made.certificate = std::move(certificate);
    made.key = key;
    card = cards_.emplace(anchor, std::move(made)).first;
  }
  return Sign(card->second, responses, extensions, produced_at);
}

}  // namespace musubi::sandbox
