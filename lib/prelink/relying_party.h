// The relying-party file: who may ask for journeys, for which acts, and with what words. Everything
// that a browser or phone is shown or bound to about a relying party comes from here, never from a
// message. docs/relying-parties.md describes the file.
#ifndef MUSUBI_LIB_PRELINK_RELYING_PARTY_H_
#define MUSUBI_LIB_PRELINK_RELYING_PARTY_H_

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/crypto/keyring.h"
#include "lib/link/link_store.h"
#include "lib/session/types.h"

namespace musubi::prelink {

// Limits of the file: what a phone's page can show, and what a message may carry.
inline constexpr size_t kMaxTextLength = 1024;  // Octets of a text or URL.
inline constexpr size_t kMaxListLength = 32;    // Elements of a list.
inline constexpr size_t kMaxShortLength = 64;   // Octets of an id or a version.

// A text in every language of the pages. Neither is empty.
struct LocalizedText {
  std::string ja;
  std::string en;
};

// What a relying party may be told about the card's holder, beyond the pairwise subject.
enum class Attribute { kName = 1 };

// Which comes first in LINK and UNLINK: the sign-in or the card.
enum class FirstStep { kUnspecified = 0, kAccount = 1, kCard = 2 };

enum class Locale { kJa = 1, kEn = 2 };

// One entry. Valid: only RelyingPartyRegistry makes them.
struct RelyingParty {
  std::string id;
  LocalizedText name;
  std::vector<std::string> origins;  // scheme://host[:port], lower case.
  std::string policy_url;
  std::string terms_url;
  LocalizedText purpose;
  std::string consent_text_version;
  std::set<Attribute> requested_attributes;
  crypto::Keyring subject_keyring;  // Its own: no other entry shares a key.
  std::vector<std::string> return_uris;
  std::set<session::Act> allowed_acts;
  std::set<session::Flow> allowed_flows;
  bool allow_cross_device_verify = false;
  std::vector<std::string> accepted_acr;
  link::AccountPolicy account_policy = link::AccountPolicy::kUnspecified;
  FirstStep first_step = FirstStep::kUnspecified;
  Locale default_locale = Locale::kJa;

  // AllowsFlow: VERIFY on two devices needs allow_cross_device_verify besides allowed_flows.
  bool AllowsFlow(session::Act act, session::Flow flow) const;
  // Exact comparison with the registered URIs.
  bool AllowsReturnUri(std::string_view uri) const;
  bool AcceptsAcr(std::string_view acr) const;

  // PairwiseSubject is the person's pseudonym at this relying party: HMAC(active key, person id).
  // A link keeps the subject that it was made with when the key changes.
  base::Hash256 PairwiseSubject(const base::Id128& person_id) const;
};

// RelyingPartyRegistry holds the entries of one file. Immutable and so thread-safe.
class RelyingPartyRegistry {
 public:
  // Load reads the file and the key files that it names (relative paths start at its folder).
  // Errors name the file, the entry, the rule and the fix: INVALID_ARGUMENT for the content,
  // the codes of base::ReadFile and crypto::Keyring::Load for the files.
  static absl::StatusOr<RelyingPartyRegistry> Load(const std::string& path);

  // How a named key file is read: crypto::Keyring::Load, or what stands for it.
  using LoadKeyring = std::function<absl::StatusOr<crypto::Keyring>(const std::string& path)>;
  // Load of a text; `path` stands for the file.
  static absl::StatusOr<RelyingPartyRegistry> Parse(std::string_view json, const std::string& path,
                                                    const LoadKeyring& load_keyring);

  // The entry of this id, or nullptr. Lives as long as the registry.
  const RelyingParty* Find(std::string_view id) const;
  const std::map<std::string, RelyingParty, std::less<>>& all() const { return entries_; }

 private:
  RelyingPartyRegistry() = default;

  std::map<std::string, RelyingParty, std::less<>> entries_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_RELYING_PARTY_H_
