// Corpora of fuzzers: whatever a file holds, no parser dies of it and no verdict about it is valid.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "lib/pki/crl.h"
#include "lib/pki/ocsp.h"
#include "lib/pki/path_validator.h"
#include "tests/conformance/json.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"
#include "tests/fakes/test_ca.h"

namespace musubi::conformance {
namespace {

// Tells what the file is taken for under an anchor that has signed nothing of it.
std::string TakenAs(const base::Bytes& file, const fakes::TestCa& ca,
                    const pki::PathValidator& validator) {
  const pki::Certificate anchor = ca.certificate();
  absl::Time now = anchor.not_before();
  if (const auto parsed = pki::Certificate::Parse(file); parsed.ok()) now = parsed->not_before();
  if (validator.Validate(file, {}, now).verdict.valid()) return "valid";
  if (validator.Validate(file, std::vector<base::Bytes>{file}, now).verdict.valid()) {
    return "valid with itself as intermediate";
  }
  if (const auto crl = pki::ParseCrl(file).crl;
      crl && pki::CheckCrlSignature(*crl, anchor) == pki::CrlOutcome::kUsable) {
    return "usable CRL";
  }
  if (pki::CheckOcspResponse(file, anchor, anchor, {}, pki::OcspPolicy(), now).outcome ==
      pki::OcspOutcome::kAnswered) {
    return "OCSP answer";
  }
  return "not valid";
}

TEST(Corpora, NothingIsFatalAndNothingIsValid) {
  const auto path = VectorFile("corpora/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const fakes::TestCa ca;
  const pki::ValidationProfile profile = pki::ValidationProfile::Rfc5280();
  const pki::PathValidator validator({ca.Anchor("ours")}, profile);
  Suite suite("corpora", profile.name);
  for (const Json& set : manifest["sets"].items()) {
    const std::string folder = *VectorFile("corpora/" + set["dir"].text());
    int64_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      suite.Case(set["dir"].text() + "/" + entry.path().filename().string(), "not valid",
                 TakenAs(ReadVector(entry.path()), ca, validator));
      ++count;
    }
    EXPECT_EQ(count, set["files"].number()) << folder;
  }
  suite.Finish();
}

}  // namespace
}  // namespace musubi::conformance
