// The anchors that validation may end at, from one versioned file. Finds candidates by name; judges
// no certificate (path_validator.h) and fetches nothing.
#ifndef MUSUBI_LIB_PKI_TRUST_STORE_H_
#define MUSUBI_LIB_PKI_TRUST_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"
#include "lib/pki/certificate.h"

namespace musubi::pki {

// Which world a certificate belongs to. What holds in one proves nothing in another.
enum class Environment { kSim, kTest, kProduction };

// What an anchor issues.
enum class AnchorRole { kUserAuthentication, kDigitalSignature };

// A signature algorithm together with the key that makes it.
struct KeyedAlgorithm {
  crypto::KeyType key;
  crypto::SignatureAlgorithm algorithm;

  friend bool operator==(const KeyedAlgorithm&, const KeyedAlgorithm&) = default;
};

// Names as in the file: "SIM", "user_authentication". Parse...: nothing for any other text.
std::string_view Name(Environment environment);
std::string_view Name(AnchorRole role);
std::optional<Environment> ParseEnvironment(std::string_view name);
std::optional<AnchorRole> ParseAnchorRole(std::string_view name);

// What of an anchor's own certificate binds paths below it (RFC 5937). RFC 5280 section 6.1.1 (d)
// takes a name and a key alone; what is trusted here by configuration is always held to all.
enum class AnchorRule {
  kWholeCertificate,
  kValidityOnly,     // Its validity period.
  kConstraintsOnly,  // All but its validity period.
  kNameAndKey,       // Nothing.
};

// One anchor: a CA certificate that is trusted by decision, with the bounds of that decision.
struct TrustAnchor {
  std::string id;  // For people, logs and metrics: 1 to 32 characters of a-z, 0-9 and -.
  Certificate certificate;
  base::Hash256 sha256;  // Of the certificate's DER, from the file: the pin.
  AnchorRole role;
  Environment environment;
  absl::Time not_before_use;                 // Not trusted at an earlier validation time,
  std::optional<absl::Time> distrust_after;  // nor at a later one than this.
  // What its key may sign certificates with; anything else is refused, whatever the profile says.
  std::vector<KeyedAlgorithm> allowed_algorithms;
  AnchorRule rule = AnchorRule::kWholeCertificate;  // No other in a TrustStore.

  bool HeldToValidity() const {
    return rule == AnchorRule::kWholeCertificate || rule == AnchorRule::kValidityOnly;
  }
  bool HeldToConstraints() const {
    return rule == AnchorRule::kWholeCertificate || rule == AnchorRule::kConstraintsOnly;
  }
};

// TrustStore is immutable and cheap to copy (shared); thread-safe. To reload, load another one and
// replace this: a file is taken whole or not at all.
class TrustStore {
 public:
  // Load reads an anchors file (docs/trust-anchors.md). INVALID_ARGUMENT, or the codes of
  // base::ReadFile; the message names the file, the entry, the rule and the fix.
  static absl::StatusOr<TrustStore> Load(const std::string& path);
  // The same of a text; `source` stands for the file's name.
  static absl::StatusOr<TrustStore> Parse(std::string_view json, std::string source);
  // Create holds the anchors to the rules of the file: unique ids and certificates, the pin, a v3
  // CA certificate that may sign certificates and has a key we know, at least one allowed
  // algorithm that this key makes, an order in time, an environment that may stand in
  // `environment`: in PRODUCTION only PRODUCTION, in TEST only TEST, in SIM those two of ours (SIM
  // and TEST). INVALID_ARGUMENT names the anchor.
  static absl::StatusOr<TrustStore> Create(Environment environment,
                                           std::vector<TrustAnchor> anchors);

  Environment environment() const { return state_->environment; }
  const std::vector<TrustAnchor>& anchors() const { return state_->anchors; }
  // The anchor of this id, or nullptr.
  const TrustAnchor* Find(std::string_view id) const;
  // Every anchor, of any role and environment, whose subject is this Name (SameName).
  std::vector<const TrustAnchor*> FindBySubject(base::ByteView name_der) const;

 private:
  struct State {
    Environment environment;
    std::vector<TrustAnchor> anchors;
  };

  explicit TrustStore(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_TRUST_STORE_H_
