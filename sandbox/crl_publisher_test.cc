#include "sandbox/crl_publisher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/pki/crl.h"

namespace musubi::sandbox {
namespace {

using pki::CrlOutcome;

constexpr Role kRole = Role::kUserAuthentication;

class CrlPublisherTest : public testing::Test {
 protected:
  static Issuer MakeIssuer(std::string_view generation) {
    return {.role = kRole,
            .generation = *FindGeneration(generation),
            .key = PrivateKey::Generate(KeyType::kEcP384)};
  }

  base::Bytes Make(CrlMisbehaviour misbehaviour) {
    return MakeMisbehavingCrl(
        issuer_, other_,
        {.number = 7, .this_update = now_, .distribution_point_name = point_, .revoked = revoked_},
        misbehaviour);
  }
  CrlOutcome ParseOutcome(CrlMisbehaviour misbehaviour) {
    return pki::ParseCrl(Make(misbehaviour)).outcome;
  }
  pki::Crl Parsed(CrlMisbehaviour misbehaviour) { return *pki::ParseCrl(Make(misbehaviour)).crl; }
  CrlOutcome SignatureOutcome(CrlMisbehaviour misbehaviour, const Issuer& signer) {
    const auto certificate = *pki::Certificate::Parse(MakeCaCertificate(signer));
    return pki::CheckCrlSignature(Parsed(misbehaviour), certificate);
  }

  const Issuer issuer_ = MakeIssuer("03");
  const Issuer other_ = MakeIssuer("02");
  const absl::Time now_ = absl::FromUnixSeconds(1'775'001'600);
  const base::Bytes point_ = DistributionPointName(kRole, Municipalities()[0]);
  std::vector<RevokedCertificate> revoked_ = {
      {.serial = 5, .revoked_at = now_ - absl::Hours(2), .reason = RevocationReason::kSuperseded},
      {.serial = 6, .revoked_at = now_, .reason = RevocationReason::kKeyCompromise}};
};

TEST_F(CrlPublisherTest, AnHonestListIsInForce) {
  for (const CrlMisbehaviour honest :
       {CrlMisbehaviour::kNone, CrlMisbehaviour::kMissingPartition}) {
    EXPECT_EQ(SignatureOutcome(honest, issuer_), CrlOutcome::kUsable);
    EXPECT_EQ(pki::CheckCrlTime(Parsed(honest), now_, absl::ZeroDuration()), CrlOutcome::kUsable);
    EXPECT_EQ(Parsed(honest).entries().size(), 2u);
  }
}

TEST_F(CrlPublisherTest, AnOldListEndedADayAgo) {
  EXPECT_EQ(Parsed(CrlMisbehaviour::kOld).next_update(), now_ - absl::Hours(24));
  EXPECT_EQ(SignatureOutcome(CrlMisbehaviour::kOld, issuer_), CrlOutcome::kUsable);
}

TEST_F(CrlPublisherTest, AnOlderNumberComesWithoutTheNewestRevocation) {
  const pki::Crl crl = Parsed(CrlMisbehaviour::kOlderNumber);
  // 6 was the last one published.
  EXPECT_EQ(crl.number(), base::Bytes{5});
  EXPECT_LT(crl.this_update(), now_);
  EXPECT_TRUE(crl.Find(base::Bytes{5}));
  EXPECT_FALSE(crl.Find(base::Bytes{6}));
  EXPECT_EQ(SignatureOutcome(CrlMisbehaviour::kOlderNumber, issuer_), CrlOutcome::kUsable);
  EXPECT_EQ(pki::CheckCrlTime(crl, now_, absl::ZeroDuration()), CrlOutcome::kUsable);
}

TEST_F(CrlPublisherTest, SignaturesAreOfNobodyOrOfAnotherGeneration) {
  EXPECT_EQ(SignatureOutcome(CrlMisbehaviour::kBadSignature, issuer_), CrlOutcome::kBadSignature);
  EXPECT_EQ(SignatureOutcome(CrlMisbehaviour::kWrongGenerationKey, issuer_),
            CrlOutcome::kBadSignature);
  EXPECT_EQ(SignatureOutcome(CrlMisbehaviour::kWrongGenerationKey, other_), CrlOutcome::kUsable);
}

TEST_F(CrlPublisherTest, AForeignScopeIsThatOfAnotherMunicipality) {
  const auto names =
      Parsed(CrlMisbehaviour::kForeignScope).issuing_distribution_point()->directory_names_der;
  EXPECT_EQ(names, std::vector<base::Bytes>{DistributionPointName(kRole, Municipalities()[1])});
  EXPECT_EQ(SignatureOutcome(CrlMisbehaviour::kForeignScope, issuer_), CrlOutcome::kUsable);
}

TEST_F(CrlPublisherTest, AnEntryHasAnUnknownCriticalExtensionEvenIfNothingIsRevoked) {
  const auto misbehaviour = CrlMisbehaviour::kUnknownCriticalEntryExtension;
  EXPECT_EQ(ParseOutcome(misbehaviour), CrlOutcome::kUnknownCriticalEntryExtension);
  revoked_.clear();
  EXPECT_EQ(ParseOutcome(misbehaviour), CrlOutcome::kUnknownCriticalEntryExtension);
}

TEST_F(CrlPublisherTest, ACutListIsNone) {
  EXPECT_EQ(ParseOutcome(CrlMisbehaviour::kCut), CrlOutcome::kMalformed);
}

TEST(RevocationReason, IsReadBackByItsNameButForTheTwoThatNobodyMayGive) {
  for (const RevocationReason reason : kRevocationReasons) {
    EXPECT_EQ(*ParseRevocationReason(Name(reason)), reason) << Name(reason);
  }
  for (const char* name : {"", "removeFromCRL", "lost"}) {
    EXPECT_EQ(ParseRevocationReason(name).status().code(), absl::StatusCode::kInvalidArgument)
        << name;
  }
}

TEST(CrlMisbehaviour, IsReadBackByItsName) {
  for (const CrlMisbehaviour misbehaviour : kCrlMisbehaviours) {
    EXPECT_EQ(*ParseCrlMisbehaviour(Name(misbehaviour)), misbehaviour);
  }
  EXPECT_EQ(ParseCrlMisbehaviour("slow").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace musubi::sandbox
