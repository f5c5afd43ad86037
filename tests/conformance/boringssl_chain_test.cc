// BoringSSL's pki/testdata: verify_chain; and path_builder and verify_real_chains, which come
// without expectations: what is asked of them here follows from who signed what, and until when.
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/pki/der.h"
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

// How the last certificate is trusted; nothing if it is no anchor.
std::optional<pki::AnchorRule> AnchorRuleOf(std::string_view trust) {
  if (!trust.starts_with("TRUSTED_ANCHOR")) return std::nullopt;
  const bool validity = trust.find("_WITH_EXPIRATION") != std::string_view::npos;
  const bool constraints = trust.find("_WITH_CONSTRAINTS") != std::string_view::npos;
  if (validity) {
    return constraints ? pki::AnchorRule::kWholeCertificate : pki::AnchorRule::kValidityOnly;
  }
  return constraints ? pki::AnchorRule::kConstraintsOnly : pki::AnchorRule::kNameAndKey;
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
    if (const auto rule = AnchorRuleOf(test["last_cert_trust"].text())) {
      c.anchors = {c.intermediates.back()};
      c.anchor_rule = *rule;
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

// Certificates of a file, PEM or DER ones in a row.
std::vector<base::Bytes> ReadAll(const std::string& name) {
  const std::string path = *VectorFile("boringssl_pki/" + name);
  std::vector<base::Bytes> certificates;
  for (PemBlock& block : ReadPem(path)) {
    if (block.label == "CERTIFICATE") certificates.push_back(std::move(block.der));
  }
  if (!certificates.empty()) return certificates;
  const base::Bytes file = ReadVector(path);
  pki::DerReader reader(file);
  while (const auto element = reader.Read()) certificates.push_back(base::ToBytes(element->whole));
  return certificates;
}

std::vector<base::Bytes> ReadAll(const std::string& folder, const std::vector<std::string>& names) {
  std::vector<base::Bytes> all;
  for (const std::string& name : names) {
    for (base::Bytes& der : ReadAll(folder + name)) all.push_back(std::move(der));
  }
  return all;
}

struct Search {
  const char* id;
  const char* folder;
  const char* target;
  std::vector<std::string> intermediates;
  std::vector<std::string> anchors;
  const char* time;
  const char* expected;
};

TEST(BoringSsl, FindsThePathAmongSeveral) {
  if (!VectorFile("boringssl_pki/manifest.json").has_value()) return;
  const char* const roots = "path_builder/multi-root-";
  const char* const real = "verify_real_chains/";
  // A by B; B by C and by F; C by D and by E; F by E.
  const std::vector<std::string> web = {"B-by-C.pem", "B-by-F.pem", "C-by-D.pem", "C-by-E.pem",
                                        "F-by-E.pem"};
  const char* const y2017 = "2017-07-11T00:00:00Z";
  const char* const y2023 = "2023-10-11T00:00:00Z";
  const std::vector<Search> searches = {
      {"multi-root/to-d", roots, "A-by-B.pem", web, {"D-by-D.pem"}, y2017, "valid"},
      {"multi-root/to-e", roots, "A-by-B.pem", web, {"E-by-E.pem"}, y2017, "valid"},
      {"multi-root/to-c", roots, "A-by-B.pem", web, {"C-by-D.pem"}, y2017, "valid"},
      {"multi-root/nowhere", roots, "A-by-B.pem", web, {}, y2017, "invalid"},
      {"multi-root/without-c-by-d",
       roots,
       "A-by-B.pem",
       {"B-by-C.pem", "C-by-E.pem"},
       {"D-by-D.pem"},
       y2017,
       "invalid"},
      {"google/roots",
       real,
       "google-leaf.der",
       {"google-intermediate1.der"},
       {"mozilla_roots.der"},
       y2017,
       "valid"},
      {"google/no-intermediate",
       real,
       "google-leaf.der",
       {},
       {"mozilla_roots.der"},
       y2017,
       "invalid"},
      {"google/expired",
       real,
       "google-leaf.der",
       {"google-intermediate1.der"},
       {"mozilla_roots.der"},
       y2023,
       "invalid"},
      {"lencr/x1",
       real,
       "lencr-leaf.der",
       {"lencr-intermediate-r3.der", "lencr-root-x1-cross-signed.der"},
       {"lencr-root-x1.der"},
       y2023,
       "valid"},
      {"lencr/expired-anchor",
       real,
       "lencr-leaf.der",
       {"lencr-intermediate-r3.der", "lencr-root-x1-cross-signed.der"},
       {"lencr-root-dst-x3.der"},
       y2023,
       "invalid"},
      {"lencr/expired-anchor-beside-x1",
       real,
       "lencr-leaf.der",
       {"lencr-intermediate-r3.der", "lencr-root-x1-cross-signed.der"},
       {"lencr-root-dst-x3.der", "lencr-root-x1.der"},
       y2023,
       "valid"},
  };
  const pki::ValidationProfile profile = Profile();
  Suite suite("boringssl_paths", profile.name);
  for (const Search& search : searches) {
    PathCase c;
    c.target = ReadAll(search.folder, {search.target}).at(0);
    c.intermediates = ReadAll(search.folder, search.intermediates);
    c.anchors = ReadAll(search.folder, search.anchors);
    c.time = FromRfc3339(search.time);
    const PathAnswer answer = Validate(c, profile);
    suite.Case(search.id, search.expected, answer.word, answer.diagnostic);
  }
  suite.Finish();
}

}  // namespace
}  // namespace musubi::conformance
