// What the adapters of path validation share: one case, run through the public API.
#ifndef MUSUBI_TESTS_CONFORMANCE_PATHS_H_
#define MUSUBI_TESTS_CONFORMANCE_PATHS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/validation.h"

namespace musubi::conformance {

struct PathCase {
  base::Bytes target;
  std::vector<base::Bytes> intermediates;
  std::vector<base::Bytes> anchors;  // One that does not parse is none.
  std::vector<base::Bytes> crls;
  pki::AnchorRule anchor_rule = pki::AnchorRule::kWholeCertificate;
  // Whether every certificate of the path must be known not to be revoked.
  bool revocation = false;
  absl::Time time;
  pki::PathInputs inputs;
};

struct PathAnswer {
  std::string word;  // "valid", or "invalid" for every other verdict.
  std::string diagnostic;
  std::vector<std::string> user_constrained_policies;
};

// Validate gives every anchor any algorithm that fits its key, and use at all times: what a suite
// trusts, it trusts without more.
PathAnswer Validate(const PathCase& path, const pki::ValidationProfile& profile);

// What PEM texts hold, whatever the label.
std::vector<base::Bytes> PemContents(const std::vector<std::string>& pem_texts);

}  // namespace musubi::conformance

#endif  // MUSUBI_TESTS_CONFORMANCE_PATHS_H_
