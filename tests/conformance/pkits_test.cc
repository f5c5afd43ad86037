// NIST PKITS 1.0.1: path validation of RFC 5280, with each case's initial policies and flags.
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "tests/conformance/json.h"
#include "tests/conformance/paths.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

// PKITS has negative serials and UTCTime of every age: what section 6 takes, not what section 4
// wants of a CA.
pki::ValidationProfile Profile() {
  pki::ValidationProfile profile = pki::ValidationProfile::Rfc5280();
  profile.name = "rfc5280 section 6";
  profile.conformance = pki::Conformance::kNotAsked;
  return profile;
}

std::vector<base::Bytes> Read(const Json& names) {
  std::vector<base::Bytes> files;
  for (const std::string& name : names.texts()) {
    files.push_back(ReadVector(*VectorFile("pkits/" + name)));
  }
  return files;
}

// NIST-test-policy-N as the OID that it stands for.
std::vector<std::string> Oids(const Json& policies) {
  std::vector<std::string> oids;
  for (const std::string& name : policies.texts()) {
    const std::string prefix = "NIST-test-policy-";
    oids.push_back(name == "anyPolicy" ? "2.5.29.32.0"
                                       : "2.16.840.1.101.3.2.1.48." + name.substr(prefix.size()));
  }
  return oids;
}

TEST(Pkits, AgreesOnEveryCase) {
  const auto path = VectorFile("pkits/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const pki::ValidationProfile profile = Profile();
  Suite suite("pkits", profile.name);
  Suite policies("pkits_policies", profile.name);
  for (const Json& test : manifest["tests"].items()) {
    PathCase c;
    c.target = ReadVector(*VectorFile("pkits/" + test["target"].text()));
    c.intermediates = Read(test["intermediates"]);
    c.anchors = {ReadVector(*VectorFile("pkits/" + test["trust_anchor"].text()))};
    // What verifies a CRL is beside the path, and comes with the intermediates.
    for (base::Bytes& certificate : Read(test["auxiliary_certs"])) {
      c.intermediates.push_back(std::move(certificate));
    }
    c.crls = Read(test["crls"]);
    c.revocation = true;
    c.time = absl::FromUnixSeconds(manifest["verify_time_unix"].number());
    const Json& settings = test["settings"];
    c.inputs.initial_policies = settings["initial_policy_set_oids"].texts();
    c.inputs.initial_explicit_policy = settings["initial_explicit_policy"].flag();
    c.inputs.initial_policy_mapping_inhibit = settings["initial_policy_mapping_inhibit"].flag();
    c.inputs.initial_any_policy_inhibit = settings["initial_inhibit_any_policy"].flag();
    const PathAnswer answer = Validate(c, profile);
    suite.Case(test["id"].text(), test["expected"].text(), answer.word, answer.diagnostic);
    if (answer.word != "valid" || test["expected"].text() != "valid") continue;
    policies.Case(test["id"].text(),
                  absl::StrJoin(Oids(test["expected_user_constrained_policy_set"]), " "),
                  absl::StrJoin(answer.user_constrained_policies, " "));
  }
  suite.Finish();
  policies.Finish();
}

}  // namespace
}  // namespace musubi::conformance
