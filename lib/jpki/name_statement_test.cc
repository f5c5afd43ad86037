#include "lib/jpki/name_statement.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/base/encoding.h"
#include "lib/crypto/hash.h"
#include "tests/fakes/fake_random.h"

namespace musubi::jpki {
namespace {

using pki::VerdictReason;

class NameStatementTest : public ::testing::Test {
 protected:
  NameStatement Make(const crypto::Ed25519PrivateKey& key, std::string name,
                     const base::Hash256& challenge, const base::Hash256& certificate) {
    NameStatement statement{.name = base::Secret<std::string>(std::move(name)),
                            .issuer_key_id = "sim-1",
                            .challenge_hash = challenge,
                            .certificate_hash = certificate};
    const auto signature = key.Sign(
        EncodeNameStatement(statement.name.Reveal(), challenge, certificate).RevealBytes());
    statement.signature.assign(signature.begin(), signature.end());
    return statement;
  }
  NameIssuers Issuers() {
    const auto issuers =
        NameIssuers::Parse(R"({"version":1,"issuers":[{"id":"sim-1","ed25519_public_key":")" +
                               base::Base64UrlEncode(key_.public_key()) + "\"}]}",
                           "name-issuers.json");
    EXPECT_TRUE(issuers.ok()) << issuers.status();
    return *issuers;
  }
  VerdictReason Check(const NameStatement& statement) {
    return CheckNameStatement(Issuers(), statement, challenge_, certificate_);
  }

  fakes::FakeRandom random_;
  const crypto::Ed25519PrivateKey key_ = crypto::Ed25519PrivateKey::Generate("sim-1", random_);
  const base::Hash256 challenge_ = crypto::Sha256(base::AsBytes("challenge"));
  const base::Hash256 certificate_ = crypto::Sha256(base::AsBytes("certificate"));
};

TEST_F(NameStatementTest, GoodOneIsAccepted) {
  EXPECT_EQ(Check(Make(key_, "試験 一号", challenge_, certificate_)), VerdictReason::kUnspecified);
}

TEST_F(NameStatementTest, OtherChallengeOrCardIsAMismatch) {
  EXPECT_EQ(Check(Make(key_, "試験 一号", certificate_, certificate_)),
            VerdictReason::kNameStatementMismatch);
  EXPECT_EQ(Check(Make(key_, "試験 一号", challenge_, challenge_)),
            VerdictReason::kNameStatementMismatch);
}

TEST_F(NameStatementTest, WrongFormIssuerOrSignatureIsInvalid) {
  const NameStatement good = Make(key_, "試験 一号", challenge_, certificate_);
  const std::function<void(NameStatement&)> kChanges[] = {
      [](NameStatement& s) { s.name = base::Secret<std::string>("試験 二号"); },
      [](NameStatement& s) { s.issuer_key_id = "sim-2"; },
      [](NameStatement& s) { s.signature[0] ^= 1; },
      [](NameStatement& s) { s.signature.clear(); },
      [](NameStatement& s) { s.challenge_hash[0] ^= 1; },
  };
  for (const auto& change : kChanges) {
    NameStatement changed = good;
    change(changed);
    EXPECT_EQ(Check(changed), VerdictReason::kNameStatementInvalid);
  }
  EXPECT_EQ(Check(Make(key_, "", challenge_, certificate_)), VerdictReason::kNameStatementInvalid);
  EXPECT_EQ(Check(Make(key_, std::string(kMaxNameLength + 1, 'a'), challenge_, certificate_)),
            VerdictReason::kNameStatementInvalid);
  const auto stranger = crypto::Ed25519PrivateKey::Generate("sim-1", random_);
  EXPECT_EQ(Check(Make(stranger, "試験 一号", challenge_, certificate_)),
            VerdictReason::kNameStatementInvalid);
}

TEST(NameIssuers, NamesFileEntryAndRule) {
  for (const std::string json :
       {R"({"version":2,"issuers":[]})", R"({"version":1})",
        R"({"version":1,"issuers":[{"id":"a","ed25519_public_key":"AAAA"}]})",
        R"({"version":1,"issuers":[{"id":"a"}]})", R"({"version":1,"issuers":[],"x":1})"}) {
    const auto issuers = NameIssuers::Parse(json, "issuers.json");
    EXPECT_EQ(issuers.status().code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_NE(issuers.status().message().find("issuers.json"), std::string::npos) << json;
  }
}

}  // namespace
}  // namespace musubi::jpki
