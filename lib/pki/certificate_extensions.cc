#include "lib/pki/certificate_extensions.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "lib/base/same_octets.h"
#include "lib/pki/der.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::ByteView;
using base::SameOctets;

// Read(tag) of an optional part: `out` stays empty if another or nothing follows. False if it is
// there and malformed.
bool ReadOptional(DerReader& reader, uint8_t tag, std::optional<ByteView>& out) {
  if (!reader.Next(tag)) return true;
  const auto element = reader.Read();
  if (!element) return false;
  out = element->content;
  return true;
}

// A BIT STRING with named bits: DER leaves out zero bits at its end.
bool IsNamedBitList(ByteView content) {
  if (!IsCanonicalBitString(content)) return false;
  return content.size() == 1 || (content.back() & (1 << content[0])) != 0;
}

// The content of a SEQUENCE of at least one element that is the whole value.
std::optional<ByteView> ReadList(ByteView value) {
  const auto list = ReadSingle(value, der_tag::kSequence);
  if (!list || list->content.empty()) return std::nullopt;
  return list->content;
}

// Calls `test` with each element of a list; false if one is malformed or not taken.
template <typename Test>
bool EachOf(ByteView content, Test test) {
  for (DerReader reader(content); !reader.done();) {
    const auto element = reader.Read();
    if (!element || !test(*element)) return false;
  }
  return true;
}

// RFC 5280 section 4.2.1.3: at least one bit.
bool ReadKeyUsage(const ExtensionView& extension, CertificateView& out) {
  const auto bits = ReadSingle(extension.value, der_tag::kBitString);
  if (!bits || bits->content.size() < 2 || bits->content.size() > 3 ||
      !IsNamedBitList(bits->content)) {
    return false;
  }
  const ByteView octets = bits->content.subspan(1);
  uint16_t usage = 0;
  for (size_t i = 0; i < octets.size() * 8; ++i) {
    if ((octets[i / 8] & (0x80 >> (i % 8))) == 0) continue;
    if (i > 8) return false;
    usage = static_cast<uint16_t>(usage | (1 << i));
  }
  out.key_usage = usage;
  out.key_usage_critical = extension.critical;
  return true;
}

// RFC 5280 section 4.2.1.12.
bool ReadExtendedKeyUsage(const ExtensionView& extension, CertificateView& out) {
  out.extended_key_usage = ReadList(extension.value);
  return out.extended_key_usage && EachOf(*out.extended_key_usage, [](const DerElement& usage) {
           return usage.tag == der_tag::kOid && IsOid(usage.content);
         });
}

// RFC 5280 section 4.2.1.4: DisplayText.
bool IsDisplayText(const std::optional<DerElement>& text) {
  if (!text) return false;
  switch (text->tag) {
    case der_tag::kIa5String:
    case der_tag::kVisibleString:
    case der_tag::kBmpString:
    case der_tag::kUtf8String:
      return IsCanonicalText(text->tag, text->content);
    default:
      return false;
  }
}

// RFC 5280 section 4.2.1.4: UserNotice.
bool IsUserNotice(const DerElement& notice) {
  if (notice.tag != der_tag::kSequence) return false;
  DerReader parts(notice.content);
  if (parts.Next(der_tag::kSequence)) {
    const auto reference = parts.Read();
    if (!reference) return false;
    DerReader inner(reference->content);
    if (!IsDisplayText(inner.Read())) return false;
    const auto numbers = inner.Read(der_tag::kSequence);
    if (!numbers || !inner.done() || !EachOf(numbers->content, [](const DerElement& number) {
          return number.tag == der_tag::kInteger && IsMinimalInteger(number.content);
        })) {
      return false;
    }
  }
  return parts.done() || (IsDisplayText(parts.Read()) && parts.done());
}

// Tells of a qualifier that is not of RFC 5280.
bool ReadPolicyQualifier(const DerElement& element, CertificateView& out) {
  static constexpr uint8_t kCps[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x01};
  static constexpr uint8_t kUserNotice[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x02};
  if (element.tag != der_tag::kSequence) return false;
  DerReader parts(element.content);
  const auto id = parts.Read(der_tag::kOid);
  const auto qualifier = parts.Read();
  if (!id || !IsOid(id->content) || !qualifier || !parts.done()) return false;
  if (SameOctets(id->content, kCps)) {
    return qualifier->tag == der_tag::kIa5String &&
           IsCanonicalText(der_tag::kIa5String, qualifier->content);
  }
  if (SameOctets(id->content, kUserNotice)) return IsUserNotice(*qualifier);
  out.has_other_policy_qualifiers = true;
  return IsStrictDer(qualifier->whole);
}

// RFC 5280 section 4.2.1.4: an OID must not appear twice.
bool ReadPolicies(const ExtensionView& extension, CertificateView& out) {
  const auto list = ReadList(extension.value);
  if (!list) return false;
  size_t count = 0;
  const bool well_formed = EachOf(*list, [&](const DerElement& policy) {
    if (policy.tag != der_tag::kSequence || count == kMaxPolicies) return false;
    DerReader parts(policy.content);
    const auto id = parts.Read(der_tag::kOid);
    if (!id || !IsOid(id->content)) return false;
    OidCursor earlier(*list);
    for (size_t i = 0; i < count; ++i) {
      if (SameOctets(*earlier.Next(), id->content)) return false;
    }
    ++count;
    if (parts.done()) return true;
    const auto qualifiers = parts.Read(der_tag::kSequence);
    return qualifiers && !qualifiers->content.empty() && parts.done() &&
           EachOf(qualifiers->content,
                  [&](const DerElement& qualifier) { return ReadPolicyQualifier(qualifier, out); });
  });
  out.policies = *list;
  out.policies_critical = extension.critical;
  return well_formed;
}

// RFC 5280 section 4.2.1.9. cA is DEFAULT FALSE, which DER leaves out.
bool ReadBasicConstraints(const ExtensionView& extension, CertificateView& out) {
  const auto sequence = ReadSingle(extension.value, der_tag::kSequence);
  if (!sequence) return false;
  DerReader reader(sequence->content);
  std::optional<ByteView> ca;
  std::optional<ByteView> length;
  if (!ReadOptional(reader, der_tag::kBoolean, ca) ||
      !ReadOptional(reader, der_tag::kInteger, length) || !reader.done()) {
    return false;
  }
  if (ca && (ca->size() != 1 || (*ca)[0] != 0xff)) return false;
  out.has_basic_constraints = true;
  out.is_ca = ca.has_value();
  if (length) out.path_length = ToUint64(*length);
  return !length || out.path_length;
}

bool ReadAuthorityKeyIdentifier(const ExtensionView& extension, CertificateView& out) {
  return pki::ReadAuthorityKeyIdentifier(extension.value, out.authority_key_identifier.emplace());
}

// RFC 5280 section 4.2.1.2.
bool ReadSubjectKeyIdentifier(const ExtensionView& extension, CertificateView& out) {
  const auto octets = ReadSingle(extension.value, der_tag::kOctetString);
  if (octets) out.subject_key_identifier = octets->content;
  return octets.has_value();
}

// RFC 5280 section 4.2.1.13.
bool IsDistributionPoint(const DerElement& element) {
  if (element.tag != der_tag::kSequence) return false;
  DerReader parts(element.content);
  std::optional<ByteView> name;
  std::optional<ByteView> reasons;
  std::optional<ByteView> crl_issuer;
  if (!ReadOptional(parts, der_tag::Constructed(0), name) ||
      !ReadOptional(parts, der_tag::Primitive(1), reasons) ||
      !ReadOptional(parts, der_tag::Constructed(2), crl_issuer) || !parts.done()) {
    return false;
  }
  // A point must not consist of reasons alone, nor of nothing.
  if (!name && !crl_issuer) return false;
  if (name) {
    DerReader reader(*name);
    const auto form = reader.Read();
    if (!form || !reader.done()) return false;
    const bool full = form->tag == der_tag::Constructed(0) && IsGeneralNames(form->content);
    const bool relative = form->tag == der_tag::Constructed(1) && IsCommonRdn(form->content);
    if (!full && !relative) return false;
  }
  return (!reasons || IsNamedBitList(*reasons)) && (!crl_issuer || IsGeneralNames(*crl_issuer));
}

bool ReadCrlDistributionPoints(const ExtensionView& extension, CertificateView& out) {
  const auto list = ReadList(extension.value);
  if (!list) return false;
  out.crl_distribution_points = *list;
  return EachOf(*list, IsDistributionPoint);
}

// RFC 5280 section 4.2.2.1.
bool ReadAuthorityInfoAccess(const ExtensionView& extension, CertificateView& out) {
  const auto list = ReadList(extension.value);
  if (!list) return false;
  out.authority_info_access = *list;
  return EachOf(*list, [](const DerElement& access) {
    if (access.tag != der_tag::kSequence) return false;
    DerReader parts(access.content);
    const auto method = parts.Read(der_tag::kOid);
    const auto location = parts.Read();
    return method && IsOid(method->content) && location && parts.done() &&
           IsGeneralName(*location, GeneralNameUse::kName);
  });
}

// RFC 5280 sections 4.2.1.6 and 4.2.1.7.
bool ReadSubjectAltName(const ExtensionView& extension, CertificateView& out) {
  const auto list = ReadList(extension.value);
  out.has_subject_alt_name = true;
  // Section 4.1.2.6: the only name of a subject that has no other.
  static constexpr size_t kEmptyNameSize = 2;
  if (out.subject.size() == kEmptyNameSize && !extension.critical) return false;
  return list && IsGeneralNames(*list);
}
bool ReadIssuerAltName(const ExtensionView& extension, CertificateView&) {
  const auto list = ReadList(extension.value);
  return list && IsGeneralNames(*list);
}

// RFC 5280 section 4.2.1.5.
bool ReadPolicyMappings(const ExtensionView& extension, CertificateView& out) {
  out.has_path_constraints = true;
  const auto list = ReadList(extension.value);
  return list && EachOf(*list, [](const DerElement& mapping) {
           if (mapping.tag != der_tag::kSequence) return false;
           DerReader parts(mapping.content);
           const auto from = parts.Read(der_tag::kOid);
           const auto to = parts.Read(der_tag::kOid);
           return from && IsOid(from->content) && to && IsOid(to->content) && parts.done();
         });
}

// RFC 5280 section 4.2.1.11: at least one of the two.
bool ReadPolicyConstraints(const ExtensionView& extension, CertificateView& out) {
  out.has_path_constraints = true;
  const auto list = ReadList(extension.value);
  if (!list) return false;
  DerReader reader(*list);
  for (const int number : {0, 1}) {
    std::optional<ByteView> skip;
    if (!ReadOptional(reader, der_tag::Primitive(number), skip)) return false;
    if (skip && !ToUint64(*skip)) return false;
  }
  return reader.done();
}

// RFC 5280 section 4.2.1.14.
bool ReadInhibitAnyPolicy(const ExtensionView& extension, CertificateView& out) {
  out.has_path_constraints = true;
  const auto skip = ReadSingle(extension.value, der_tag::kInteger);
  return skip && ToUint64(skip->content);
}

// RFC 5280 section 4.2.1.10: minimum is DEFAULT 0, which DER leaves out.
bool IsSubtree(const DerElement& subtree) {
  if (subtree.tag != der_tag::kSequence) return false;
  DerReader parts(subtree.content);
  const auto base = parts.Read();
  if (!base || !IsGeneralName(*base, GeneralNameUse::kConstraint)) return false;
  std::optional<ByteView> minimum;
  std::optional<ByteView> maximum;
  return ReadOptional(parts, der_tag::Primitive(0), minimum) &&
         ReadOptional(parts, der_tag::Primitive(1), maximum) && parts.done() &&
         (!minimum || ToUint64(*minimum).value_or(0) > 0) && (!maximum || ToUint64(*maximum));
}

bool ReadNameConstraints(const ExtensionView& extension, CertificateView& out) {
  out.has_path_constraints = true;
  const auto list = ReadList(extension.value);
  if (!list) return false;
  DerReader reader(*list);
  for (const int number : {0, 1}) {
    std::optional<ByteView> subtrees;
    if (!ReadOptional(reader, der_tag::Constructed(number), subtrees)) return false;
    if (subtrees && (subtrees->empty() || !EachOf(*subtrees, IsSubtree))) return false;
  }
  return reader.done();
}

// Extensions of other sources that OpenSSL reads by itself.

// Netscape's certificate type: a BIT STRING.
bool ReadNetscapeCertificateType(const ExtensionView& extension, CertificateView&) {
  const auto bits = ReadSingle(extension.value, der_tag::kBitString);
  return bits && IsCanonicalBitString(bits->content);
}

// RFC 3779 section 2.2.3: NULL, or a SEQUENCE OF BIT STRING and of SEQUENCE of two of them.
bool IsAddressOrRange(const DerElement& element, uint8_t tag) {
  if (element.tag == tag) return IsStrictDer(element.whole);
  if (element.tag != der_tag::kSequence) return false;
  DerReader parts(element.content);
  const auto from = parts.Read(tag);
  const auto to = parts.Read(tag);
  return from && to && parts.done() && IsStrictDer(element.content);
}
bool IsInheritedOrList(const std::optional<DerElement>& choice, uint8_t tag) {
  if (!choice) return false;
  if (choice->tag == der_tag::kNull) return choice->content.empty();
  return choice->tag == der_tag::kSequence &&
         EachOf(choice->content, [&](const DerElement& e) { return IsAddressOrRange(e, tag); });
}

bool ReadIpAddressBlocks(const ExtensionView& extension, CertificateView&) {
  const auto list = ReadList(extension.value);
  return list && EachOf(*list, [](const DerElement& family) {
           if (family.tag != der_tag::kSequence) return false;
           DerReader parts(family.content);
           return parts.Read(der_tag::kOctetString) &&
                  IsInheritedOrList(parts.Read(), der_tag::kBitString) && parts.done();
         });
}

// RFC 3779 section 3.2.3.
bool ReadAutonomousSystemIds(const ExtensionView& extension, CertificateView&) {
  const auto list = ReadList(extension.value);
  if (!list) return false;
  DerReader reader(*list);
  for (const int number : {0, 1}) {
    std::optional<ByteView> choice;
    if (!ReadOptional(reader, der_tag::Constructed(number), choice)) return false;
    if (!choice) continue;
    DerReader inner(*choice);
    if (!IsInheritedOrList(inner.Read(), der_tag::kInteger) || !inner.done()) return false;
  }
  return reader.done();
}

// RFC 3820 section 3.8: a certificate that a user issued.
bool ReadProxyCertInfo(const ExtensionView& extension, CertificateView& out) {
  out.has_path_constraints = true;
  const auto list = ReadList(extension.value);
  if (!list) return false;
  DerReader reader(*list);
  std::optional<ByteView> length;
  if (!ReadOptional(reader, der_tag::kInteger, length) || (length && !ToUint64(*length))) {
    return false;
  }
  const auto policy = reader.Read(der_tag::kSequence);
  if (!policy || !reader.done()) return false;
  DerReader parts(policy->content);
  const auto language = parts.Read(der_tag::kOid);
  if (!language || !IsOid(language->content)) return false;
  return parts.done() || (parts.Read(der_tag::kOctetString) && parts.done());
}

using Read = bool (*)(const ExtensionView&, CertificateView&);

struct KnownExtension {
  ByteView oid;
  Read read;
  const char* fault;
};

constexpr uint8_t kNetscapeCertificateType[] = {0x60, 0x86, 0x48, 0x01, 0x86,
                                                0xf8, 0x42, 0x01, 0x01};
constexpr uint8_t kIpAddressBlocks[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x07};
constexpr uint8_t kAutonomousSystemIds[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x08};
constexpr uint8_t kProxyCertInfo[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x0e};

constexpr KnownExtension kKnown[] = {
    {oid::kSubjectKeyIdentifier, ReadSubjectKeyIdentifier, "subjectKeyIdentifier is malformed"},
    {oid::kKeyUsage, ReadKeyUsage, "keyUsage is malformed"},
    {oid::kSubjectAltName, ReadSubjectAltName,
     "subjectAltName is malformed, or not critical beside an empty subject"},
    {oid::kIssuerAltName, ReadIssuerAltName, "issuerAltName is malformed"},
    {oid::kBasicConstraints, ReadBasicConstraints, "basicConstraints is malformed"},
    {oid::kNameConstraints, ReadNameConstraints, "nameConstraints is malformed"},
    {oid::kCrlDistributionPoints, ReadCrlDistributionPoints, "cRLDistributionPoints is malformed"},
    {oid::kCertificatePolicies, ReadPolicies, "certificatePolicies is malformed"},
    {oid::kPolicyMappings, ReadPolicyMappings, "policyMappings is malformed"},
    {oid::kAuthorityKeyIdentifier, ReadAuthorityKeyIdentifier,
     "authorityKeyIdentifier is malformed"},
    {oid::kPolicyConstraints, ReadPolicyConstraints, "policyConstraints is malformed"},
    {oid::kExtendedKeyUsage, ReadExtendedKeyUsage, "extKeyUsage is malformed"},
    {oid::kInhibitAnyPolicy, ReadInhibitAnyPolicy, "inhibitAnyPolicy is malformed"},
    {oid::kAuthorityInfoAccess, ReadAuthorityInfoAccess, "authorityInfoAccess is malformed"},
    {kNetscapeCertificateType, ReadNetscapeCertificateType, "netscapeCertType is malformed"},
    {kIpAddressBlocks, ReadIpAddressBlocks, "IPAddrBlocks is malformed"},
    {kAutonomousSystemIds, ReadAutonomousSystemIds, "ASIdentifiers is malformed"},
    {kProxyCertInfo, ReadProxyCertInfo, "proxyCertInfo is malformed"},
};

// Finds an extension that was there before: by a bit for those of X.509 (2.5.29.n), which nearly
// all are, else by walking again over what came before.
class RepeatedExtension {
 public:
  explicit RepeatedExtension(ByteView list) : list_(list) {}

  // In the order of the list.
  bool Test(ByteView oid) {
    const size_t before = count_++;
    if (oid.size() == 3 && oid[0] == 0x55 && oid[1] == 0x1d && oid[2] < 0x80) {
      if (seen_[oid[2]]) return true;
      seen_[oid[2]] = true;
      return false;
    }
    if (!std::exchange(others_, true)) return false;
    ExtensionCursor earlier(list_);
    for (size_t i = 0; i < before; ++i) {
      if (SameOctets(earlier.Next()->oid, oid)) return true;
    }
    return false;
  }

 private:
  const ByteView list_;
  size_t count_ = 0;
  bool others_ = false;  // Whether one of another arc was there.
  std::bitset<128> seen_;
};

}  // namespace

bool ReadAuthorityKeyIdentifier(ByteView value, AuthorityKeyIdentifierView& out) {
  const auto sequence = ReadSingle(value, der_tag::kSequence);
  if (!sequence) return false;
  DerReader reader(sequence->content);
  std::optional<ByteView> issuer;
  if (!ReadOptional(reader, der_tag::Primitive(0), out.key_identifier) ||
      !ReadOptional(reader, der_tag::Constructed(1), issuer) ||
      !ReadOptional(reader, der_tag::Primitive(2), out.serial) || !reader.done()) {
    return false;
  }
  if (issuer) {
    if (!IsGeneralNames(*issuer)) return false;
    out.issuer_name = GeneralNameCursor(*issuer).Next(general_name::kDirectoryName);
  }
  return !out.serial || IsMinimalInteger(*out.serial);
}

const char* ReadCertificateExtensions(ByteView content, CertificateView& out) {
  const auto list = ReadList(content);
  if (!list) return "extensions are not a non-empty SEQUENCE";
  out.extensions = *list;
  RepeatedExtension repeated(*list);
  bool proxy = false;
  size_t count = 0;
  DerReader reader(*list);
  while (!reader.done()) {
    if (count++ == kMaxExtensions) return "more than 64 extensions";
    const auto element = reader.Read(der_tag::kSequence);
    if (!element) return "an extension is not a SEQUENCE";
    DerReader parts(element->content);
    const auto id = parts.Read(der_tag::kOid);
    if (!id || !IsOid(id->content)) return "an extension has no OID";
    ExtensionView extension{id->content, false, {}};
    if (parts.Next(der_tag::kBoolean)) {
      const auto critical = parts.Read();
      // DEFAULT FALSE: DER writes only TRUE.
      if (!critical || critical->content.size() != 1 || critical->content[0] != 0xff) {
        return "critical is not absent or TRUE";
      }
      extension.critical = true;
      out.has_critical_extensions = true;
    }
    const auto value = parts.Read(der_tag::kOctetString);
    if (!value || !parts.done()) return "an extension has no value";
    extension.value = value->content;
    if (repeated.Test(extension.oid)) return "an extension appears twice";
    for (const KnownExtension& known : kKnown) {
      // The last octet tells nearly all of them apart.
      if (known.oid.back() != extension.oid.back()) continue;
      if (!SameOctets(known.oid, extension.oid)) continue;
      if (!known.read(extension, out)) return known.fault;
      proxy = proxy || known.read == ReadProxyCertInfo;
      break;
    }
  }
  // RFC 3820 section 3.4 to 3.7; OpenSSL takes none either.
  if (proxy && (out.is_ca || out.HasExtension(oid::kSubjectAltName) ||
                out.HasExtension(oid::kIssuerAltName)))
    return "a proxy certificate is a CA's or has other names";
  return nullptr;
}

}  // namespace musubi::pki
