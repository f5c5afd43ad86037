// Project Wycheproof against VerifySignature: the algorithms that we verify, with every key of the
// files. "acceptable" is invalid here: no lenient form is worth a door.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lib/base/encoding.h"
#include "lib/crypto/signature.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

using crypto::SignatureAlgorithm;

struct Suite {
  const char* file;
  SignatureAlgorithm algorithm;
  bool supported;  // False: every signature must be refused, the good ones too.
};

// Where our answer differs from the file's for a reason. One that no longer differs is a failure.
struct Exception {
  std::string_view file;
  int id;
  bool actual;
  const char* reason;
};
constexpr Exception kExceptions[] = {
    {"rsa_signature_2048_sha256", 259, false, "a key with e = 3: only 65537 is allowed"},
    {"rsa_signature_2048_sha512", 221, true, "made with SHA-256, which is what we ask for"},
    {"rsa_pss_2048_sha256_mgf1_0", 69, true, "made with a salt of 32 octets, as we ask for"},
};

void PrintTo(const Suite& suite, std::ostream* out) { *out << suite.file; }

class Wycheproof : public testing::TestWithParam<Suite> {};

TEST_P(Wycheproof, AgreesOnEverySignature) {
  const Suite& suite = GetParam();
  const auto path = VectorFile(std::string("wycheproof/") + suite.file + "_test.json");
  if (!path.has_value()) return;
  std::ifstream file(*path);
  ASSERT_TRUE(file.is_open()) << *path;
  const nlohmann::json vectors = nlohmann::json::parse(file);
  int count = 0;
  for (const auto& group : vectors["testGroups"]) {
    const base::Bytes spki = *base::HexDecode(group["publicKeyDer"].get<std::string>());
    for (const auto& test : group["tests"]) {
      bool want = suite.supported && test["result"] == "valid";
      for (const Exception& exception : kExceptions) {
        if (exception.file != suite.file || exception.id != test["tcId"].get<int>()) continue;
        EXPECT_NE(want, exception.actual) << "no exception any more: " << exception.reason;
        want = exception.actual;
      }
      EXPECT_EQ(crypto::VerifySignature(suite.algorithm, spki,
                                        *base::HexDecode(test["msg"].get<std::string>()),
                                        *base::HexDecode(test["sig"].get<std::string>())),
                want)
          << suite.file << " tcId " << test["tcId"] << ": " << test["comment"];
      ++count;
    }
  }
  EXPECT_EQ(count, vectors["numberOfTests"].get<int>());
}

INSTANTIATE_TEST_SUITE_P(
    All, Wycheproof,
    testing::Values(Suite{"rsa_signature_2048_sha256", SignatureAlgorithm::kRsaPkcs1Sha256, true},
                    Suite{"rsa_signature_3072_sha256", SignatureAlgorithm::kRsaPkcs1Sha256, true},
                    Suite{"rsa_signature_4096_sha256", SignatureAlgorithm::kRsaPkcs1Sha256, true},
                    Suite{"rsa_pss_2048_sha256_mgf1_32", SignatureAlgorithm::kRsaPssSha256, true},
                    Suite{"rsa_pss_3072_sha256_mgf1_32", SignatureAlgorithm::kRsaPssSha256, true},
                    Suite{"ecdsa_secp256r1_sha256", SignatureAlgorithm::kEcdsaP256Sha256, true},
                    Suite{"ecdsa_secp384r1_sha384", SignatureAlgorithm::kEcdsaP384Sha384, true},
                    // Other hashes, salts, curves and encodings: refused as unsupported.
                    Suite{"rsa_signature_2048_sha512", SignatureAlgorithm::kRsaPkcs1Sha256, false},
                    Suite{"rsa_pss_2048_sha256_mgf1_0", SignatureAlgorithm::kRsaPssSha256, false},
                    Suite{"rsa_pss_2048_sha1_mgf1_20", SignatureAlgorithm::kRsaPssSha256, false},
                    Suite{"ecdsa_secp384r1_sha256", SignatureAlgorithm::kEcdsaP384Sha384, false},
                    Suite{"ecdsa_secp521r1_sha512", SignatureAlgorithm::kEcdsaP384Sha384, false},
                    Suite{"ecdsa_secp256r1_sha256_p1363", SignatureAlgorithm::kEcdsaP256Sha256,
                          false}),
    [](const testing::TestParamInfo<Suite>& suite) { return std::string(suite.param.file); });

}  // namespace
}  // namespace musubi::conformance
