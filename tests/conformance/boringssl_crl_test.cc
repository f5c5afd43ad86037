// BoringSSL's CRLs: one certificate, its issuer, one list.
#include <gtest/gtest.h>

#include "lib/pki/path_revocation.h"
#include "tests/conformance/json.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

std::string Word(pki::RevocationOutcome outcome) {
  if (outcome == pki::RevocationOutcome::kGood) return "good";
  return outcome == pki::RevocationOutcome::kRevoked ? "revoked" : "unknown";
}

TEST(BoringSslCrl, AgreesOnEveryCase) {
  const auto path = VectorFile("boringssl_pki/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  Suite suite("boringssl_crl", "rfc5280 section 6.3, at most 7 days old");
  // The suite asks about direct lists of one issuer: nobody else signs any.
  const pki::PathValidator no_other_signer({}, pki::ValidationProfile::Rfc5280());
  for (const Json& test : manifest["groups"]["crl"].items()) {
    const Json& files = test["files"];
    auto file = [&](const char* name) {
      return *VectorFile("boringssl_pki/" + files[name].text());
    };
    const auto certificate = pki::Certificate::Parse(ReadOnePem(file("cert")));
    const auto issuer = pki::Certificate::Parse(ReadOnePem(file("issuer")));
    ASSERT_TRUE(certificate.ok() && issuer.ok()) << test["id"].text();
    const pki::CrlParseResult crl = pki::ParseCrl(ReadVector(file("crl")), pki::CrlForms::kAll);
    std::vector<pki::Crl> crls;
    if (crl.crl) crls.push_back(*crl.crl);
    const absl::Time time = absl::FromUnixSeconds(test["verify_time_unix"].number());
    const auto findings =
        pki::CheckPathRevocation({{*certificate, *issuer}, "issuer"}, {crls, {}}, no_other_signer,
                                 time, time, {.max_age = absl::Hours(7 * 24)});
    suite.Case(test["id"].text(), test["expected_status"].text(), Word(findings[0].outcome),
               std::string(Name(crl.outcome)));
  }
  suite.Finish();
}

}  // namespace
}  // namespace musubi::conformance
