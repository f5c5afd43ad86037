#include "lib/prelink/relying_party.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::prelink {
namespace {

using base::JsonObject;
using session::Act;
using session::Flow;

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= link::kMaxRelyingPartyIdLength && id.front() >= 'a' &&
         id.front() <= 'z' && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// The characters of RFC 3986 less the fragment's.
bool IsUrlCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~:/?[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
}

bool IsPort(std::string_view port) {
  if (port.empty() || port.size() > 5 || port.front() == '0') return false;
  int value = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    value = 10 * value + (c - '0');
  }
  return value <= 65535;
}

bool IsHost(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

enum class UrlKind { kPage, kOrigin, kReturn };

// The rule that `url` breaks, or nothing.
std::optional<std::string_view> UrlFault(std::string_view url, UrlKind kind) {
  if (url.size() > kMaxTextLength) return "a URL has at most 1024 octets";
  const bool https = url.starts_with("https://");
  if (!https && !url.starts_with("http://")) return "a URL starts with https://";
  if (!std::all_of(url.begin(), url.end(), IsUrlCharacter)) {
    return "a URL has no fragment, no space and no character outside ASCII: encode it";
  }
  const std::string_view rest = url.substr(url.find("//") + 2);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const size_t colon = authority.find(':');
  const std::string_view host = authority.substr(0, colon);
  if (!IsHost(host)) return "a URL has a host in lower case and no user name";
  if (colon != std::string_view::npos && !IsPort(authority.substr(colon + 1))) {
    return "a URL's port is a number from 1 to 65535";
  }
  if (!https && host != "localhost" && host != "127.0.0.1") {
    return "http:// is for localhost and 127.0.0.1 only: use https://";
  }
  if (kind == UrlKind::kOrigin && authority.size() != rest.size()) {
    return "an origin ends after host and port: remove the path and the slash";
  }
  if (kind == UrlKind::kReturn && url.find('?') != std::string_view::npos) {
    return "a return URI has no query: state and result code are put there";
  }
  return std::nullopt;
}

// EntryReader reads one entry, key by key.
class EntryReader {
 public:
  EntryReader(JsonObject& object, std::string folder,
              const RelyingPartyRegistry::LoadKeyring& load_keyring)
      : object_(object), folder_(std::move(folder)), load_keyring_(load_keyring) {}

  absl::StatusOr<RelyingParty> Read();

 private:
  absl::Status Invalid(std::string_view key, std::string_view rule) const {
    return object_.Invalid("\"" + std::string(key) + "\": " + std::string(rule));
  }
  absl::StatusOr<std::string> Short(std::string_view key);
  absl::StatusOr<LocalizedText> Text(std::string_view key);
  absl::StatusOr<std::string> Url(std::string_view key);
  absl::StatusOr<std::vector<std::string>> List(std::string_view key);
  absl::StatusOr<std::vector<std::string>> Urls(std::string_view key, UrlKind kind);
  // The set of what `parse` makes of each element; an element that it does not know is an error.
  template <typename T, typename Parse>
  absl::StatusOr<std::set<T>> Words(std::string_view key, std::string_view known, Parse parse);
  // What `words` has for the value.
  template <typename T>
  absl::StatusOr<T> Word(std::string_view key, const std::map<std::string, T>& words);
  absl::StatusOr<crypto::Keyring> SubjectKeyring();
  // Rules between keys: a policy that could never be used is a mistake.
  absl::Status Check(const RelyingParty& party) const;

  JsonObject& object_;
  const std::string folder_;
  const RelyingPartyRegistry::LoadKeyring& load_keyring_;
};

absl::StatusOr<std::string> EntryReader::Short(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(std::string value, object_.String(key));
  if (value.empty() || value.size() > kMaxShortLength) return Invalid(key, "1 to 64 octets");
  return value;
}

absl::StatusOr<LocalizedText> EntryReader::Text(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(JsonObject text, object_.Object(key));
  LocalizedText result;
  MUSUBI_ASSIGN_OR_RETURN(result.ja, text.String("ja"));
  MUSUBI_ASSIGN_OR_RETURN(result.en, text.String("en"));
  MUSUBI_RETURN_IF_ERROR(text.RefuseOthers());
  for (const std::string& one : {result.ja, result.en}) {
    if (one.empty() || one.size() > kMaxTextLength) {
      return Invalid(key, "a text has 1 to 1024 octets in each language");
    }
  }
  return result;
}

absl::StatusOr<std::string> EntryReader::Url(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(std::string url, object_.String(key));
  if (const auto fault = UrlFault(url, UrlKind::kPage)) return Invalid(key, *fault);
  return url;
}

absl::StatusOr<std::vector<std::string>> EntryReader::List(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(std::vector<std::string> list, object_.Strings(key));
  if (list.size() > kMaxListLength) return Invalid(key, "a list has at most 32 elements");
  std::set<std::string_view> seen;
  for (const std::string& element : list) {
    if (element.empty()) return Invalid(key, "an element is empty: remove it");
    if (element.size() > kMaxTextLength) return Invalid(key, "an element has at most 1024 octets");
    if (!seen.insert(element).second) return Invalid(key, "\"" + element + "\" is there twice");
  }
  return list;
}

absl::StatusOr<std::vector<std::string>> EntryReader::Urls(std::string_view key, UrlKind kind) {
  MUSUBI_ASSIGN_OR_RETURN(std::vector<std::string> urls, List(key));
  for (const std::string& url : urls) {
    if (const auto fault = UrlFault(url, kind)) {
      return Invalid(key, "\"" + url + "\": " + std::string(*fault));
    }
  }
  return urls;
}

template <typename T, typename Parse>
absl::StatusOr<std::set<T>> EntryReader::Words(std::string_view key, std::string_view known,
                                               Parse parse) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> list, List(key));
  std::set<T> result;
  for (const std::string& element : list) {
    const std::optional<T> word = parse(element);
    if (!word.has_value()) {
      return Invalid(key, "\"" + element + "\" is none of " + std::string(known));
    }
    result.insert(*word);
  }
  return result;
}

template <typename T>
absl::StatusOr<T> EntryReader::Word(std::string_view key, const std::map<std::string, T>& words) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string value, object_.String(key));
  const auto it = words.find(value);
  if (it != words.end()) return it->second;
  std::string known;
  for (const auto& [word, unused] : words) known += (known.empty() ? "" : ", ") + word;
  return Invalid(key, "\"" + value + "\" is none of " + known);
}

absl::StatusOr<crypto::Keyring> EntryReader::SubjectKeyring() {
  constexpr std::string_view kKey = "subject_keyring_file";
  MUSUBI_ASSIGN_OR_RETURN(const std::string path, object_.String(kKey));
  if (path.empty()) return Invalid(kKey, "names no file");
  auto keyring = load_keyring_(path.front() == '/' ? path : folder_ + path);
  if (keyring.ok()) return keyring;
  const std::string fix = absl::IsNotFound(keyring.status())
                              ? "; make one with `musubictl keyring new --id=k1 --out=FILE`"
                              : "";
  return absl::Status(keyring.status().code(),
                      base::ToAbsl(object_.where() + ": \"" + std::string(kKey) +
                                   "\": " + std::string(keyring.status().message()) + fix));
}

absl::StatusOr<RelyingParty> EntryReader::Read() {
  MUSUBI_ASSIGN_OR_RETURN(crypto::Keyring subject_keyring, SubjectKeyring());
  RelyingParty party{.subject_keyring = std::move(subject_keyring)};
  MUSUBI_ASSIGN_OR_RETURN(party.id, object_.String("id"));
  MUSUBI_ASSIGN_OR_RETURN(party.name, Text("name"));
  MUSUBI_ASSIGN_OR_RETURN(party.origins, Urls("origins", UrlKind::kOrigin));
  MUSUBI_ASSIGN_OR_RETURN(party.policy_url, Url("policy_url"));
  MUSUBI_ASSIGN_OR_RETURN(party.terms_url, Url("terms_url"));
  MUSUBI_ASSIGN_OR_RETURN(party.purpose, Text("purpose"));
  MUSUBI_ASSIGN_OR_RETURN(party.consent_text_version, Short("consent_text_version"));
  MUSUBI_ASSIGN_OR_RETURN(
      party.requested_attributes,
      Words<Attribute>("requested_attributes", "NAME", [](std::string_view word) {
        return word == "NAME" ? std::optional(Attribute::kName) : std::nullopt;
      }));
  MUSUBI_ASSIGN_OR_RETURN(party.return_uris, Urls("return_uris", UrlKind::kReturn));
  MUSUBI_ASSIGN_OR_RETURN(
      party.allowed_acts,
      Words<Act>("allowed_acts", "LINK, UNLINK, VERIFY, REPLACE", session::ParseAct));
  MUSUBI_ASSIGN_OR_RETURN(
      party.allowed_flows,
      Words<Flow>("allowed_flows", "CROSS_DEVICE, ONE_DEVICE", session::ParseFlow));
  const std::vector<std::string> keys = object_.Keys();
  constexpr std::string_view kCrossDeviceVerify = "allow_cross_device_verify";
  if (std::find(keys.begin(), keys.end(), kCrossDeviceVerify) != keys.end()) {
    MUSUBI_ASSIGN_OR_RETURN(party.allow_cross_device_verify, object_.Bool(kCrossDeviceVerify));
  }
  MUSUBI_ASSIGN_OR_RETURN(party.accepted_acr, List("accepted_acr"));
  MUSUBI_ASSIGN_OR_RETURN(
      party.account_policy,
      Word<link::AccountPolicy>(
          "account_policy",
          {{"ONE_LINK_PER_ACCOUNT", link::AccountPolicy::kOneLinkPerAccount},
           {"MANY_LINKS_PER_ACCOUNT", link::AccountPolicy::kManyLinksPerAccount}}));
  MUSUBI_ASSIGN_OR_RETURN(party.first_step,
                          Word<FirstStep>("first_step", {{"ACCOUNT", FirstStep::kAccount},
                                                         {"CARD", FirstStep::kCard}}));
  MUSUBI_ASSIGN_OR_RETURN(
      party.default_locale,
      Word<Locale>("default_locale", {{"ja", Locale::kJa}, {"en", Locale::kEn}}));
  MUSUBI_RETURN_IF_ERROR(object_.RefuseOthers());
  MUSUBI_RETURN_IF_ERROR(Check(party));
  return party;
}

absl::Status EntryReader::Check(const RelyingParty& party) const {
  if (!IsId(party.id)) {
    return Invalid("id", "1 to 64 of a-z, 0-9 and -, the first a letter");
  }
  if (party.origins.empty()) return Invalid("origins", "is empty: name at least one");
  if (party.allowed_acts.empty()) return Invalid("allowed_acts", "is empty: name at least one");
  if (party.allowed_flows.empty()) return Invalid("allowed_flows", "is empty: name at least one");
  const bool verifies = party.allowed_acts.contains(Act::kVerify);
  if (verifies && party.return_uris.empty()) {
    return Invalid("return_uris", "is empty, and VERIFY is allowed: register where it ends");
  }
  if (verifies && !party.AllowsFlow(Act::kVerify, Flow::kOneDevice) &&
      !party.AllowsFlow(Act::kVerify, Flow::kCrossDevice)) {
    return Invalid("allowed_flows",
                   "leaves no flow for VERIFY: add ONE_DEVICE, or set allow_cross_device_verify");
  }
  if (party.allow_cross_device_verify && !party.AllowsFlow(Act::kVerify, Flow::kCrossDevice)) {
    return Invalid("allow_cross_device_verify",
                   "is true, and CROSS_DEVICE is not allowed: set it to false or add the flow");
  }
  if (party.accepted_acr.empty() && party.allowed_acts != std::set<Act>{Act::kVerify}) {
    return Invalid("accepted_acr", "is empty, and acts other than VERIFY need a sign-in: name one");
  }
  if (party.allowed_acts.contains(Act::kReplace) &&
      party.account_policy != link::AccountPolicy::kOneLinkPerAccount) {
    return Invalid("allowed_acts",
                   "REPLACE needs account_policy ONE_LINK_PER_ACCOUNT: it would"
                   " not know which link to end");
  }
  return absl::OkStatus();
}

// The id of an entry that has one of `keyring`'s keys too, or nothing.
std::optional<std::string> SharerOf(
    const crypto::Keyring& keyring,
    const std::map<std::string, RelyingParty, std::less<>>& others) {
  for (const auto& [id, other] : others) {
    for (const auto& [unused_id, key] : keyring.all()) {
      for (const auto& [unused_other, other_key] : other.subject_keyring.all()) {
        if (key.secret == other_key.secret) return id;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

bool RelyingParty::AllowsFlow(session::Act act, session::Flow flow) const {
  if (act == Act::kVerify && flow == Flow::kCrossDevice && !allow_cross_device_verify) return false;
  return allowed_flows.contains(flow);
}

bool RelyingParty::AllowsReturnUri(std::string_view uri) const {
  return std::find(return_uris.begin(), return_uris.end(), uri) != return_uris.end();
}

bool RelyingParty::AcceptsAcr(std::string_view acr) const {
  return std::find(accepted_acr.begin(), accepted_acr.end(), acr) != accepted_acr.end();
}

base::Hash256 RelyingParty::PairwiseSubject(const base::Id128& person_id) const {
  return crypto::HmacSha256LengthPrefixed(subject_keyring.active().secret.RevealBytes(),
                                          {base::AsBytes("musubi pairwise subject v1"), person_id});
}

absl::StatusOr<RelyingPartyRegistry> RelyingPartyRegistry::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return Parse(text, path, crypto::Keyring::Load);
}

absl::StatusOr<RelyingPartyRegistry> RelyingPartyRegistry::Parse(std::string_view json,
                                                                 const std::string& path,
                                                                 const LoadKeyring& load_keyring) {
  MUSUBI_ASSIGN_OR_RETURN(JsonObject file, JsonObject::Parse(json, path));
  MUSUBI_ASSIGN_OR_RETURN(std::vector<JsonObject> entries, file.Objects("relying_parties"));
  MUSUBI_RETURN_IF_ERROR(file.RefuseOthers());
  if (entries.empty()) return file.Invalid("\"relying_parties\" is empty: add an entry");
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  RelyingPartyRegistry registry;
  for (JsonObject& entry : entries) {
    MUSUBI_ASSIGN_OR_RETURN(RelyingParty party, EntryReader(entry, folder, load_keyring).Read());
    if (const auto sharer = SharerOf(party.subject_keyring, registry.entries_)) {
      return entry.Invalid("\"subject_keyring_file\" has a key of \"" + *sharer +
                           "\" too: give each relying party its own, or they could compare "
                           "pseudonyms");
    }
    const std::string id = party.id;
    if (!registry.entries_.emplace(id, std::move(party)).second) {
      return entry.Invalid("\"id\": \"" + id + "\" came before: ids are unique");
    }
  }
  return registry;
}

const RelyingParty* RelyingPartyRegistry::Find(std::string_view id) const {
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : &it->second;
}

}  // namespace musubi::prelink
