// BoringSSL's signed_data vectors against SignatureAlgorithmOf and VerifySignature: a key, an
// AlgorithmIdentifier, data and a BIT STRING, as a certificate would hold them.
#include <gtest/gtest.h>

#include "lib/crypto/signature.h"
#include "lib/pki/der.h"
#include "tests/conformance/json.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

constexpr int kVectors = 16;

// "unsupported" is a signature that no key or algorithm of ours could have made: invalid to whoever
// asks, and told apart only for the exceptions.
std::string Verify(const Json& test, const std::string& folder) {
  auto file = [&](const char* name) { return ReadVector(folder + test["files"][name].text()); };
  const base::Bytes spki = file("spki");
  const auto key = crypto::KeyTypeOf(spki);
  const auto algorithm = crypto::SignatureAlgorithmOf(file("algorithm"));
  if (!key || !algorithm) return "unsupported";
  const base::Bytes bits = file("signature_bitstring");
  const auto signature = pki::ReadSingle(bits, pki::der_tag::kBitString);
  if (!signature || signature->content.empty() || signature->content[0] != 0) return "invalid";
  const base::Bytes data = file("data");
  return crypto::VerifySignature(crypto::ForKey(*algorithm, *key), spki, data,
                                 signature->content.subspan(1))
             ? "valid"
             : "invalid";
}

TEST(SignedData, AgreesOnEveryVector) {
  const auto path = VectorFile("boringssl_pki/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const std::string folder = *VectorFile("boringssl_pki/");
  Suite suite("signed_data", "none");
  int count = 0;
  for (const Json& test : manifest["groups"]["signed_data"].items()) {
    const std::string& expected = test["expected"].text();
    std::string actual = Verify(test, folder);
    if (actual == "unsupported" && expected == "invalid") actual = "invalid";
    suite.Case(test["id"].text(), expected, actual);
    ++count;
  }
  EXPECT_EQ(count, kVectors);
  suite.Finish();
}

}  // namespace
}  // namespace musubi::conformance
