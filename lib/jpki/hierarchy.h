// Which certificate policy means which kind of certificate, from a file: the simulated JPKI, its
// test hierarchy and the real one differ in their OIDs only. Trusts nothing: see pki::TrustStore.
#ifndef MUSUBI_LIB_JPKI_HIERARCHY_H_
#define MUSUBI_LIB_JPKI_HIERARCHY_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/trust_store.h"

namespace musubi::jpki {

enum class CertificateKind {
  kUserAuthentication,  // 利用者証明用電子証明書: the one that proves presence.
  kDigitalSignature,    // 署名用電子証明書: it names its holder, and is never taken.
  kPhone,               // 移動端末設備用電子証明書.
  kTest,                // Any of a test environment.
};

// Hierarchy is immutable; thread-safe.
class Hierarchy {
 public:
  using Policies = std::map<CertificateKind, std::vector<std::string>>;

  // Load reads {"version":1,"environment":"SIM","policies":{"user_authentication":["2.999.1.30"],
  // "digital_signature":[...],"phone":[...],"test":[...]}}. INVALID_ARGUMENT, or the codes of
  // base::ReadFile; the message names the file, the entry, the rule and the fix.
  static absl::StatusOr<Hierarchy> Load(const std::string& path);
  static absl::StatusOr<Hierarchy> Parse(std::string_view json, std::string source);
  // Create demands a policy for user authentication, well-formed OIDs, none of two kinds; in SIM
  // all of them under 2.999 (the arc for examples), in PRODUCTION none, so that no file of one can
  // serve the other. INVALID_ARGUMENT names the OID.
  static absl::StatusOr<Hierarchy> Create(pki::Environment environment, Policies policies);

  pki::Environment environment() const { return environment_; }
  // The kind of this policy, or nothing if the file does not name it.
  std::optional<CertificateKind> KindOf(std::string_view policy_oid) const;
  // The policies of this kind; may be empty except for user authentication.
  const std::vector<std::string>& PoliciesOf(CertificateKind kind) const;

 private:
  Hierarchy(pki::Environment environment, Policies policies)
      : environment_(environment), policies_(std::move(policies)) {}

  pki::Environment environment_;
  Policies policies_;  // Has every kind.
};

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_HIERARCHY_H_
