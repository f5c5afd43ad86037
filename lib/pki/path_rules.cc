#include "lib/pki/path_rules.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "lib/base/same_octets.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/der.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::ByteView;

// What lib/pki has no other use for: content octets of OIDs.
constexpr uint8_t kFreshestCrl[] = {0x55, 0x1d, 0x2e};
constexpr uint8_t kSubjectInfoAccess[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x0b};

constexpr size_t kMaxHostName = 253;  // RFC 1123 section 2.1, RFC 1035 section 3.1.
constexpr size_t kMaxLabel = 63;

std::optional<ExtensionView> Find(const Certificate& certificate, ByteView oid) {
  ExtensionCursor extensions = certificate.view().Extensions();
  while (auto extension = extensions.Next()) {
    if (base::SameOctets(extension->oid, oid)) return extension;
  }
  return std::nullopt;
}

bool IsCritical(const Certificate& certificate, ByteView oid) {
  const auto extension = Find(certificate, oid);
  return extension && extension->critical;
}

bool IsEmptyName(ByteView name) { return name.size() == 2; }

bool IsSelfSigned(const Certificate& certificate) {
  const auto algorithm = certificate.signature_algorithm();
  const auto key = certificate.key_type();
  return SameName(certificate.subject_der(), certificate.issuer_der()) && algorithm && key &&
         crypto::VerifySignature(crypto::ForKey(*algorithm, *key), certificate.spki_der(),
                                 certificate.tbs_der(), certificate.signature());
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// The preferred name syntax of RFC 1034 section 3.5 with RFC 1123 section 2.1: the last label is no
// number, so that no address passes for a name.
bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > kMaxHostName) return false;
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') {
      return false;
    }
    if (!std::all_of(label.begin(), label.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-'; })) {
      return false;
    }
    if (dot == std::string_view::npos) return !IsDigits(label);
    text.remove_prefix(dot + 1);
  }
}

// An address in text: dotted decimal, or in brackets.
bool IsAddressText(std::string_view host) {
  if (!host.empty() && host.front() == '[') return true;
  return IsDigits(host.substr(host.rfind('.') + 1));
}

// RFC 2821 section 4.1.2.
bool IsMailbox(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0) return false;
  std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (!IsHostName(domain) && !(domain.starts_with('[') && domain.ends_with(']'))) return false;
  if (local.size() > 1 && local.front() == '"' && local.back() == '"') return true;
  char last = '.';  // Dots stand between atoms only.
  for (const char c : local) {
    const bool atext = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                       std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
    if (!atext && (c != '.' || last == '.')) return false;
    last = c;
  }
  return last != '.';
}

// The host of an absolute URI with authority (RFC 3986 section 3.2.2); empty if it has none.
std::string_view HostOf(std::string_view uri) {
  const size_t authority = uri.find("://");
  if (authority == std::string_view::npos) return {};
  uri.remove_prefix(authority + 3);
  uri = uri.substr(0, uri.find_first_of("/?#"));
  if (const size_t at = uri.rfind('@'); at != std::string_view::npos) uri.remove_prefix(at + 1);
  if (uri.starts_with('[')) return uri.substr(0, uri.find(']') + 1);
  return uri.substr(0, uri.find(':'));
}

bool IsAbsoluteUri(std::string_view uri) {
  const size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == uri.size()) return false;
  const std::string_view scheme = uri.substr(0, colon);
  const bool is_scheme = absl::ascii_isalpha(static_cast<unsigned char>(scheme.front())) &&
                         std::all_of(scheme.begin(), scheme.end(), [](unsigned char c) {
                           return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.';
                         });
  if (!is_scheme) return false;
  if (uri.substr(colon + 1, 2) != "//") return true;
  const std::string_view host = HostOf(uri);
  return IsHostName(host) || IsAddressText(host);
}

bool IsConformingName(const DerElement& name) {
  std::string_view text = base::AsText(name.content);
  switch (name.tag) {
    case general_name::kRfc822Name:
      return IsMailbox(text);
    case general_name::kDnsName:
      if (text.starts_with("*.")) text.remove_prefix(2);
      return IsHostName(text);
    case general_name::kUri:
      return IsAbsoluteUri(text);
    case general_name::kIpAddress:
      return name.content.size() == 4 || name.content.size() == 16;
    default:
      return true;
  }
}

// An address and a mask of ones before zeros, as in CIDR.
bool IsAddressRange(ByteView content) {
  if (content.size() != 8 && content.size() != 32) return false;
  bool ended = false;
  for (const uint8_t octet : content.subspan(content.size() / 2)) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool one = ((octet >> bit) & 1) != 0;
      if (one && ended) return false;
      ended = !one;
    }
  }
  return true;
}

bool IsConformingBase(const DerElement& base) {
  std::string_view text = base::AsText(base.content);
  switch (base.tag) {
    case general_name::kRfc822Name:
      if (text.find('@') != std::string_view::npos) return IsMailbox(text);
      [[fallthrough]];
    case general_name::kUri:
      if (text.starts_with('.')) text.remove_prefix(1);
      return IsHostName(text);
    case general_name::kDnsName:
      return text.empty() || IsHostName(text);  // Empty: every name.
    case general_name::kIpAddress:
      return IsAddressRange(base.content);
    default:
      return true;
  }
}

// Calls `visit(excluded, base)` for every subtree of a NameConstraints value until it returns
// false. False if it did, or if the value is malformed or holds no subtree.
template <typename Visit>
bool ForEachSubtree(ByteView value, const Visit& visit) {
  const auto sequence = ReadSingle(value, der_tag::kSequence);
  if (!sequence || sequence->content.empty()) return false;
  DerReader lists(sequence->content);
  for (const int number : {0, 1}) {
    if (!lists.Next(der_tag::Constructed(number))) continue;
    const auto list = lists.Read();
    if (!list || list->content.empty()) return false;
    DerReader subtrees(list->content);
    while (!subtrees.done()) {
      const auto subtree = subtrees.Read(der_tag::kSequence);
      if (!subtree) return false;
      DerReader parts(subtree->content);
      const auto base = parts.Read();
      // minimum is 0, its default, and maximum absent (RFC 5280 section 4.2.1.10).
      if (!base || !parts.done() || !visit(number == 1, *base)) return false;
    }
  }
  return lists.done();
}

// Calls `visit(name)` for every name of subjectAltName until it returns false. False if it did, or
// if the value is malformed or holds no name; true without the extension.
template <typename Visit>
bool ForEachAltName(const Certificate& certificate, const Visit& visit) {
  const auto extension = Find(certificate, oid::kSubjectAltName);
  if (!extension) return true;
  const auto names = ReadSingle(extension->value, der_tag::kSequence);
  if (!names || names->content.empty()) return false;
  DerReader reader(names->content);
  while (!reader.done()) {
    const auto name = reader.Read();
    if (!name || !visit(*name)) return false;
  }
  return true;
}

std::optional<std::string> CheckNames(const Certificate& certificate) {
  if (IsEmptyName(certificate.issuer_der())) return "empty issuer";
  if (IsEmptyName(certificate.subject_der())) {
    if (certificate.is_ca()) return "a CA with an empty subject";
    if (!IsCritical(certificate, oid::kSubjectAltName)) {
      return "empty subject without a critical subjectAltName";
    }
  }
  if (!ForEachAltName(certificate, IsConformingName)) return "malformed name in subjectAltName";
  return std::nullopt;
}

std::optional<std::string> CheckKeyIdentifiers(const Certificate& certificate) {
  if (IsCritical(certificate, oid::kAuthorityKeyIdentifier)) return "critical AKI";
  if (IsCritical(certificate, oid::kSubjectKeyIdentifier)) return "critical SKI";
  const auto& issuers = certificate.authority_key_identifier();
  if (!(issuers && issuers->key_identifier) && !IsSelfSigned(certificate)) {
    return "no keyIdentifier of the issuer";
  }
  if (certificate.is_ca() && !certificate.subject_key_identifier()) return "a CA without SKI";
  return std::nullopt;
}

std::optional<std::string> CheckConstraints(const Certificate& certificate) {
  const bool ca = certificate.is_ca();
  const bool signs_certificates = certificate.HasKeyUsage(KeyUsage::kKeyCertSign);
  if (ca && !IsCritical(certificate, oid::kBasicConstraints)) {
    return "basicConstraints of a CA not critical";
  }
  if (!ca && signs_certificates) return "keyCertSign without cA";
  if (ca && certificate.key_usage() && !signs_certificates) return "cA without keyCertSign";
  if (!ca && certificate.path_length()) return "pathLenConstraint without cA";
  if (const auto names = Find(certificate, oid::kNameConstraints)) {
    if (!ca) return "nameConstraints without cA";
    if (!names->critical) return "nameConstraints not critical";
    if (!ForEachSubtree(names->value, [](bool /*excluded*/, const DerElement& base) {
          return IsConformingBase(base);
        })) {
      return "malformed nameConstraints";
    }
  }
  if (const auto policies = Find(certificate, oid::kPolicyConstraints)) {
    if (!policies->critical) return "policyConstraints not critical";
    const auto sequence = ReadSingle(policies->value, der_tag::kSequence);
    if (!sequence || sequence->content.empty()) return "empty policyConstraints";
  }
  if (Find(certificate, oid::kInhibitAnyPolicy) &&
      !IsCritical(certificate, oid::kInhibitAnyPolicy)) {
    return "inhibitAnyPolicy not critical";
  }
  return std::nullopt;
}

}  // namespace

bool HasConformingForms(const Certificate& certificate) {
  const ByteView serial = certificate.serial();
  const bool zero = serial.size() == 1 && serial[0] == 0;
  return serial.size() <= 20 && (serial[0] & 0x80) == 0 && !zero &&
         certificate.validity_form_conforms();
}

std::optional<std::string> CheckConformance(const Certificate& certificate) {
  if (!HasConformingForms(certificate)) return "form of the serial or of a time";
  if (auto fault = CheckNames(certificate)) return fault;
  if (auto fault = CheckKeyIdentifiers(certificate)) return fault;
  if (auto fault = CheckConstraints(certificate)) return fault;
  for (const ByteView oid : {ByteView(kFreshestCrl), ByteView(oid::kAuthorityInfoAccess),
                             ByteView(kSubjectInfoAccess)}) {
    if (IsCritical(certificate, oid)) return "critical " + OidText(oid).value_or("");
  }
  return std::nullopt;
}

std::optional<int> CheckNamesOfPath(const std::vector<Certificate>& path, bool anchor_is_held) {
  // What the issuers above exclude by host name, and whether they constrain URIs at all.
  std::vector<std::string> excluded_hosts;
  bool uris_constrained = false;
  for (size_t i = path.size() - (anchor_is_held ? 0 : 1); i-- > 0;) {
    const Certificate& certificate = path[i];
    const bool exempt = i != 0 && SameName(certificate.subject_der(), certificate.issuer_der());
    const bool fits = exempt || ForEachAltName(certificate, [&](const DerElement& name) {
                        const std::string_view text = base::AsText(name.content);
                        if (name.tag == general_name::kUri)
                          return !(uris_constrained && IsAddressText(HostOf(text)));
                        if (name.tag != general_name::kDnsName || !text.starts_with("*."))
                          return true;
                        // "*" stands for one label (RFC 6125 section 6.4.3).
                        const std::string suffix =
                            absl::AsciiStrToLower(absl::string_view(&text[1], text.size() - 1));
                        return std::none_of(excluded_hosts.begin(), excluded_hosts.end(),
                                            [&](const std::string& host) {
                                              return host.size() > suffix.size() &&
                                                     host.ends_with(suffix) &&
                                                     host.find('.') == host.size() - suffix.size();
                                            });
                      });
    if (!fits) return static_cast<int>(i);
    const auto constraints = Find(certificate, oid::kNameConstraints);
    if (!constraints) continue;
    ForEachSubtree(constraints->value, [&](bool excluded, const DerElement& base) {
      uris_constrained = uris_constrained || base.tag == general_name::kUri;
      if (excluded && base.tag == general_name::kDnsName) {
        excluded_hosts.push_back(absl::AsciiStrToLower(
            absl::string_view(base::AsText(base.content).data(), base.content.size())));
      }
      return true;
    });
  }
  return std::nullopt;
}

}  // namespace musubi::pki
