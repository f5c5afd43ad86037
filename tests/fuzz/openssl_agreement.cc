#include "tests/fuzz/openssl_agreement.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <tuple>
#include <vector>

#include "lib/base/check.h"
#include "lib/pki/der.h"
#include "lib/pki/name.h"

namespace musubi::fuzz {
namespace {

using base::Bytes;
using base::ByteView;

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <typename T, auto kFree>
using Owned = std::unique_ptr<T, Freer<kFree>>;

// d2i_X over exactly `der`; nothing if OpenSSL refuses it or stops before its end.
template <typename T, auto kRead, auto kFree>
Owned<T, kFree> ReadWhole(ByteView der) {
  const uint8_t* at = der.data();
  Owned<T, kFree> object(kRead(nullptr, &at, static_cast<long>(der.size())));
  if (object && at != der.data() + der.size()) object.reset();
  ERR_clear_error();
  return object;
}

template <typename T, typename Write>
Bytes Der(const T* object, Write write) {
  uint8_t* out = nullptr;
  const int size = write(object, &out);
  MUSUBI_CHECK(size >= 0, "OpenSSL writes what it read");
  Bytes der(out, out + size);
  OPENSSL_free(out);
  return der;
}

Bytes NameDer(const X509_NAME* name) { return Der(name, i2d_X509_NAME); }

// The content octets. OpenSSL holds an INTEGER as an absolute value; none of ours has 64 KiB.
Bytes Content(const ASN1_STRING* value) {
  const int type = ASN1_STRING_type(value);
  if (type != V_ASN1_INTEGER && type != V_ASN1_NEG_INTEGER) {
    const uint8_t* octets = ASN1_STRING_get0_data(value);
    return Bytes(octets, octets + ASN1_STRING_length(value));
  }
  const Bytes der = Der(value, i2d_ASN1_INTEGER);
  const size_t header = der[1] < 0x80 ? 2 : 2 + (der[1] & 0x7f);
  return Bytes(der.begin() + static_cast<std::ptrdiff_t>(header), der.end());
}

bool Same(ByteView a, ByteView b) { return std::ranges::equal(a, b); }
bool Same(absl::Time ours, const ASN1_TIME* theirs) {
  std::tm parts{};
  return ASN1_TIME_to_tm(theirs, &parts) == 1 && timegm(&parts) == absl::ToUnixSeconds(ours);
}
template <typename T, typename U>
bool SameOptional(const std::optional<T>& ours, const U* theirs) {
  if (!ours || theirs == nullptr) return !ours && theirs == nullptr;
  if constexpr (std::is_same_v<T, absl::Time>) {
    return Same(*ours, theirs);
  } else {
    return Same(*ours, Content(theirs));
  }
}

// The extension `nid`, if OpenSSL finds one and can read it. `get` is X509_get_ext_d2i or that of
// a CRL or an entry.
template <typename T, auto kFree, typename Holder, typename Get>
Owned<T, kFree> ReadExtension(const Holder* holder, int nid, Get get) {
  int critical = -1;
  Owned<T, kFree> value(static_cast<T*>(get(holder, nid, &critical, nullptr)));
  MUSUBI_CHECK(value || critical == -1, "OpenSSL reads an extension, once");
  ERR_clear_error();
  return value;
}

template <typename Cursor>
int Count(Cursor cursor) {
  int count = 0;
  while (cursor.Next()) ++count;
  return count;
}

// keyUsage as OpenSSL has it: the first octet, and the second above it.
uint32_t OpenSslKeyUsage(uint16_t ours) {
  uint32_t usage = 0;
  for (int bit = 0; bit <= 8; ++bit) {
    if ((ours >> bit & 1) != 0) usage |= bit < 8 ? 0x80U >> bit : 0x8000U;
  }
  return usage;
}

void CheckPublicKey(const pki::CertificateView& ours, X509_PUBKEY* theirs) {
  ASN1_OBJECT* algorithm = nullptr;
  const uint8_t* bits = nullptr;
  int size = 0;
  MUSUBI_CHECK(X509_PUBKEY_get0_param(&algorithm, &bits, &size, nullptr, theirs) == 1,
               "OpenSSL reads the SubjectPublicKeyInfo");
  MUSUBI_CHECK(Same(ours.public_key_bits, {bits, static_cast<size_t>(size)}), "same public key");
  pki::DerReader spki(ours.spki);
  pki::DerReader identifier(spki.Read()->content);
  pki::DerReader parts(identifier.Read()->content);
  MUSUBI_CHECK(Same(parts.Read()->whole, Der(algorithm, i2d_ASN1_OBJECT)), "same key algorithm");
  // kDifferences: parameters of another algorithm than ours.
  if (!ours.key_type) return;
  MUSUBI_CHECK(Same(ours.spki, Der(theirs, i2d_X509_PUBKEY)), "same SubjectPublicKeyInfo");
}

void CheckKeyIdentifiers(const pki::CertificateView& ours, X509* theirs) {
  MUSUBI_CHECK(SameOptional(ours.subject_key_identifier, X509_get0_subject_key_id(theirs)),
               "same subjectKeyIdentifier");
  MUSUBI_CHECK(ours.authority_key_identifier.has_value() ==
                   (X509_get_ext_by_NID(theirs, NID_authority_key_identifier, -1) >= 0),
               "both see authorityKeyIdentifier");
  if (!ours.authority_key_identifier) return;
  const pki::AuthorityKeyIdentifierView& identifier = *ours.authority_key_identifier;
  MUSUBI_CHECK(SameOptional(identifier.key_identifier, X509_get0_authority_key_id(theirs)),
               "same keyIdentifier of the authority");
  MUSUBI_CHECK(SameOptional(identifier.serial, X509_get0_authority_serial(theirs)),
               "same authorityCertSerialNumber");
  const GENERAL_NAMES* names = X509_get0_authority_issuer(theirs);
  const X509_NAME* name = nullptr;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && name == nullptr; ++i) {
    const GENERAL_NAME* general = sk_GENERAL_NAME_value(names, i);
    if (general->type == GEN_DIRNAME) name = general->d.directoryName;
  }
  MUSUBI_CHECK(identifier.issuer_name.has_value() == (name != nullptr) &&
                   (name == nullptr || Same(*identifier.issuer_name, NameDer(name))),
               "same authorityCertIssuer");
}

void CheckBasicConstraints(const pki::CertificateView& ours, const X509* theirs) {
  const auto constraints = ReadExtension<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>(
      theirs, NID_basic_constraints, X509_get_ext_d2i);
  MUSUBI_CHECK(ours.has_basic_constraints == (constraints != nullptr), "both see basicConstraints");
  if (!constraints) return;
  MUSUBI_CHECK(ours.is_ca == (constraints->ca != 0), "same cA");
  uint64_t length = 0;
  const bool limited = constraints->pathlen != nullptr;
  MUSUBI_CHECK(!limited || ASN1_INTEGER_get_uint64(&length, constraints->pathlen) == 1,
               "a path length is a number");
  MUSUBI_CHECK(ours.path_length == (limited ? std::optional(length) : std::nullopt),
               "same pathLenConstraint");
}

void CheckListedExtensions(const pki::CertificateView& ours, const X509* theirs) {
  const auto usages = ReadExtension<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>(
      theirs, NID_ext_key_usage, X509_get_ext_d2i);
  MUSUBI_CHECK(Count(ours.ExtendedKeyUsages()) == (usages ? sk_ASN1_OBJECT_num(usages.get()) : 0),
               "same number of extended key usages");
  const auto policies = ReadExtension<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>(
      theirs, NID_certificate_policies, X509_get_ext_d2i);
  MUSUBI_CHECK(Count(ours.Policies()) == (policies ? sk_POLICYINFO_num(policies.get()) : 0),
               "same number of policies");
  const auto points = ReadExtension<CRL_DIST_POINTS, CRL_DIST_POINTS_free>(
      theirs, NID_crl_distribution_points, X509_get_ext_d2i);
  MUSUBI_CHECK(
      Count(ours.CrlDistributionPoints()) == (points ? sk_DIST_POINT_num(points.get()) : 0),
      "same number of distribution points");
  const auto names = ReadExtension<GENERAL_NAMES, GENERAL_NAMES_free>(theirs, NID_subject_alt_name,
                                                                      X509_get_ext_d2i);
  MUSUBI_CHECK(ours.has_subject_alt_name == (names != nullptr), "both see subjectAltName");
}

void CheckExtensions(const pki::CertificateView& ours, X509* theirs) {
  MUSUBI_CHECK(Count(ours.Extensions()) == X509_get_ext_count(theirs), "same number of extensions");
  const auto usage = ours.key_usage;
  MUSUBI_CHECK((usage ? OpenSslKeyUsage(*usage) : UINT32_MAX) == X509_get_key_usage(theirs),
               "same keyUsage");
  CheckBasicConstraints(ours, theirs);
  CheckKeyIdentifiers(ours, theirs);
  CheckListedExtensions(ours, theirs);
}

using Entry = std::tuple<Bytes, int64_t, int>;

// reasonCode, or -1.
int ReasonOf(const X509_REVOKED* entry) {
  const auto reason = ReadExtension<ASN1_ENUMERATED, ASN1_ENUMERATED_free>(
      entry, NID_crl_reason, X509_REVOKED_get_ext_d2i);
  return reason ? static_cast<int>(ASN1_ENUMERATED_get(reason.get())) : -1;
}
int ReasonOf(pki::CrlReason reason) { return static_cast<int>(reason) - 1; }

std::vector<Entry> OpenSslEntries(X509_CRL* crl) {
  std::vector<Entry> entries;
  const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(revoked, i);
    ReadExtension<GENERAL_NAMES, GENERAL_NAMES_free>(entry, NID_certificate_issuer,
                                                     X509_REVOKED_get_ext_d2i);
    std::tm date{};
    MUSUBI_CHECK(ASN1_TIME_to_tm(X509_REVOKED_get0_revocationDate(entry), &date) == 1,
                 "OpenSSL reads revocationDate");
    entries.emplace_back(Content(X509_REVOKED_get0_serialNumber(entry)), timegm(&date),
                         ReasonOf(entry));
  }
  std::ranges::sort(entries);
  return entries;
}

void CheckAnswer(const OCSP_BASICRESP* basic, ByteView serial, const pki::OcspResult& ours) {
  MUSUBI_CHECK(Same(ours.produced_at, OCSP_resp_get0_produced_at(basic)), "same producedAt");
  OCSP_SINGLERESP* answer = nullptr;
  for (int i = 0; i < OCSP_resp_count(const_cast<OCSP_BASICRESP*>(basic)); ++i) {
    OCSP_SINGLERESP* each = OCSP_resp_get0(const_cast<OCSP_BASICRESP*>(basic), i);
    ASN1_INTEGER* number = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &number,
                      const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(each)));
    if (Same(serial, Content(number))) answer = each;
  }
  MUSUBI_CHECK(answer != nullptr, "OpenSSL finds the answer");
  int reason = -1;
  ASN1_GENERALIZEDTIME *revoked_at = nullptr, *this_update = nullptr, *next_update = nullptr;
  const int status =
      OCSP_single_get0_status(answer, &reason, &revoked_at, &this_update, &next_update);
  const auto want = ours.cert_status == pki::OcspCertStatus::kGood      ? V_OCSP_CERTSTATUS_GOOD
                    : ours.cert_status == pki::OcspCertStatus::kRevoked ? V_OCSP_CERTSTATUS_REVOKED
                                                                        : V_OCSP_CERTSTATUS_UNKNOWN;
  MUSUBI_CHECK(status == want, "same certStatus");
  MUSUBI_CHECK(Same(ours.this_update, this_update), "same thisUpdate");
  MUSUBI_CHECK(SameOptional(ours.next_update, next_update), "same nextUpdate");
  if (status != V_OCSP_CERTSTATUS_REVOKED) return;
  MUSUBI_CHECK(SameOptional(ours.revoked_at, revoked_at), "same revocationTime");
  MUSUBI_CHECK(ReasonOf(ours.reason) == reason, "same revocationReason");
}

}  // namespace

void CheckCertificateAgainstOpenSsl(const pki::CertificateView& ours) {
  const auto theirs = ReadWhole<X509, d2i_X509, X509_free>(ours.der);
  MUSUBI_CHECK(theirs != nullptr, "OpenSSL takes the certificate");
  X509_check_purpose(theirs.get(), -1, -1);
  MUSUBI_CHECK((X509_get_extension_flags(theirs.get()) & EXFLAG_INVALID) == 0,
               "OpenSSL takes the certificate's extensions");
  ERR_clear_error();
  MUSUBI_CHECK(X509_get_version(theirs.get()) + 1 == ours.version, "same version");
  MUSUBI_CHECK(Same(ours.serial, Content(X509_get0_serialNumber(theirs.get()))), "same serial");
  MUSUBI_CHECK(Same(ours.issuer, NameDer(X509_get_issuer_name(theirs.get()))), "same issuer");
  MUSUBI_CHECK(Same(ours.subject, NameDer(X509_get_subject_name(theirs.get()))), "same subject");
  MUSUBI_CHECK(Same(ours.not_before, X509_get0_notBefore(theirs.get())), "same notBefore");
  MUSUBI_CHECK(Same(ours.not_after, X509_get0_notAfter(theirs.get())), "same notAfter");
  CheckPublicKey(ours, X509_get_X509_PUBKEY(theirs.get()));
  CheckExtensions(ours, theirs.get());
  ERR_clear_error();
}

void CheckCrlAgainstOpenSsl(const pki::Crl& ours) {
  const auto theirs = ReadWhole<X509_CRL, d2i_X509_CRL, X509_CRL_free>(ours.der());
  MUSUBI_CHECK(theirs != nullptr, "OpenSSL takes the CRL");
  X509_CRL* crl = theirs.get();
  MUSUBI_CHECK(Same(ours.issuer_der(), NameDer(X509_CRL_get_issuer(crl))), "same issuer");
  MUSUBI_CHECK(Same(ours.this_update(), X509_CRL_get0_lastUpdate(crl)), "same thisUpdate");
  MUSUBI_CHECK(SameOptional(ours.next_update(), X509_CRL_get0_nextUpdate(crl)), "same nextUpdate");
  const auto number =
      ReadExtension<ASN1_INTEGER, ASN1_INTEGER_free>(crl, NID_crl_number, X509_CRL_get_ext_d2i);
  MUSUBI_CHECK(SameOptional(ours.number(), number.get()), "same cRLNumber");
  const auto point = ReadExtension<ISSUING_DIST_POINT, ISSUING_DIST_POINT_free>(
      crl, NID_issuing_distribution_point, X509_CRL_get_ext_d2i);
  MUSUBI_CHECK(ours.issuing_distribution_point().has_value() == (point != nullptr),
               "both see issuingDistributionPoint");
  const auto key = ReadExtension<AUTHORITY_KEYID, AUTHORITY_KEYID_free>(
      crl, NID_authority_key_identifier, X509_CRL_get_ext_d2i);
  MUSUBI_CHECK(!ours.authority_key_identifier_der().empty() == (key != nullptr),
               "both see authorityKeyIdentifier");
  const auto base =
      ReadExtension<ASN1_INTEGER, ASN1_INTEGER_free>(crl, NID_delta_crl, X509_CRL_get_ext_d2i);
  MUSUBI_CHECK(SameOptional(ours.base_number(), base.get()), "same BaseCRLNumber");
  std::vector<Entry> entries;
  for (const pki::CrlEntry& entry : ours.entries()) {
    entries.emplace_back(base::ToBytes(entry.serial), absl::ToUnixSeconds(entry.revoked_at),
                         ReasonOf(entry.reason));
  }
  std::ranges::sort(entries);
  MUSUBI_CHECK(entries == OpenSslEntries(crl), "same entries");
  ERR_clear_error();
}

void CheckNameAgainstOpenSsl(ByteView name) {
  const auto theirs = ReadWhole<X509_NAME, d2i_X509_NAME, X509_NAME_free>(name);
  MUSUBI_CHECK(theirs != nullptr, "OpenSSL takes the Name");
  MUSUBI_CHECK(Same(name, NameDer(theirs.get())), "same Name");
}

void CheckSameNameAgainstOpenSsl(ByteView a, ByteView b) {
  const auto theirs_a = ReadWhole<X509_NAME, d2i_X509_NAME, X509_NAME_free>(a);
  const auto theirs_b = ReadWhole<X509_NAME, d2i_X509_NAME, X509_NAME_free>(b);
  MUSUBI_CHECK(theirs_a != nullptr && theirs_b != nullptr, "OpenSSL takes the Names");
  const bool same = X509_NAME_cmp(theirs_a.get(), theirs_b.get()) == 0;
  MUSUBI_CHECK(pki::SameName(a, b) == same, "both compare alike");
}

void CheckOcspAgainstOpenSsl(ByteView response, ByteView serial, const pki::OcspResult& ours) {
  using pki::OcspOutcome;
  switch (ours.outcome) {
    case OcspOutcome::kUnspecified:
    case OcspOutcome::kTooLarge:
    case OcspOutcome::kMalformed:
    // kDifferences: judged before all is read.
    case OcspOutcome::kResponseTypeNotSupported:
    case OcspOutcome::kVersionNotSupported:
    case OcspOutcome::kUnknownCriticalExtension:
      return;
    default:
      break;
  }
  const auto theirs = ReadWhole<OCSP_RESPONSE, d2i_OCSP_RESPONSE, OCSP_RESPONSE_free>(response);
  MUSUBI_CHECK(theirs != nullptr, "OpenSSL takes the response");
  const bool successful = OCSP_response_status(theirs.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  MUSUBI_CHECK(successful == (ours.outcome != OcspOutcome::kErrorStatus &&
                              ours.outcome != OcspOutcome::kUnauthorized),
               "same responseStatus");
  if (!successful) return;
  const Owned<OCSP_BASICRESP, OCSP_BASICRESP_free> basic(OCSP_response_get1_basic(theirs.get()));
  MUSUBI_CHECK(basic != nullptr, "OpenSSL takes the basic response");
  if (ours.outcome == OcspOutcome::kAnswered) CheckAnswer(basic.get(), serial, ours);
  ERR_clear_error();
}

}  // namespace musubi::fuzz
