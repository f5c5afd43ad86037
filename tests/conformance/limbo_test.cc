// x509-limbo: the cases that follow from RFC 5280, from two generations of the suite. Its cases of
// web browsers' rules and of live servers are only parsed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/conformance/json.h"
#include "tests/conformance/paths.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";
constexpr std::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";

// Certificates of the suite are valid from 1970 to 2969 unless a case names its time.
const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone());

// The suite holds certificates to the MUSTs of section 4 as well.
pki::ValidationProfile Profile() {
  pki::ValidationProfile profile = pki::ValidationProfile::Rfc5280();
  profile.name = "rfc5280 sections 4 and 6";
  profile.conformance = pki::Conformance::kWholePath;
  return profile;
}

bool IsCore(const std::string& id) {
  constexpr std::array<std::string_view, 6> kCore = {"rfc5280", "pathlen", "pathological",
                                                     "crl",     "cve",     "invalid"};
  const std::string space = id.substr(0, id.find(':'));
  return std::find(kCore.begin(), kCore.end(), space) != kCore.end();
}

PathCase CaseOf(const Json& test) {
  PathCase c;
  c.target = PemContents({test["peer_certificate"].text()}).at(0);
  c.intermediates = PemContents(test["untrusted_intermediates"].texts());
  c.anchors = PemContents(test["trusted_certs"].texts());
  c.crls = PemContents(test["crls"].texts());
  c.revocation = !c.crls.empty();  // Only those cases ask for it.
  c.time = test["validation_time"].is_null() ? kNow : FromRfc3339(test["validation_time"].text());
  const bool server = test["validation_kind"].text() == "SERVER";
  c.inputs.purpose = pki::Purpose{std::string(server ? kServerAuth : kClientAuth)};
  if (!test["max_chain_depth"].is_null()) {
    c.inputs.max_intermediates = static_cast<size_t>(test["max_chain_depth"].number());
  }
  return c;
}

bool AllParse(const PathCase& c) {
  std::vector<base::Bytes> all = {c.target};
  all.insert(all.end(), c.intermediates.begin(), c.intermediates.end());
  all.insert(all.end(), c.anchors.begin(), c.anchors.end());
  return std::all_of(all.begin(), all.end(),
                     [](const base::Bytes& der) { return pki::Certificate::Parse(der).ok(); });
}

void RunSuite(const std::string& suite_name, const std::string& file) {
  const auto path = VectorFile("limbo/" + file);
  if (!path.has_value()) return;
  const Json limbo = Json::Load(*path);
  const pki::ValidationProfile profile = Profile();
  Suite suite(suite_name, profile.name);
  for (const Json& test : limbo["testcases"].items()) {
    const std::string& id = test["id"].text();
    const PathCase c = CaseOf(test);
    const bool valid = test["expected_result"].text() == "SUCCESS";
    if (IsCore(id)) {
      const PathAnswer answer = Validate(c, profile);
      suite.Case(id, valid ? "valid" : "invalid", answer.word, answer.diagnostic);
    } else if (const bool parse = AllParse(c); valid) {
      suite.Case(id, "parses", parse ? "parses" : "malformed");
    }
  }
  suite.Finish();
}

TEST(Limbo, AgreesOnEveryCoreCase) { RunSuite("limbo", "limbo-8a2e6f41-regenerated.json"); }

TEST(Limbo, AgreesOnEveryCoreCaseOf2023) {
  RunSuite("limbo_2023", "limbo-ddc40b47-verbatim-20231202.json");
}

}  // namespace
}  // namespace musubi::conformance
