#include "lib/pki/certificate.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/pki/certificate_parsed.h"
#include "lib/pki/der.h"

namespace musubi::pki {
namespace {

using base::ByteView;
using Parsed = Certificate::Parsed;

// RFC 5280 section 4.2.
constexpr std::string_view kSubjectKeyIdentifierOid = "2.5.29.14";
constexpr std::string_view kKeyUsageOid = "2.5.29.15";
constexpr std::string_view kBasicConstraintsOid = "2.5.29.19";
constexpr std::string_view kCrlDistributionPointsOid = "2.5.29.31";
constexpr std::string_view kCertificatePoliciesOid = "2.5.29.32";
constexpr std::string_view kAuthorityKeyIdentifierOid = "2.5.29.35";
constexpr std::string_view kExtendedKeyUsageOid = "2.5.29.37";
constexpr std::string_view kAuthorityInfoAccessOid = "1.3.6.1.5.5.7.1.1";
constexpr std::string_view kOcspAccessMethodOid = "1.3.6.1.5.5.7.48.1";

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError("certificate: " + std::string(what));
}

// An AlgorithmIdentifier; RFC 4055 section 1.2 and 3.1: rsaEncryption and the PKCS #1 v1.5
// signatures have parameters of exactly NULL.
bool IsAlgorithmIdentifier(ByteView whole) {
  static constexpr std::string_view kPkcs1Arc("\x2a\x86\x48\x86\xf7\x0d\x01\x01", 8);
  const auto sequence = ReadSingle(whole, der_tag::kSequence);
  if (!sequence) return false;
  DerReader reader(sequence->content);
  const auto oid = reader.Read(der_tag::kOid);
  if (!oid) return false;
  std::optional<DerElement> parameters;
  if (!reader.done()) {
    parameters = reader.Read();
    if (!parameters || !reader.done()) return false;
  }
  const std::string_view id = base::AsText(oid->content);
  if (id.size() == kPkcs1Arc.size() + 1 && id.substr(0, kPkcs1Arc.size()) == kPkcs1Arc) {
    // 1 rsaEncryption, 2 to 5 and 11 to 16 signatures with a hash; 7 to 10 are OAEP, MGF1 and PSS.
    const int last = static_cast<uint8_t>(id.back());
    if (last < 7 || last > 10) {
      return parameters && parameters->tag == der_tag::kNull && parameters->content.empty();
    }
  }
  return true;
}

bool IsName(ByteView whole) {
  const auto name = ReadSingle(whole, der_tag::kSequence);
  if (!name || whole.size() > kMaxNameSize) return false;
  DerReader rdns(name->content);
  while (!rdns.done()) {
    const auto rdn = rdns.Read(der_tag::kSet);
    if (!rdn || rdn->content.empty()) return false;
    DerReader attributes(rdn->content);
    while (!attributes.done()) {
      const auto attribute = attributes.Read(der_tag::kSequence);
      if (!attribute) return false;
      DerReader parts(attribute->content);
      if (!parts.Read(der_tag::kOid) || !parts.Read() || !parts.done()) return false;
    }
  }
  return true;
}

// BIT STRING content without the unused-bits octet, which must be 0.
std::optional<ByteView> WholeOctets(const std::optional<DerElement>& bit_string) {
  if (!bit_string || bit_string->content.empty() || bit_string->content[0] != 0) {
    return std::nullopt;
  }
  return bit_string->content.subspan(1);
}

// The name forms of GeneralName that matter here.
struct GeneralNames {
  std::vector<base::Bytes> directory_names;
  std::vector<std::string> uris;
};

std::optional<GeneralNames> ParseGeneralNames(ByteView content) {
  GeneralNames names;
  DerReader reader(content);
  if (reader.done()) return std::nullopt;
  while (!reader.done()) {
    const auto name = reader.Read();
    if (!name || (name->tag & 0xc0) != 0x80) return std::nullopt;
    if (name->tag == der_tag::Constructed(4)) {
      if (!IsName(name->content)) return std::nullopt;
      names.directory_names.push_back(base::ToBytes(name->content));
    } else if (name->tag == der_tag::Primitive(6)) {
      const bool ascii = std::all_of(name->content.begin(), name->content.end(),
                                     [](uint8_t c) { return c > 0x20 && c < 0x7f; });
      if (!ascii || name->content.empty()) return std::nullopt;
      names.uris.push_back(base::ToString(name->content));
    }
  }
  return names;
}

// RFC 5280 section 4.2.1.3. A named bit list: DER leaves out zero bits at its end.
bool ParseKeyUsage(ByteView value, Parsed& out) {
  const auto bits = ReadSingle(value, der_tag::kBitString);
  if (!bits || bits->content.empty() || bits->content.size() > 3) return false;
  const ByteView octets = bits->content.subspan(1);
  uint16_t usage = 0;
  for (size_t i = 0; i < octets.size() * 8; ++i) {
    if ((octets[i / 8] & (0x80 >> (i % 8))) == 0) continue;
    if (i > 8) return false;
    usage = static_cast<uint16_t>(usage | (1 << i));
  }
  if (!octets.empty() && (octets.back() & (1 << bits->content[0])) == 0) return false;
  out.key_usage = usage;
  return true;
}

// RFC 5280 section 4.2.1.12.
bool ParseExtendedKeyUsage(ByteView value, Parsed& out) {
  const auto list = ReadSingle(value, der_tag::kSequence);
  if (!list || list->content.empty()) return false;
  std::vector<std::string> usages;
  DerReader reader(list->content);
  while (!reader.done()) {
    const auto oid = reader.Read(der_tag::kOid);
    auto text = oid ? OidText(oid->content) : std::nullopt;
    if (!text) return false;
    usages.push_back(*std::move(text));
  }
  out.extended_key_usage = std::move(usages);
  return true;
}

// RFC 5280 section 4.2.1.4: an OID must not appear twice.
bool ParsePolicies(ByteView value, bool critical, Parsed& out) {
  const auto list = ReadSingle(value, der_tag::kSequence);
  if (!list || list->content.empty()) return false;
  DerReader reader(list->content);
  while (!reader.done()) {
    const auto policy = reader.Read(der_tag::kSequence);
    if (!policy) return false;
    DerReader parts(policy->content);
    const auto oid = parts.Read(der_tag::kOid);
    auto text = oid ? OidText(oid->content) : std::nullopt;
    if (!text) return false;
    if (!parts.done() && (!parts.Read(der_tag::kSequence) || !parts.done())) return false;
    if (std::find(out.policies.begin(), out.policies.end(), *text) != out.policies.end()) {
      return false;
    }
    out.policies.push_back(*std::move(text));
  }
  out.policies_critical = critical;
  return true;
}

// RFC 5280 section 4.2.1.9. cA is DEFAULT FALSE, which DER leaves out.
bool ParseBasicConstraints(ByteView value, Parsed& out) {
  const auto sequence = ReadSingle(value, der_tag::kSequence);
  if (!sequence) return false;
  DerReader reader(sequence->content);
  if (reader.Next(der_tag::kBoolean)) {
    const auto ca = reader.Read();
    if (!ca || ca->content[0] != 0xff) return false;
    out.is_ca = true;
  }
  if (reader.Next(der_tag::kInteger)) {
    const auto length = reader.Read();
    out.path_length = length ? ToUint64(length->content) : std::nullopt;
    if (!out.path_length) return false;
  }
  return reader.done();
}

// RFC 5280 section 4.2.1.1.
bool ParseAuthorityKeyIdentifier(ByteView value, Parsed& out) {
  const auto sequence = ReadSingle(value, der_tag::kSequence);
  if (!sequence) return false;
  AuthorityKeyIdentifier identifier;
  DerReader reader(sequence->content);
  if (reader.Next(der_tag::Primitive(0))) {
    identifier.key_identifier = base::ToBytes(reader.Read()->content);
  }
  if (reader.Next(der_tag::Constructed(1))) {
    const auto names = ParseGeneralNames(reader.Read()->content);
    if (!names) return false;
    if (!names->directory_names.empty()) {
      identifier.issuer_name_der = names->directory_names.front();
    }
  }
  if (reader.Next(der_tag::Primitive(2))) {
    const auto serial = reader.Read();
    if (!IsMinimalInteger(serial->content)) return false;
    identifier.serial = base::ToBytes(serial->content);
  }
  if (!reader.done()) return false;
  out.authority_key_identifier = std::move(identifier);
  return true;
}

// RFC 5280 section 4.2.1.2.
bool ParseSubjectKeyIdentifier(ByteView value, Parsed& out) {
  const auto octets = ReadSingle(value, der_tag::kOctetString);
  if (!octets) return false;
  out.subject_key_identifier = base::ToBytes(octets->content);
  return true;
}

// RFC 5280 section 4.2.1.13. A name relative to the CRL issuer leaves a point without names.
bool ParseCrlDistributionPoints(ByteView value, Parsed& out) {
  const auto list = ReadSingle(value, der_tag::kSequence);
  if (!list || list->content.empty()) return false;
  DerReader points(list->content);
  while (!points.done()) {
    const auto element = points.Read(der_tag::kSequence);
    if (!element) return false;
    DistributionPoint point;
    DerReader parts(element->content);
    if (parts.Next(der_tag::Constructed(0))) {
      DerReader name(parts.Read()->content);
      const auto form = name.Read();
      if (!form || !name.done()) return false;
      if (form->tag == der_tag::Constructed(0)) {
        auto names = ParseGeneralNames(form->content);
        if (!names) return false;
        point.directory_names_der = std::move(names->directory_names);
        point.uris = std::move(names->uris);
      } else if (form->tag != der_tag::Constructed(1)) {
        return false;
      }
    }
    if (parts.Next(der_tag::Primitive(1))) {
      point.only_some_reasons = true;
      parts.Read();
    }
    if (parts.Next(der_tag::Constructed(2))) {
      point.other_crl_issuer = true;
      parts.Read();
    }
    if (!parts.done()) return false;
    out.crl_distribution_points.push_back(std::move(point));
  }
  return true;
}

// RFC 5280 section 4.2.2.1.
bool ParseAuthorityInfoAccess(ByteView value, Parsed& out) {
  const auto list = ReadSingle(value, der_tag::kSequence);
  if (!list || list->content.empty()) return false;
  DerReader reader(list->content);
  while (!reader.done()) {
    const auto access = reader.Read(der_tag::kSequence);
    if (!access) return false;
    DerReader parts(access->content);
    const auto method = parts.Read(der_tag::kOid);
    const auto location = parts.Read();
    if (!method || !location || !parts.done()) return false;
    const auto names = ParseGeneralNames(location->whole);
    if (!names) return false;
    if (OidText(method->content) == kOcspAccessMethodOid) {
      out.ocsp_uris.insert(out.ocsp_uris.end(), names->uris.begin(), names->uris.end());
    }
  }
  return true;
}

bool ParseKnownExtension(const Parsed::Extension& extension, Parsed& out) {
  // The parsers below trust that what they Read() is well-formed down to its leaves.
  using Parser = bool (*)(ByteView, Parsed&);
  static constexpr std::pair<std::string_view, Parser> kParsers[] = {
      {kKeyUsageOid, ParseKeyUsage},
      {kExtendedKeyUsageOid, ParseExtendedKeyUsage},
      {kBasicConstraintsOid, ParseBasicConstraints},
      {kAuthorityKeyIdentifierOid, ParseAuthorityKeyIdentifier},
      {kSubjectKeyIdentifierOid, ParseSubjectKeyIdentifier},
      {kCrlDistributionPointsOid, ParseCrlDistributionPoints},
      {kAuthorityInfoAccessOid, ParseAuthorityInfoAccess},
  };
  if (extension.oid == kCertificatePoliciesOid) {
    return IsStrictDer(extension.value) && ParsePolicies(extension.value, extension.critical, out);
  }
  for (const auto& [oid, parser] : kParsers) {
    if (extension.oid == oid) return IsStrictDer(extension.value) && parser(extension.value, out);
  }
  return true;
}

absl::Status ParseExtensions(ByteView content, Parsed& out) {
  const auto list = ReadSingle(content, der_tag::kSequence);
  if (!list || list->content.empty()) return Malformed("extensions are not a non-empty SEQUENCE");
  DerReader reader(list->content);
  while (!reader.done()) {
    if (out.extensions.size() == kMaxExtensions) return Malformed("more than 64 extensions");
    const auto element = reader.Read(der_tag::kSequence);
    if (!element) return Malformed("an extension is not a SEQUENCE");
    DerReader parts(element->content);
    const auto oid = parts.Read(der_tag::kOid);
    auto text = oid ? OidText(oid->content) : std::nullopt;
    if (!text) return Malformed("an extension has no OID");
    Parsed::Extension extension{*std::move(text), false, {}};
    if (parts.Next(der_tag::kBoolean)) {
      // DEFAULT FALSE: DER writes only TRUE.
      if (parts.Read()->content[0] != 0xff) return Malformed("critical is written as FALSE");
      extension.critical = true;
    }
    const auto value = parts.Read(der_tag::kOctetString);
    if (!value || !parts.done()) return Malformed("an extension has no value");
    extension.value = value->content;
    const bool repeated =
        std::any_of(out.extensions.begin(), out.extensions.end(),
                    [&](const Parsed::Extension& other) { return other.oid == extension.oid; });
    if (repeated) return Malformed("extension " + extension.oid + " appears twice");
    if (!ParseKnownExtension(extension, out)) {
      return Malformed("extension " + extension.oid + " is malformed");
    }
    if (extension.critical) out.critical_extensions.push_back(extension.oid);
    out.extensions.push_back(std::move(extension));
  }
  return absl::OkStatus();
}

absl::Status ParseValidity(const std::optional<DerElement>& validity, Parsed& out) {
  if (!validity) return Malformed("no validity");
  DerReader reader(validity->content);
  const auto not_before = reader.Read();
  const auto not_after = reader.Read();
  if (!not_before || !not_after || !reader.done()) return Malformed("validity is not two times");
  const auto from = ParseTime(*not_before);
  const auto to = ParseTime(*not_after);
  if (!from || !to) return Malformed("a time of the validity has a forbidden form");
  out.not_before = *from;
  out.not_after = *to;
  static const absl::Time k2050 = absl::FromCivil(absl::CivilSecond(2050), absl::UTCTimeZone());
  out.validity_form_conforms = (not_before->tag == der_tag::kUtcTime) == (*from < k2050) &&
                               (not_after->tag == der_tag::kUtcTime) == (*to < k2050);
  return absl::OkStatus();
}

// RFC 5280 section 4.1: TBSCertificate.
absl::Status ParseTbs(ByteView content, Parsed& out) {
  DerReader reader(content);
  if (reader.Next(der_tag::Constructed(0))) {
    const auto version = ReadSingle(reader.Read()->content, der_tag::kInteger);
    const auto number = version ? ToUint64(version->content) : std::nullopt;
    // v1 is the default, which DER leaves out.
    if (!number || *number < 1 || *number > 2) return Malformed("version is not v2 or v3");
    out.version = static_cast<int>(*number) + 1;
  }
  const auto serial = reader.Read(der_tag::kInteger);
  if (!serial) return Malformed("no serial number");
  out.serial = serial->content;
  const auto algorithm = reader.Read(der_tag::kSequence);
  if (!algorithm || !std::ranges::equal(algorithm->whole, out.signature_algorithm_der)) {
    return Malformed("inner and outer signature algorithm differ");
  }
  const auto issuer = reader.Read(der_tag::kSequence);
  if (!issuer || !IsName(issuer->whole)) return Malformed("issuer is not a Name");
  out.issuer = issuer->whole;
  MUSUBI_RETURN_IF_ERROR(ParseValidity(reader.Read(der_tag::kSequence), out));
  const auto subject = reader.Read(der_tag::kSequence);
  if (!subject || !IsName(subject->whole)) return Malformed("subject is not a Name");
  out.subject = subject->whole;
  const auto spki = reader.Read(der_tag::kSequence);
  if (!spki) return Malformed("no SubjectPublicKeyInfo");
  out.spki = spki->whole;
  DerReader key(spki->content);
  const auto key_algorithm = key.Read(der_tag::kSequence);
  const auto key_bits = WholeOctets(key.Read(der_tag::kBitString));
  if (!key_algorithm || !IsAlgorithmIdentifier(key_algorithm->whole) || !key_bits || !key.done()) {
    return Malformed("SubjectPublicKeyInfo is malformed");
  }
  out.public_key_bits = *key_bits;
  for (const int unique_id : {1, 2}) {
    if (!reader.Next(der_tag::Primitive(unique_id))) continue;
    if (out.version < 2) return Malformed("a v1 certificate has a unique identifier");
    reader.Read();
  }
  if (reader.Next(der_tag::Constructed(3))) {
    if (out.version < 3) return Malformed("extensions in a certificate that is not v3");
    MUSUBI_RETURN_IF_ERROR(ParseExtensions(reader.Read()->content, out));
  }
  if (!reader.done()) return Malformed("trailing data in TBSCertificate");
  return absl::OkStatus();
}

// OpenSSL must agree that it is a certificate, since it walks the path later.
absl::Status ParseWithOpenSsl(Parsed& out) {
  const uint8_t* at = out.der.data();
  X509* x509 = d2i_X509(nullptr, &at, static_cast<long>(out.der.size()));
  out.x509 = std::shared_ptr<X509>(x509, X509_free);
  // Fills the extension cache, which later calls only read.
  const bool invalid = x509 == nullptr || at != out.der.data() + out.der.size() ||
                       (X509_get_extension_flags(x509) & EXFLAG_INVALID) != 0;
  ERR_clear_error();
  if (invalid) return Malformed("an extension or a part of the certificate is malformed");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Certificate> Certificate::Parse(ByteView der) {
  if (der.size() > kMaxCertificateSize) {
    return absl::ResourceExhaustedError("certificate: " + std::to_string(der.size()) +
                                        " octets, the limit is " +
                                        std::to_string(kMaxCertificateSize));
  }
  auto parsed = std::make_shared<Parsed>();
  parsed->der = base::ToBytes(der);
  const auto certificate = ReadSingle(parsed->der, der_tag::kSequence);
  if (!certificate) return Malformed("not one SEQUENCE, or followed by other octets");
  if (!IsStrictDer(parsed->der)) return Malformed("not DER");
  DerReader reader(certificate->content);
  const auto tbs = reader.Read(der_tag::kSequence);
  const auto algorithm = reader.Read(der_tag::kSequence);
  const auto signature = WholeOctets(reader.Read(der_tag::kBitString));
  if (!tbs || !algorithm || !signature || !reader.done()) {
    return Malformed("not TBSCertificate, AlgorithmIdentifier and signature");
  }
  if (!IsAlgorithmIdentifier(algorithm->whole)) {
    return Malformed("signature algorithm is malformed");
  }
  parsed->tbs = tbs->whole;
  parsed->signature_algorithm_der = algorithm->whole;
  parsed->signature_algorithm = crypto::SignatureAlgorithmOf(algorithm->whole);
  parsed->signature = *signature;
  MUSUBI_RETURN_IF_ERROR(ParseTbs(tbs->content, *parsed));
  parsed->key_type = crypto::KeyTypeOf(parsed->spki);
  MUSUBI_RETURN_IF_ERROR(ParseWithOpenSsl(*parsed));
  return Certificate(std::move(parsed));
}

ByteView Certificate::der() const { return parsed_->der; }
ByteView Certificate::tbs_der() const { return parsed_->tbs; }
int Certificate::version() const { return parsed_->version; }
ByteView Certificate::serial() const { return parsed_->serial; }
ByteView Certificate::issuer_der() const { return parsed_->issuer; }
ByteView Certificate::subject_der() const { return parsed_->subject; }
ByteView Certificate::spki_der() const { return parsed_->spki; }
ByteView Certificate::public_key_bits() const { return parsed_->public_key_bits; }
std::optional<crypto::KeyType> Certificate::key_type() const { return parsed_->key_type; }
ByteView Certificate::signature_algorithm_der() const { return parsed_->signature_algorithm_der; }
std::optional<crypto::SignatureAlgorithm> Certificate::signature_algorithm() const {
  return parsed_->signature_algorithm;
}
ByteView Certificate::signature() const { return parsed_->signature; }
absl::Time Certificate::not_before() const { return parsed_->not_before; }
absl::Time Certificate::not_after() const { return parsed_->not_after; }
bool Certificate::validity_form_conforms() const { return parsed_->validity_form_conforms; }

std::optional<uint16_t> Certificate::key_usage() const { return parsed_->key_usage; }
bool Certificate::HasKeyUsage(KeyUsage usage) const {
  return (parsed_->key_usage.value_or(0) & static_cast<uint16_t>(usage)) != 0;
}
const std::optional<std::vector<std::string>>& Certificate::extended_key_usage() const {
  return parsed_->extended_key_usage;
}
const std::vector<std::string>& Certificate::policies() const { return parsed_->policies; }
bool Certificate::policies_critical() const { return parsed_->policies_critical; }
bool Certificate::is_ca() const { return parsed_->is_ca; }
std::optional<uint64_t> Certificate::path_length() const { return parsed_->path_length; }
const std::optional<AuthorityKeyIdentifier>& Certificate::authority_key_identifier() const {
  return parsed_->authority_key_identifier;
}
const std::optional<base::Bytes>& Certificate::subject_key_identifier() const {
  return parsed_->subject_key_identifier;
}
const std::vector<DistributionPoint>& Certificate::crl_distribution_points() const {
  return parsed_->crl_distribution_points;
}
const std::vector<std::string>& Certificate::ocsp_uris() const { return parsed_->ocsp_uris; }
bool Certificate::HasExtension(const std::string& oid) const {
  return std::any_of(parsed_->extensions.begin(), parsed_->extensions.end(),
                     [&](const Parsed::Extension& extension) { return extension.oid == oid; });
}
const std::vector<std::string>& Certificate::critical_extensions() const {
  return parsed_->critical_extensions;
}

}  // namespace musubi::pki
