// BoringSSL's pki/testdata: verify_chain.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/conformance/json.h"
#include "tests/conformance/paths.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

// A chain is judged by its processing, not by how its CA should have made it.
pki::ValidationProfile Profile() {
  pki::ValidationProfile profile = pki::ValidationProfile::Rfc5280();
  profile.name = "rfc5280 section 6";
  profile.conformance = pki::Conformance::kNotAsked;
  return profile;
}

// "ANY_EKU", "SERVER_AUTH", "CLIENT_AUTH_STRICT", "SERVER_AUTH_STRICT_LEAF", "MLS_CLIENT_AUTH".
std::optional<pki::Purpose> PurposeOf(std::string_view name) {
  using pki::PurposeRule;
  PurposeRule rule = PurposeRule::kNotContradicted;
  for (const auto& [suffix, value] : {std::pair("_STRICT_LEAF", PurposeRule::kTargetNamesIt),
                                      std::pair("_STRICT", PurposeRule::kAllNameIt)}) {
    if (!name.ends_with(suffix)) continue;
    rule = value;
    name.remove_suffix(std::string_view(suffix).size());
    break;
  }
  if (name == "SERVER_AUTH") return pki::Purpose{"1.3.6.1.5.5.7.3.1", rule};
  if (name == "CLIENT_AUTH") return pki::Purpose{"1.3.6.1.5.5.7.3.2", rule};
  // id-kp-rcsMlsClient is asked for by name only.
  if (name == "MLS_CLIENT_AUTH") {
    return pki::Purpose{"1.3.6.1.4.1.11129.2.15.1", PurposeRule::kAllNameIt};
  }
  EXPECT_EQ(name, "ANY_EKU");
  return std::nullopt;
}

TEST(BoringSsl, AgreesOnEveryChain) {
  const auto path = VectorFile("boringssl_pki/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const pki::ValidationProfile profile = Profile();
  Suite suite("boringssl_verify_chain", profile.name);
  Suite policies("boringssl_policies", profile.name);
  for (const Json& test : manifest["groups"]["verify_chain"].items()) {
    PathCase c;
    for (const PemBlock& block : ReadPem(*VectorFile("boringssl_pki/" + test["chain"].text()))) {
      if (block.label == "CERTIFICATE") c.intermediates.push_back(block.der);
    }
    ASSERT_EQ(c.intermediates.size(), static_cast<size_t>(test["n_certs"].number()));
    c.target = c.intermediates.front();
    if (test["last_cert_trust"].text().starts_with("TRUSTED_ANCHOR")) {
      c.anchors = {c.intermediates.back()};
      if (c.intermediates.size() > 1) c.intermediates.pop_back();
    }
    c.intermediates.erase(c.intermediates.begin());
    c.time = FromRfc3339(test["verify_time"].text());
    c.inputs.purpose = PurposeOf(test["key_purpose"].text());
    const Json& other = test["other"];
    const std::string initial = other["user_initial_policy_set"].text_or("");
    if (!initial.empty()) c.inputs.initial_policies = absl::StrSplit(initial, ',');
    c.inputs.initial_explicit_policy = other["initial_explicit_policy"].text_or("false") == "true";
    const PathAnswer answer = Validate(c, profile);
    suite.Case(test["id"].text(), test["expected"].text(), answer.word, answer.diagnostic);
    const std::string expected = other["expected_user_constrained_policy_set"].text_or("");
    if (answer.word != "valid" || expected.empty()) continue;
    policies.Case(test["id"].text(), expected,
                  absl::StrJoin(answer.user_constrained_policies, ","));
  }
  suite.Finish();
  policies.Finish();
}

}  // namespace
}  // namespace musubi::conformance
