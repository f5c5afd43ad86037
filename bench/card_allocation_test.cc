// Judging RSA cards allocates nothing, in lanes and scalar. A binary of its own: it replaces
// operator new, and OpenSSL's allocations are counted from its first.
#include <gtest/gtest.h>

#include <vector>

#include "bench/allocations.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/jpki/card_validator.h"
#include "tests/fakes/test_ca.h"

namespace musubi::jpki {
namespace {

using base::Bytes;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;

// Before main, and so before OpenSSL allocates anything.
const bool kCounted = [] {
  bench::CountOpensslAllocations();
  return true;
}();

uint64_t AllocationsNow() {
  const bench::Allocations now = bench::AllocationsOfThread();
  return now.by_new + now.by_openssl;
}

TEST(CardAllocation, IsCountedHere) {
  EXPECT_TRUE(kCounted);
  const bench::Allocations before = bench::AllocationsOfThread();
  const TestKey& key = TestKey::Get(KeyKind::kRsa2048, 10);
  EXPECT_FALSE(key.Sign(crypto::SignatureAlgorithm::kRsaPkcs1Sha256, {}).empty());
  EXPECT_GT(bench::AllocationsOfThread().by_new, before.by_new);
  EXPECT_GT(bench::AllocationsOfThread().by_openssl, before.by_openssl);
}

TEST(CardAllocation, RsaCardsTakeNoneGoodOrBad) {
  const absl::Time now = absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone());
  const auto algorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
  const TestCa ca;
  const TestCa forger({.key_number = 1, .key_identifier = ca.key_identifier()});
  const TestCa stranger({.organizational_unit = "Stranger", .key_number = 1});
  const CardValidator validator =
      CardValidator::Create(
          pki::TrustStore::Create(pki::Environment::kSim, {ca.Anchor("auth-01")}).value(),
          Hierarchy::Create(pki::Environment::kSim,
                            {{CertificateKind::kUserAuthentication, {"2.999.1.30"}}})
              .value())
          .value();
  const TestKey& key = TestKey::Get(KeyKind::kRsa2048, 10);
  fakes::CertificateSpec expired = ca.CardSpec(key);
  expired.not_after = now - absl::Seconds(1);
  const std::vector<Bytes> cards = {ca.Issue(ca.CardSpec(key)), forger.Issue(forger.CardSpec(key)),
                                    stranger.Issue(stranger.CardSpec(key)), ca.Issue(expired),
                                    ca.Issue(ca.SignatureCardSpec(key))};
  const Bytes message(100, 1);
  const Bytes good = key.Sign(algorithm, message);
  const Bytes bad(good.size(), 1);
  std::vector<CardQuestion> questions;
  for (size_t i = 0; i < 2 * kCardsAtOnce; ++i) {
    questions.push_back(
        {cards[i % cards.size()], Proof{message, i % 3 == 0 ? bad : good, algorithm}});
  }
  std::vector<CardFinding> findings(questions.size());
  for (const auto dispatch :
       {crypto::SignatureDispatch::kAuto, crypto::SignatureDispatch::kScalar}) {
    const auto verifier = crypto::SignatureVerifier::Create({.dispatch = dispatch}).value();
    auto verify = [&](auto checks, auto outcomes) { return verifier->Verify(checks, outcomes); };
    // The first makes what a thread keeps.
    ASSERT_TRUE(validator.CheckBatch(questions, now, findings, verify).ok());
    const uint64_t before = AllocationsNow();
    ASSERT_TRUE(validator.CheckBatch(questions, now, findings, verify).ok());
    EXPECT_EQ(AllocationsNow() - before, 0u);
    size_t valid = 0;
    for (const CardFinding& finding : findings) valid += finding.verdict.valid() ? 1 : 0;
    EXPECT_EQ(valid, 8u);
  }
}

}  // namespace
}  // namespace musubi::jpki
