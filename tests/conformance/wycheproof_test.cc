// Project Wycheproof against VerifySignature and SignatureVerifier, in lanes and without: every
// file, every key, every signature, each in the algorithm that the file names. "acceptable" is
// invalid here: no lenient form is worth a door.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/crypto/signature.h"
#include "lib/crypto/signature_verifier.h"
#include "tests/conformance/json.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

using crypto::SignatureAlgorithm;
using crypto::SignatureHash;
using crypto::SignatureScheme;

std::optional<SignatureHash> HashOf(const std::string& name) {
  if (name == "SHA-256") return SignatureHash::kSha256;
  if (name == "SHA-384") return SignatureHash::kSha384;
  if (name == "SHA-512") return SignatureHash::kSha512;
  return std::nullopt;
}

// What the group asks for, from the file's own fields; nothing if that is none of our algorithms:
// SHA-1, SHA-224, MGF1 with another hash, P-521, r and s without DER.
std::optional<SignatureAlgorithm> AlgorithmOf(const Json& group) {
  const std::string& type = group["type"].text();
  const auto hash = HashOf(group["sha"].text());
  if (!hash.has_value()) return std::nullopt;
  if (type == "RsassaPkcs1Verify") return SignatureAlgorithm{SignatureScheme::kRsaPkcs1, *hash};
  if (type == "EcdsaVerify") {
    const std::string& curve = group["publicKey"]["curve"].text();
    if (curve == "secp256r1") return SignatureAlgorithm{SignatureScheme::kEcdsaP256, *hash};
    if (curve == "secp384r1") return SignatureAlgorithm{SignatureScheme::kEcdsaP384, *hash};
    return std::nullopt;
  }
  if (type.starts_with("RsassaPss") && group["mgfSha"].text() == group["sha"].text()) {
    return SignatureAlgorithm{SignatureScheme::kRsaPss, *hash,
                              static_cast<uint16_t>(group["sLen"].number())};
  }
  return std::nullopt;
}

// The AlgorithmIdentifier in a SubjectPublicKeyInfo whose length takes two octets.
base::ByteView IdentifierIn(base::ByteView spki) { return spki.subspan(4, 2 + size_t{spki[5]}); }

std::string Verify(std::optional<SignatureAlgorithm> algorithm, base::ByteView spki,
                   base::ByteView message, base::ByteView signature) {
  if (!algorithm.has_value()) {
    // Then no other name may let it in either.
    for (const SignatureAlgorithm& any : crypto::kNamedSignatureAlgorithms) {
      if (crypto::VerifySignature(any, spki, message, signature)) return "valid";
    }
    return "unsupported";
  }
  if (!crypto::KeyTypeOf(spki).has_value()) return "unsupported";
  return crypto::VerifySignature(*algorithm, spki, message, signature) ? "valid" : "invalid";
}

// What Verify says of all signatures of a group at once; "differs" where lanes and scalar code do
// not agree. The verifiers check every accepted signature again.
std::vector<std::string> VerifyTogether(const std::vector<crypto::SignatureCheck>& checks) {
  std::vector<crypto::SignatureOutcome> outcomes[2];
  for (const bool lanes : {false, true}) {
    const auto verifier = crypto::SignatureVerifier::Create(
        {.dispatch = lanes ? crypto::SignatureDispatch::kAuto : crypto::SignatureDispatch::kScalar,
         .recheck_one_in = 1});
    EXPECT_TRUE(verifier.ok());
    outcomes[lanes].resize(checks.size());
    EXPECT_TRUE((*verifier)->Verify(checks, outcomes[lanes]).ok());
  }
  std::vector<std::string> results;
  for (size_t i = 0; i < checks.size(); ++i) {
    results.emplace_back(outcomes[0][i] != outcomes[1][i]                    ? "differs"
                         : outcomes[0][i] == crypto::SignatureOutcome::kGood ? "valid"
                                                                             : "invalid");
  }
  return results;
}

class Wycheproof : public testing::TestWithParam<const char*> {};

TEST_P(Wycheproof, AgreesOnEverySignature) {
  const std::string name = GetParam();
  const auto path = VectorFile("wycheproof/" + name + "_test.json");
  if (!path.has_value()) return;
  const Json vectors = Json::Load(*path);
  Suite suite("wycheproof_" + name, "none");
  int64_t count = 0;
  for (const Json& group : vectors["testGroups"].items()) {
    const base::Bytes spki = *base::HexDecode(group["publicKeyDer"].text());
    const auto algorithm = AlgorithmOf(group);
    if (group["type"].text() == "RsassaPssWithParametersVerify") {
      // The key names its algorithm itself (RFC 4055): our reading of it agrees with the fields.
      EXPECT_EQ(crypto::SignatureAlgorithmOf(IdentifierIn(spki)), algorithm);
      EXPECT_EQ(crypto::KeyTypeOf(spki).has_value(), algorithm.has_value());
    }
    std::vector<base::Bytes> messages;
    std::vector<base::Bytes> signatures;
    std::vector<std::string> alone;
    for (const Json& test : group["tests"].items()) {
      messages.push_back(*base::HexDecode(test["msg"].text()));
      signatures.push_back(*base::HexDecode(test["sig"].text()));
      const std::string expected = !algorithm.has_value()                  ? "unsupported"
                                   : test["result"].text() == "acceptable" ? "invalid"
                                                                           : test["result"].text();
      alone.push_back(Verify(algorithm, spki, messages.back(), signatures.back()));
      suite.Case(std::to_string(test["tcId"].number()), expected, alone.back(),
                 test["comment"].text_or(""));
      ++count;
    }
    if (!algorithm.has_value()) continue;
    std::vector<crypto::SignatureCheck> checks;
    for (size_t i = 0; i < alone.size(); ++i) {
      if (alone[i] == "unsupported") alone[i] = "invalid";
      checks.push_back({.algorithm = *algorithm,
                        .spki_der = spki,
                        .message = messages[i],
                        .signature = signatures[i]});
    }
    EXPECT_EQ(VerifyTogether(checks), alone);
  }
  EXPECT_EQ(count, vectors["numberOfTests"].number());
  suite.Finish();
}

INSTANTIATE_TEST_SUITE_P(
    All, Wycheproof,
    testing::Values(
        "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256_p1363", "ecdsa_secp384r1_sha256",
        "ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384_p1363", "ecdsa_secp521r1_sha512",
        "rsa_pss_2048_sha1_mgf1_20", "rsa_pss_2048_sha256_mgf1_0", "rsa_pss_2048_sha256_mgf1_32",
        "rsa_pss_2048_sha256_mgf1_32_params", "rsa_pss_3072_sha256_mgf1_32",
        "rsa_pss_4096_sha512_mgf1_64", "rsa_pss_misc_params", "rsa_signature_2048_sha256",
        "rsa_signature_2048_sha384", "rsa_signature_2048_sha512", "rsa_signature_3072_sha256",
        "rsa_signature_4096_sha256", "rsa_signature_4096_sha384", "rsa_signature_4096_sha512"),
    [](const testing::TestParamInfo<const char*>& suite) { return std::string(suite.param); });

}  // namespace
}  // namespace musubi::conformance
