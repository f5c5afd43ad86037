#include "lib/pki/certificate_view.h"

#include <algorithm>
#include <type_traits>

#include "lib/base/same_octets.h"
#include "lib/pki/algorithm_identifier.h"
#include "lib/pki/certificate_extensions.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::ByteView;

static_assert(std::is_trivially_copyable_v<CertificateView>);

// BIT STRING content without the unused-bits octet, which must be 0.
std::optional<ByteView> WholeOctets(const std::optional<DerElement>& bit_string) {
  if (!bit_string || bit_string->content.empty() || bit_string->content[0] != 0) {
    return std::nullopt;
  }
  return bit_string->content.subspan(1);
}

const char* ReadValidity(const std::optional<DerElement>& validity, CertificateView& out) {
  if (!validity) return "no validity";
  DerReader reader(validity->content);
  const auto not_before = reader.Read();
  const auto not_after = reader.Read();
  if (!not_before || !not_after || !reader.done()) return "validity is not two times";
  const auto from = ParseTime(*not_before);
  const auto to = ParseTime(*not_after);
  if (!from || !to) return "a time of the validity has a forbidden form";
  out.not_before = *from;
  out.not_after = *to;
  static constexpr int64_t k2050 = 2524608000;  // 2050-01-01T00:00:00Z.
  const absl::Time y2050 = absl::FromUnixSeconds(k2050);
  out.validity_form_conforms = (not_before->tag == der_tag::kUtcTime) == (*from < y2050) &&
                               (not_after->tag == der_tag::kUtcTime) == (*to < y2050);
  return nullptr;
}

const char* ReadPublicKey(const std::optional<DerElement>& spki, CertificateView& out) {
  if (!spki) return "no SubjectPublicKeyInfo";
  out.spki = spki->whole;
  DerReader reader(spki->content);
  const auto algorithm = reader.Read(der_tag::kSequence);
  const auto bits = WholeOctets(reader.Read(der_tag::kBitString));
  if (!algorithm || !IsAlgorithmIdentifier(*algorithm) || !HasRsaParameters(*algorithm) || !bits ||
      !reader.done()) {
    return "SubjectPublicKeyInfo is malformed";
  }
  out.public_key_bits = *bits;
  out.key_type = crypto::KeyTypeOf(out.spki);
  return nullptr;
}

// RFC 5280 section 4.1: TBSCertificate.
const char* ReadTbs(ByteView content, CertificateView& out) {
  DerReader reader(content);
  if (reader.Next(der_tag::Constructed(0))) {
    const auto explicit_version = reader.Read();
    const auto version =
        explicit_version ? ReadSingle(explicit_version->content, der_tag::kInteger) : std::nullopt;
    const auto number = version ? ToUint64(version->content) : std::nullopt;
    // v1 is the default, which DER leaves out.
    if (!number || *number < 1 || *number > 2) return "version is not v2 or v3";
    out.version = static_cast<int>(*number) + 1;
  }
  const auto serial = reader.Read(der_tag::kInteger);
  if (!serial || !IsMinimalInteger(serial->content)) return "no serial number";
  out.serial = serial->content;
  const auto algorithm = reader.Read(der_tag::kSequence);
  if (!algorithm || !base::SameOctets(algorithm->whole, out.signature_algorithm_der)) {
    return "inner and outer signature algorithm differ";
  }
  const auto issuer = reader.Read(der_tag::kSequence);
  if (!issuer || !IsCommonName(issuer->whole)) return "issuer is not a Name";
  out.issuer = issuer->whole;
  if (const char* fault = ReadValidity(reader.Read(der_tag::kSequence), out)) return fault;
  const auto subject = reader.Read(der_tag::kSequence);
  if (!subject || !IsCommonName(subject->whole)) return "subject is not a Name";
  out.subject = subject->whole;
  if (const char* fault = ReadPublicKey(reader.Read(der_tag::kSequence), out)) return fault;
  for (const int unique_id : {1, 2}) {
    if (!reader.Next(der_tag::Primitive(unique_id))) continue;
    if (out.version < 2) return "a v1 certificate has a unique identifier";
    const auto bits = reader.Read();
    if (!bits || !IsCanonicalBitString(bits->content)) return "a unique identifier is malformed";
  }
  if (reader.Next(der_tag::Constructed(3))) {
    if (out.version < 3) return "extensions in a certificate that is not v3";
    const auto extensions = reader.Read();
    if (!extensions) return "extensions are cut off";
    if (const char* fault = ReadCertificateExtensions(extensions->content, out)) return fault;
  }
  return reader.done() ? nullptr : "trailing data in TBSCertificate";
}

const char* ReadCertificate(ByteView der, CertificateView& out) {
  const auto certificate = ReadSingle(der, der_tag::kSequence);
  if (!certificate) return "not one SEQUENCE, or followed by other octets";
  DerReader reader(certificate->content);
  const auto tbs = reader.Read(der_tag::kSequence);
  const auto algorithm = reader.Read(der_tag::kSequence);
  const auto signature = WholeOctets(reader.Read(der_tag::kBitString));
  if (!tbs || !algorithm || !signature || !reader.done()) {
    return "not TBSCertificate, AlgorithmIdentifier and signature";
  }
  if (!IsAlgorithmIdentifier(*algorithm) || !HasRsaParameters(*algorithm)) {
    return "signature algorithm is malformed";
  }
  out.der = der;
  out.tbs = tbs->whole;
  out.signature_algorithm_der = algorithm->whole;
  out.signature_algorithm = crypto::SignatureAlgorithmOf(algorithm->whole);
  out.signature = *signature;
  return ReadTbs(tbs->content, out);
}

}  // namespace

CertificateParse ParseCertificateView(ByteView der, CertificateView& out) {
  out = CertificateView();
  if (der.size() > kMaxCertificateSize) return {CertificateFault::kTooLarge, "too large"};
  if (const char* fault = ReadCertificate(der, out)) return {CertificateFault::kMalformed, fault};
  return {};
}

std::optional<ExtensionView> ExtensionCursor::Next() {
  const auto element = reader_.Read();
  if (!element) return std::nullopt;
  DerReader parts(element->content);
  ExtensionView extension{parts.Read()->content, parts.Next(der_tag::kBoolean), {}};
  if (extension.critical) parts.Read();
  extension.value = parts.Read()->content;
  return extension;
}

std::optional<ByteView> OidCursor::Next() {
  const auto element = reader_.Read();
  if (!element) return std::nullopt;
  if (element->tag == der_tag::kOid) return element->content;
  return DerReader(element->content).Read()->content;
}

std::optional<DistributionPointView> DistributionPointCursor::Next() {
  const auto element = reader_.Read();
  if (!element) return std::nullopt;
  DistributionPointView point;
  DerReader parts(element->content);
  if (parts.Next(der_tag::Constructed(0))) {
    const auto name = DerReader(parts.Read()->content).Read();
    (name->tag == der_tag::Constructed(0) ? point.full_name : point.relative_name) = name->content;
  }
  if (parts.Next(der_tag::Primitive(1))) point.reasons = parts.Read()->content;
  if (parts.Next(der_tag::Constructed(2))) point.crl_issuer = parts.Read()->content;
  return point;
}

std::optional<ByteView> OcspUriCursor::Next() {
  while (const auto access = reader_.Read()) {
    DerReader parts(access->content);
    const auto method = parts.Read();
    const auto location = parts.Read();
    if (location->tag == general_name::kUri &&
        base::SameOctets(method->content, oid::kOcspAccessMethod)) {
      return location->content;
    }
  }
  return std::nullopt;
}

bool CertificateView::HasExtendedKeyUsage(ByteView oid) const {
  OidCursor cursor = ExtendedKeyUsages();
  while (const auto usage = cursor.Next()) {
    if (base::SameOctets(*usage, oid)) return true;
  }
  return false;
}

bool CertificateView::HasPolicy(ByteView oid) const {
  OidCursor cursor = Policies();
  while (const auto policy = cursor.Next()) {
    if (base::SameOctets(*policy, oid)) return true;
  }
  return false;
}

bool CertificateView::HasExtension(ByteView oid) const {
  ExtensionCursor cursor = Extensions();
  while (const auto extension = cursor.Next()) {
    if (base::SameOctets(extension->oid, oid)) return true;
  }
  return false;
}

}  // namespace musubi::pki
