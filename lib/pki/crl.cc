#include "lib/pki/crl.h"

#include <algorithm>
#include <compare>
#include <utility>

#include "lib/base/same_octets.h"
#include "lib/crypto/signature.h"
#include "lib/pki/algorithm_identifier.h"
#include "lib/pki/certificate_extensions.h"
#include "lib/pki/der.h"
#include "lib/pki/extensions.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"

namespace musubi::pki {

using base::ByteView;

struct Crl::Parsed {
  base::Bytes der;
  ByteView tbs;
  ByteView signature_algorithm_der;
  ByteView signature;
  ByteView issuer;
  absl::Time this_update;
  std::optional<absl::Time> next_update;
  bool v2 = false;
  bool criticality_conforms = true;
  std::optional<base::Bytes> number;
  std::optional<base::Bytes> base_number;
  ByteView authority_key_identifier;
  ByteView issuing_distribution_point_der;
  std::optional<IssuingDistributionPoint> issuing_distribution_point;
  std::optional<absl::Time> expired_certificates_since;
  std::vector<CrlEntry> entries;
};

namespace {

// RFC 5280 sections 5.2 and 5.3; expiredCertsOnCRL is of X.509 (10/2016) section 9.5.2.6.
constexpr std::string_view kCrlNumberOid = "2.5.29.20";
constexpr std::string_view kReasonCodeOid = "2.5.29.21";
constexpr std::string_view kInvalidityDateOid = "2.5.29.24";
constexpr std::string_view kDeltaCrlIndicatorOid = "2.5.29.27";
constexpr std::string_view kIssuingDistributionPointOid = "2.5.29.28";
constexpr std::string_view kCertificateIssuerOid = "2.5.29.29";
constexpr std::string_view kAuthorityKeyIdentifierOid = "2.5.29.35";
constexpr std::string_view kExpiredCertificatesOid = "2.5.29.60";

// Octets of a serial or a CRL number (RFC 5280 sections 4.1.2.2 and 5.2.3), with a sign octet.
constexpr size_t kMaxIntegerSize = 21;

bool IsSmallInteger(ByteView content) {
  return IsMinimalInteger(content) && content.size() <= kMaxIntegerSize;
}

bool IsNegative(ByteView content) { return (content[0] & 0x80) != 0; }

bool SerialLess(ByteView a, ByteView b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::ranges::lexicographical_compare(a, b);
}

// RFC 5280 section 5.2.5: DistributionPointName.
bool ParsePointName(ByteView content, IssuingDistributionPoint& out) {
  DerReader reader(content);
  const auto form = reader.Read();
  if (!form || !reader.done()) return false;
  if (form->tag == der_tag::Constructed(1)) {
    out.relative_name = base::ToBytes(form->content);
    return IsCommonRdn(form->content);
  }
  if (form->tag != der_tag::Constructed(0) || !IsGeneralNames(form->content)) return false;
  out.full_name = base::ToBytes(form->content);
  GeneralNameCursor directory_names(form->content);
  while (const auto name = directory_names.Next(general_name::kDirectoryName)) {
    out.directory_names_der.push_back(base::ToBytes(*name));
  }
  GeneralNameCursor uris(form->content);
  while (const auto uri = uris.Next(general_name::kUri)) out.uris.push_back(base::ToString(*uri));
  return true;
}

// A [n] IMPLICIT BOOLEAN DEFAULT FALSE: nothing if malformed, which an explicit FALSE is in DER.
std::optional<bool> ReadFlag(DerReader& reader, int number) {
  if (!reader.Next(der_tag::Primitive(number))) return false;
  const auto flag = reader.Read();
  if (!flag || flag->content.size() != 1 || flag->content[0] != 0xff) return std::nullopt;
  return true;
}

// RFC 5280 section 5.2.5.
CrlOutcome ParseIssuingDistributionPoint(ByteView value, Crl::Parsed& out) {
  const auto sequence = ReadSingle(value, der_tag::kSequence);
  // An empty one is forbidden, and would look like a complete list's.
  if (!sequence || sequence->content.empty()) return CrlOutcome::kMalformed;
  IssuingDistributionPoint point;
  DerReader reader(sequence->content);
  if (reader.Next(der_tag::Constructed(0))) {
    const auto name = reader.Read();
    if (!name || !ParsePointName(name->content, point)) return CrlOutcome::kMalformed;
  }
  const auto only_users = ReadFlag(reader, 1);
  const auto only_cas = ReadFlag(reader, 2);
  if (reader.Next(der_tag::Primitive(3))) {
    const auto reasons = reader.Read();
    point.only_some_reasons = reasons ? ParseReasonFlags(reasons->content) : std::nullopt;
    if (!point.only_some_reasons) return CrlOutcome::kMalformed;
  }
  const auto indirect = ReadFlag(reader, 4);
  const auto only_attributes = ReadFlag(reader, 5);
  if (!only_users || !only_cas || !indirect || !only_attributes || !reader.done()) {
    return CrlOutcome::kMalformed;
  }
  if (*only_users + *only_cas + *only_attributes > 1) return CrlOutcome::kMalformed;
  point.only_user_certificates = *only_users;
  point.only_ca_certificates = *only_cas;
  point.only_attribute_certificates = *only_attributes;
  point.indirect = *indirect;
  out.issuing_distribution_point = std::move(point);
  out.issuing_distribution_point_der = value;
  return CrlOutcome::kUsable;
}

// RFC 5280 sections 5.2.3 and 5.2.4: a CRLNumber.
std::optional<base::Bytes> ParseNumber(ByteView value) {
  const auto number = ReadSingle(value, der_tag::kInteger);
  if (!number || !IsSmallInteger(number->content) || IsNegative(number->content)) {
    return std::nullopt;
  }
  return base::ToBytes(number->content);
}

CrlOutcome ParseCrlExtension(const Extension& extension, Crl::Parsed& out) {
  if (extension.oid == kDeltaCrlIndicatorOid) {
    // Whoever takes it for a complete list is wrong: it must be critical (section 5.2.4).
    out.base_number = ParseNumber(extension.value);
    return extension.critical && out.base_number ? CrlOutcome::kUsable : CrlOutcome::kMalformed;
  }
  if (extension.oid == kIssuingDistributionPointOid) {
    out.criticality_conforms = out.criticality_conforms && extension.critical;
    return IsStrictDer(extension.value) ? ParseIssuingDistributionPoint(extension.value, out)
                                        : CrlOutcome::kMalformed;
  }
  if (extension.oid == kCrlNumberOid) {
    out.criticality_conforms = out.criticality_conforms && !extension.critical;
    out.number = ParseNumber(extension.value);
    return out.number ? CrlOutcome::kUsable : CrlOutcome::kMalformed;
  }
  if (extension.oid == kExpiredCertificatesOid) {
    const auto time = ReadSingle(extension.value, der_tag::kGeneralizedTime);
    const auto since = time ? ParseTime(*time) : std::nullopt;
    if (!since) return CrlOutcome::kMalformed;
    out.expired_certificates_since = since;
    return CrlOutcome::kUsable;
  }
  // The key identifier is a hint; the signature decides.
  if (extension.oid == kAuthorityKeyIdentifierOid) {
    AuthorityKeyIdentifierView identifier;
    if (!ReadAuthorityKeyIdentifier(extension.value, identifier)) return CrlOutcome::kMalformed;
    out.criticality_conforms = out.criticality_conforms && !extension.critical;
    out.authority_key_identifier = extension.value;
    return CrlOutcome::kUsable;
  }
  return extension.critical ? CrlOutcome::kUnknownCriticalExtension : CrlOutcome::kUsable;
}

// RFC 5280 section 5.3.1. 7 is not used.
std::optional<CrlReason> ParseReason(ByteView value) {
  const auto reason = ReadSingle(value, der_tag::kEnumerated);
  if (!reason || reason->content.size() != 1) return std::nullopt;
  const int number = reason->content[0];
  if (number > 10 || number == 7) return std::nullopt;
  return static_cast<CrlReason>(number + 1);
}

// RFC 5280 section 5.3.3: GeneralNames with the distinguished name of the certificate's issuer.
std::optional<ByteView> ParseCertificateIssuer(ByteView value) {
  const auto names = ReadSingle(value, der_tag::kSequence);
  if (!names || !IsGeneralNames(names->content)) return std::nullopt;
  return GeneralNameCursor(names->content).Next(general_name::kDirectoryName);
}

CrlOutcome ParseEntryExtensions(ByteView content, CrlEntry& entry) {
  const auto extensions = ReadExtensions(content);
  if (!extensions) return CrlOutcome::kMalformed;
  for (const Extension& extension : *extensions) {
    if (extension.oid == kCertificateIssuerOid) {
      const auto issuer = ParseCertificateIssuer(extension.value);
      if (!issuer) return CrlOutcome::kMalformed;
      entry.issuer = *issuer;
    } else if (extension.oid == kReasonCodeOid) {
      const auto reason = ParseReason(extension.value);
      if (!reason) return CrlOutcome::kMalformed;
      entry.reason = *reason;
    } else if (extension.critical && extension.oid != kInvalidityDateOid) {
      return CrlOutcome::kUnknownCriticalEntryExtension;
    }
  }
  return CrlOutcome::kUsable;
}

CrlOutcome ParseEntries(ByteView content, Crl::Parsed& out) {
  // RFC 5280 section 5.1.2.6: without entries the list must be absent.
  if (content.empty()) return CrlOutcome::kMalformed;
  DerReader reader(content);
  // Section 5.3.3: an entry without certificateIssuer has that of the entry before it.
  ByteView issuer = out.issuer;
  while (!reader.done()) {
    const auto element = reader.Read(der_tag::kSequence);
    if (!element) return CrlOutcome::kMalformed;
    DerReader parts(element->content);
    const auto serial = parts.Read(der_tag::kInteger);
    const auto date = parts.Read();
    const auto time = date ? ParseTime(*date) : std::nullopt;
    if (!serial || !IsSmallInteger(serial->content) || !time) return CrlOutcome::kMalformed;
    CrlEntry entry{serial->content, *time, CrlReason::kNotGiven, issuer};
    if (!parts.done()) {
      if (!out.v2) return CrlOutcome::kVersionNotSupported;
      const auto extensions = parts.Read(der_tag::kSequence);
      if (!extensions || !parts.done()) return CrlOutcome::kMalformed;
      const CrlOutcome outcome = ParseEntryExtensions(extensions->content, entry);
      if (outcome != CrlOutcome::kUsable) return outcome;
    }
    issuer = entry.issuer;
    out.entries.push_back(entry);
  }
  std::ranges::stable_sort(out.entries, SerialLess, &CrlEntry::serial);
  return CrlOutcome::kUsable;
}

// What entries may say depends on extensions that come after them.
CrlOutcome CheckEntries(const Crl::Parsed& crl) {
  const bool indirect = crl.issuing_distribution_point && crl.issuing_distribution_point->indirect;
  for (const CrlEntry& entry : crl.entries) {
    // Section 5.3.1: removeFromCRL belongs to delta CRLs.
    if (entry.reason == CrlReason::kRemoveFromCrl && !crl.base_number) {
      return CrlOutcome::kMalformed;
    }
    if (entry.issuer.data() != crl.issuer.data() && !indirect) return CrlOutcome::kIndirect;
  }
  return CrlOutcome::kUsable;
}

// What keeps a list from being complete and direct.
CrlOutcome CheckCompleteDirect(const Crl::Parsed& crl) {
  if (!crl.v2) return CrlOutcome::kVersionNotSupported;
  if (crl.base_number) return CrlOutcome::kDelta;
  const auto& point = crl.issuing_distribution_point;
  if (!point) return CrlOutcome::kUsable;
  if (point->only_some_reasons) return CrlOutcome::kOnlySomeReasons;
  if (point->indirect) return CrlOutcome::kIndirect;
  if (point->names_distribution_point() && point->directory_names_der.empty() &&
      point->uris.empty()) {
    return CrlOutcome::kDistributionPointNotSupported;
  }
  return CrlOutcome::kUsable;
}

// RFC 5280 section 5.1.2: TBSCertList.
CrlOutcome ParseTbs(ByteView content, Crl::Parsed& out) {
  DerReader reader(content);
  // Without a version it is v1.
  if (reader.Next(der_tag::kInteger)) {
    const auto version = reader.Read();
    if (!version) return CrlOutcome::kMalformed;
    if (ToUint64(version->content) != 1) return CrlOutcome::kVersionNotSupported;
    out.v2 = true;
  }
  const auto algorithm = reader.Read(der_tag::kSequence);
  if (!algorithm) return CrlOutcome::kMalformed;
  if (!base::SameOctets(algorithm->whole, out.signature_algorithm_der)) {
    return CrlOutcome::kAlgorithmMismatch;
  }
  const auto issuer = reader.Read(der_tag::kSequence);
  const auto this_update = reader.Read();
  const auto this_time = this_update ? ParseTime(*this_update) : std::nullopt;
  if (!issuer || !IsCommonName(issuer->whole) || !this_time) return CrlOutcome::kMalformed;
  out.issuer = issuer->whole;
  out.this_update = *this_time;
  if (reader.Next(der_tag::kUtcTime) || reader.Next(der_tag::kGeneralizedTime)) {
    const auto next_update = reader.Read();
    out.next_update = next_update ? ParseTime(*next_update) : std::nullopt;
    if (!out.next_update) return CrlOutcome::kMalformed;
  }
  if (reader.Next(der_tag::kSequence)) {
    const auto entries = reader.Read();
    if (!entries) return CrlOutcome::kMalformed;
    const CrlOutcome outcome = ParseEntries(entries->content, out);
    if (outcome != CrlOutcome::kUsable) return outcome;
  }
  if (reader.Next(der_tag::Constructed(0))) {
    if (!out.v2) return CrlOutcome::kVersionNotSupported;
    const auto tagged = reader.Read();
    const auto list = tagged ? ReadSingle(tagged->content, der_tag::kSequence) : std::nullopt;
    const auto extensions = list ? ReadExtensions(list->content) : std::nullopt;
    if (!extensions) return CrlOutcome::kMalformed;
    for (const Extension& extension : *extensions) {
      const CrlOutcome outcome = ParseCrlExtension(extension, out);
      if (outcome != CrlOutcome::kUsable) return outcome;
    }
  }
  return reader.done() ? CheckEntries(out) : CrlOutcome::kMalformed;
}

CrlOutcome ParseList(Crl::Parsed& out) {
  const auto list = ReadSingle(out.der, der_tag::kSequence);
  if (!list || !IsStrictDer(out.der)) return CrlOutcome::kMalformed;
  DerReader reader(list->content);
  const auto tbs = reader.Read(der_tag::kSequence);
  const auto algorithm = reader.Read(der_tag::kSequence);
  const auto signature = reader.Read(der_tag::kBitString);
  if (!tbs || !algorithm || !IsAlgorithmIdentifier(*algorithm) || !signature || !reader.done() ||
      signature->content[0] != 0) {
    return CrlOutcome::kMalformed;
  }
  out.tbs = tbs->whole;
  out.signature_algorithm_der = algorithm->whole;
  out.signature = signature->content.subspan(1);
  return ParseTbs(tbs->content, out);
}

}  // namespace

std::optional<ReasonFlags> ParseReasonFlags(ByteView content) {
  if (!IsCanonicalBitString(content)) return std::nullopt;
  ReasonFlags flags = 0;
  const ByteView octets = content.subspan(1);
  for (size_t i = 0; i < octets.size() * 8; ++i) {
    if ((octets[i / 8] & (0x80 >> (i % 8))) == 0) continue;
    if (i > 8) return std::nullopt;
    // Bit 0 means nothing.
    flags = static_cast<ReasonFlags>((flags | (1 << i)) & kAllReasons);
  }
  return flags;
}

CrlParseResult ParseCrl(base::Bytes der, CrlForms forms) {
  if (der.size() > kMaxCrlSize) return {CrlOutcome::kTooLarge, std::nullopt};
  auto parsed = std::make_shared<Crl::Parsed>();
  parsed->der = std::move(der);
  CrlOutcome outcome = ParseList(*parsed);
  if (outcome == CrlOutcome::kUsable && forms == CrlForms::kCompleteDirect) {
    outcome = CheckCompleteDirect(*parsed);
  }
  if (outcome != CrlOutcome::kUsable) return {outcome, std::nullopt};
  return {outcome, Crl(std::move(parsed))};
}

Crl::Crl(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

ByteView Crl::der() const { return parsed_->der; }
ByteView Crl::issuer_der() const { return parsed_->issuer; }
absl::Time Crl::this_update() const { return parsed_->this_update; }
std::optional<absl::Time> Crl::next_update() const { return parsed_->next_update; }
const std::optional<base::Bytes>& Crl::number() const { return parsed_->number; }
const std::optional<IssuingDistributionPoint>& Crl::issuing_distribution_point() const {
  return parsed_->issuing_distribution_point;
}
const std::optional<base::Bytes>& Crl::base_number() const { return parsed_->base_number; }
ByteView Crl::authority_key_identifier_der() const { return parsed_->authority_key_identifier; }
ByteView Crl::issuing_distribution_point_der() const {
  return parsed_->issuing_distribution_point_der;
}
std::optional<absl::Time> Crl::expired_certificates_since() const {
  return parsed_->expired_certificates_since;
}
bool Crl::conforms() const {
  return parsed_->v2 && parsed_->next_update && parsed_->number &&
         !parsed_->authority_key_identifier.empty() && parsed_->criticality_conforms;
}
const std::vector<CrlEntry>& Crl::entries() const { return parsed_->entries; }

std::optional<CrlEntry> Crl::Find(ByteView serial) const { return Find(serial, parsed_->issuer); }

std::optional<CrlEntry> Crl::Find(ByteView serial, ByteView issuer_der) const {
  const auto& entries = parsed_->entries;
  // Clang 14 cannot walk over what std::ranges::equal_range returns.
  for (auto entry = std::ranges::lower_bound(entries, serial, SerialLess, &CrlEntry::serial);
       entry != entries.end() && base::SameOctets(entry->serial, serial); ++entry) {
    if (entry->issuer.data() == issuer_der.data() || SameName(entry->issuer, issuer_der)) {
      return *entry;
    }
  }
  return std::nullopt;
}

CrlOutcome CheckCrlSignature(const Crl& crl, const Certificate& signer) {
  const Crl::Parsed& parsed = crl.parsed();
  if (!SameName(parsed.issuer, signer.subject_der())) return CrlOutcome::kWrongIssuer;
  // RFC 5280 section 6.3.3 (f): only if keyUsage is present.
  if (signer.key_usage().has_value() && !signer.HasKeyUsage(KeyUsage::kCrlSign)) {
    return CrlOutcome::kSignerNotAllowed;
  }
  const auto algorithm = crypto::SignatureAlgorithmOf(parsed.signature_algorithm_der);
  const auto key = signer.key_type();
  if (!algorithm || !key) return CrlOutcome::kAlgorithmNotAllowed;
  return crypto::VerifySignature(crypto::ForKey(*algorithm, *key), signer.spki_der(), parsed.tbs,
                                 parsed.signature)
             ? CrlOutcome::kUsable
             : CrlOutcome::kBadSignature;
}

CrlOutcome CheckCrlTime(const Crl& crl, absl::Time now, absl::Duration skew) {
  return CheckCrlTime(crl.this_update(), crl.next_update(), now, skew);
}

CrlOutcome CheckCrlTime(absl::Time this_update, const std::optional<absl::Time>& next_update,
                        absl::Time now, absl::Duration skew) {
  if (this_update > now + skew) return CrlOutcome::kNotYetValid;
  if (!next_update) return CrlOutcome::kNextUpdateMissing;
  return *next_update < now ? CrlOutcome::kStale : CrlOutcome::kUsable;
}

CrlOutcome CheckCrlScope(const Crl& crl, const Certificate& target) {
  const auto& scope = crl.issuing_distribution_point();
  if (!scope) return CrlOutcome::kUsable;
  if (scope->only_attribute_certificates || (scope->only_user_certificates && target.is_ca()) ||
      (scope->only_ca_certificates && !target.is_ca())) {
    return CrlOutcome::kForeignScope;
  }
  if (!scope->names_distribution_point()) return CrlOutcome::kUsable;
  for (const DistributionPoint& point : target.crl_distribution_points()) {
    if (point.only_some_reasons || point.other_crl_issuer) continue;
    for (const base::Bytes& name : point.directory_names_der) {
      if (std::ranges::any_of(scope->directory_names_der,
                              [&](const base::Bytes& other) { return SameName(name, other); })) {
        return CrlOutcome::kUsable;
      }
    }
    for (const std::string& uri : point.uris) {
      if (std::ranges::find(scope->uris, uri) != scope->uris.end()) return CrlOutcome::kUsable;
    }
  }
  return CrlOutcome::kForeignScope;
}

int CompareCrlNumbers(ByteView a, ByteView b) {
  // Both are minimal: without the sign octet the longer one is the larger.
  if (!a.empty() && a[0] == 0) a = a.subspan(1);
  if (!b.empty() && b[0] == 0) b = b.subspan(1);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const auto order = std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

std::string_view Name(CrlOutcome outcome) {
  switch (outcome) {
    case CrlOutcome::kUnspecified:
      return "UNSPECIFIED";
    case CrlOutcome::kUsable:
      return "USABLE";
    case CrlOutcome::kTooLarge:
      return "TOO_LARGE";
    case CrlOutcome::kMalformed:
      return "MALFORMED";
    case CrlOutcome::kVersionNotSupported:
      return "VERSION_NOT_SUPPORTED";
    case CrlOutcome::kAlgorithmMismatch:
      return "ALGORITHM_MISMATCH";
    case CrlOutcome::kUnknownCriticalExtension:
      return "UNKNOWN_CRITICAL_EXTENSION";
    case CrlOutcome::kUnknownCriticalEntryExtension:
      return "UNKNOWN_CRITICAL_ENTRY_EXTENSION";
    case CrlOutcome::kDelta:
      return "DELTA";
    case CrlOutcome::kIndirect:
      return "INDIRECT";
    case CrlOutcome::kOnlySomeReasons:
      return "ONLY_SOME_REASONS";
    case CrlOutcome::kDistributionPointNotSupported:
      return "DISTRIBUTION_POINT_NOT_SUPPORTED";
    case CrlOutcome::kWrongIssuer:
      return "WRONG_ISSUER";
    case CrlOutcome::kSignerNotAllowed:
      return "SIGNER_NOT_ALLOWED";
    case CrlOutcome::kAlgorithmNotAllowed:
      return "ALGORITHM_NOT_ALLOWED";
    case CrlOutcome::kBadSignature:
      return "BAD_SIGNATURE";
    case CrlOutcome::kNotYetValid:
      return "NOT_YET_VALID";
    case CrlOutcome::kStale:
      return "STALE";
    case CrlOutcome::kNextUpdateMissing:
      return "NEXT_UPDATE_MISSING";
    case CrlOutcome::kForeignScope:
      return "FOREIGN_SCOPE";
  }
  return "UNSPECIFIED";
}

}  // namespace musubi::pki
