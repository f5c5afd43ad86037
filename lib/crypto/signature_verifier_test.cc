#include "lib/crypto/signature_verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "lib/crypto/message_digest.h"
#include "lib/crypto/rsa_lanes.h"
#include "tests/fakes/test_key.h"
#include "tests/soak/lane_cases.h"

namespace musubi::crypto {
namespace {

using base::AsBytes;
using base::Bytes;
using fakes::KeyKind;
using fakes::TestKey;

// A million in the dev build. Sanitizers slow the lanes down by far more than they find in so many
// equal runs, so there the first of them have to do.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kRandomCases = 20'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr uint64_t kRandomCases = 20'000;
#else
constexpr uint64_t kRandomCases = 1'000'000;
#endif
#else
constexpr uint64_t kRandomCases = 1'000'000;
#endif

void ExpectAllRight(const soak::LaneCases& cases) {
  EXPECT_EQ(cases.wrong, 0U);
  for (const std::string& wrong : cases.first_wrong) ADD_FAILURE() << wrong;
  testing::Test::RecordProperty("cases", std::to_string(cases.cases));
}

class RsaLanes : public testing::Test {
 protected:
  // What a processor cannot run it cannot test. Everything else here runs on each, scalar.
  void SetUp() override {
    if (!rsa_lanes::Supported()) GTEST_SKIP() << "*** no lanes on this processor: NOT tested ***";
  }
};

TEST_F(RsaLanes, EqualOpenSslOnRandomNumbers) {
  const soak::LaneCases cases = soak::RandomLaneCases(/*seed=*/0, kRandomCases);
  EXPECT_GE(cases.cases, kRandomCases);
  ExpectAllRight(cases);
}

TEST_F(RsaLanes, EqualOpenSslOnCraftedResults) {
  ExpectAllRight(soak::CraftedLaneCases(/*seed=*/0));
}

// Something signed, with all that a check views.
struct Signed {
  const TestKey* key;
  SignatureAlgorithm algorithm;
  Bytes message;
  Bytes signature;

  SignatureCheck Check() const {
    return {.algorithm = algorithm,
            .spki_der = key->spki_der(),
            .message = message,
            .signature = signature};
  }
  bool VerifiedAlone() const {
    return VerifySignature(algorithm, key->spki_der(), message, signature);
  }
};

Signed Sign(KeyKind kind, int number, SignatureAlgorithm algorithm, std::string_view text) {
  const TestKey& key = TestKey::Get(kind, number);
  return {&key, algorithm, base::ToBytes(text), key.Sign(algorithm, AsBytes(text))};
}

// A big-endian sum; its carry is lost.
Bytes Plus(Bytes a, base::ByteView b) {
  int carry = 0;
  for (size_t i = a.size(); i-- > 0;) {
    carry += a[i] + b[i];
    a[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  return a;
}

base::ByteView ModulusOf(const Signed& one) {
  return base::ByteView(one.key->spki_der()).subspan(33, 256);
}

// Wrong in one way or another; `way` is any number.
Signed Spoil(Signed one, unsigned way) {
  switch (way % 10) {
    case 0:
      one.signature[way / 10 % one.signature.size()] ^= 0x20;
      break;
    case 1:
      one.message.push_back('x');
      break;
    case 2:
      one.signature.pop_back();
      break;
    case 3:
      one.signature.push_back(0);
      break;
    case 4:
      std::fill(one.signature.begin(), one.signature.end(), 0);
      break;
    case 5:
      std::fill(one.signature.begin(), one.signature.end(), 0);
      one.signature.back() = 1;
      break;
    case 6:
      one.signature = base::ToBytes(ModulusOf(one));
      break;
    case 7:
      one.signature = base::ToBytes(ModulusOf(one));
      one.signature.back() -= 1;
      break;
    case 8:
      one.signature = base::ToBytes(ModulusOf(one));
      one.signature.back() |= 2;
      one.signature[254] |= 1;
      break;
    default:
      one.algorithm = one.algorithm == SignatureAlgorithm::kRsaPkcs1Sha256
                          ? SignatureAlgorithm::kRsaPkcs1Sha512
                          : SignatureAlgorithm::kRsaPkcs1Sha256;
  }
  return one;
}

// Spoils octet 50: the signature stays below the modulus, and so goes to a lane.
constexpr unsigned kOctet50 = 500;

std::vector<Signed> EightGood() {
  std::vector<Signed> good;
  for (int i = 0; i < 8; ++i) {
    good.push_back(
        Sign(KeyKind::kRsa2048, i % 4,
             i % 3 == 2 ? SignatureAlgorithm::kRsaPssSha256 : SignatureAlgorithm::kRsaPkcs1Sha256,
             "message " + std::to_string(i)));
  }
  return good;
}

class RecordingObserver final : public SignatureObserver {
 public:
  void OnLanesDisabled(std::string_view why) override { reasons.emplace_back(why); }
  std::vector<std::string> reasons;
};

class Verifier : public testing::TestWithParam<SignatureDispatch> {
 protected:
  void SetUp() override {
    if (GetParam() == SignatureDispatch::kLanes && !rsa_lanes::Supported()) {
      GTEST_SKIP() << "*** no lanes on this processor: NOT tested ***";
    }
    auto verifier = SignatureVerifier::Create({.dispatch = GetParam(), .recheck_one_in = 3});
    ASSERT_TRUE(verifier.ok()) << verifier.status();
    verifier_ = *std::move(verifier);
  }

  std::vector<SignatureOutcome> Verify(const std::vector<SignatureCheck>& checks) {
    std::vector<SignatureOutcome> outcomes(checks.size(), SignatureOutcome::kNotChecked);
    EXPECT_TRUE(verifier_->Verify(checks, outcomes).ok());
    return outcomes;
  }
  static SignatureOutcome OutcomeOf(bool good) {
    return good ? SignatureOutcome::kGood : SignatureOutcome::kBad;
  }

  std::unique_ptr<SignatureVerifier> verifier_;
};

INSTANTIATE_TEST_SUITE_P(Dispatch, Verifier,
                         testing::Values(SignatureDispatch::kAuto, SignatureDispatch::kScalar,
                                         SignatureDispatch::kLanes));

TEST_P(Verifier, OneBadLaneNeverChangesAnothersAnswer) {
  const std::vector<Signed> good = EightGood();
  for (unsigned mask = 0; mask < 256; ++mask) {
    std::vector<Signed> batch = good;
    std::vector<SignatureCheck> checks;
    std::vector<SignatureOutcome> want;
    for (unsigned i = 0; i < 8; ++i) {
      const bool bad = (mask >> i & 1) != 0;
      if (bad) batch[i] = Spoil(good[i], mask + 3 * i);
      want.push_back(OutcomeOf(!bad));
    }
    for (const Signed& one : batch) checks.push_back(one.Check());
    ASSERT_EQ(Verify(checks), want) << "bad lanes: " << mask;
  }
}

TEST_P(Verifier, AgreesWithSingleChecksInBatchesOfEveryKind) {
  std::vector<Signed> pool = EightGood();
  for (unsigned way = 0; way < 30; ++way) pool.push_back(Spoil(pool[way % 8], way));
  pool.push_back(Sign(KeyKind::kRsa3072, 0, SignatureAlgorithm::kRsaPkcs1Sha384, "a"));
  pool.push_back(Sign(KeyKind::kRsa2048, 0, SignatureAlgorithm::kRsaPssSha512, "b"));
  pool.push_back(Sign(KeyKind::kEcP256, 0, SignatureAlgorithm::kEcdsaP256Sha256, "c"));
  pool.push_back(Sign(KeyKind::kEcP384, 0, SignatureAlgorithm::kEcdsaP384Sha256, "d"));
  pool.push_back(Sign(KeyKind::kRsa1024, 0, SignatureAlgorithm::kRsaPkcs1Sha256, "e"));
  pool.push_back(Sign(KeyKind::kRsa2048Exponent3, 0, SignatureAlgorithm::kRsaPkcs1Sha256, "f"));
  std::vector<bool> alone;
  for (const Signed& one : pool) alone.push_back(one.VerifiedAlone());
  std::vector<std::unique_ptr<PreparedKey>> prepared;
  for (const Signed& one : pool) {
    auto key = PreparedKey::Create(one.key->spki_der());
    prepared.push_back(key.ok() ? *std::move(key) : nullptr);
  }
  std::mt19937 random(1);
  for (size_t size = 0; size < 45; ++size) {
    std::vector<SignatureCheck> checks;
    std::vector<SignatureOutcome> want;
    std::vector<MessageDigest> digests(size);
    for (size_t i = 0; i < size; ++i) {
      const size_t which = random() % pool.size();
      checks.push_back(pool[which].Check());
      if (random() % 2 == 0) checks.back().key = prepared[which].get();
      if (random() % 2 == 0) {
        digests[i] = DigestOf(pool[which].algorithm.hash, {pool[which].message});
        checks.back().digest = digests[i].view();
        checks.back().message = {};
      }
      want.push_back(OutcomeOf(alone[which]));
    }
    EXPECT_EQ(Verify(checks), want) << size;
  }
}

// The numbers that share a residue with a good signature, and those around the modulus.
TEST_P(Verifier, TakesOnlyASignatureBelowTheModulus) {
  // One whose sum with the modulus still has 2048 bits: the first message that gives such.
  Signed one;
  Bytes sum;
  for (int i = 0;; ++i) {
    one = Sign(KeyKind::kRsa2048, 0, SignatureAlgorithm::kRsaPkcs1Sha256, std::to_string(i));
    sum = Plus(one.signature, ModulusOf(one));
    const Bytes modulus = base::ToBytes(ModulusOf(one));
    if (sum > modulus) break;  // No carry was lost.
  }
  ASSERT_EQ(Verify({one.Check()}), std::vector{SignatureOutcome::kGood});
  const Bytes modulus = base::ToBytes(ModulusOf(one));
  Bytes one_more = modulus;
  one_more.back() += 1;  // It was odd, so no carry unless all ones.
  Bytes one_less = modulus;
  one_less.back() -= 1;
  Bytes zero(256);
  Bytes unity(256);
  unity.back() = 1;
  std::vector<SignatureCheck> checks;
  const Bytes signatures[] = {sum, modulus, one_more, one_less, zero, unity};
  for (const Bytes& signature : signatures) {
    checks.push_back(one.Check());
    checks.back().signature = signature;
  }
  EXPECT_EQ(Verify(checks), std::vector(6, SignatureOutcome::kBad));
}

TEST_P(Verifier, LeavesRsaPssKeysTheirOwnParameters) {
  // id-RSASSA-PSS without parameters: the same key under another name.
  const Signed pss = Sign(KeyKind::kRsa2048, 0, SignatureAlgorithm::kRsaPssSha256, "m");
  const Signed pkcs1 = Sign(KeyKind::kRsa2048, 0, SignatureAlgorithm::kRsaPkcs1Sha256, "m");
  Bytes spki = pss.key->spki_der();
  spki[16] = 0x0a;  // The OID's last arc: rsaEncryption to RSASSA-PSS.
  spki.erase(spki.begin() + 17, spki.begin() + 19);  // NULL
  spki[5] -= 2;
  spki[3] -= 2;
  ASSERT_EQ(KeyTypeOf(spki), KeyType::kRsaPss2048);
  std::vector<SignatureCheck> checks = {pss.Check(), pkcs1.Check()};
  for (SignatureCheck& check : checks) check.spki_der = spki;
  EXPECT_EQ(Verify(checks), (std::vector{SignatureOutcome::kGood, SignatureOutcome::kBad}));
}

TEST(PreparedKey, RefusesWhatIsNoKeyOfOurs) {
  EXPECT_EQ(PreparedKey::Create({}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(PreparedKey::Create(TestKey::Get(KeyKind::kRsa1024).spki_der()).ok());
  Bytes off_curve = TestKey::Get(KeyKind::kEcP384).spki_der();
  off_curve.back() ^= 1;
  EXPECT_FALSE(PreparedKey::Create(off_curve).ok());
  const auto key = PreparedKey::Create(TestKey::Get(KeyKind::kEcP384).spki_der());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ((*key)->type(), KeyType::kEcP384);
}

TEST(SignatureVerifier, RefusesToRecheckOneInZero) {
  EXPECT_EQ(SignatureVerifier::Create({.recheck_one_in = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// Lanes that go wrong when told to. `g_xor` is laid over their answer.
uint8_t g_xor = 0;
uint8_t WrongLanes(const rsa_lanes::Job* jobs) { return rsa_lanes::Run(jobs) ^ g_xor; }

class BrokenLanes : public RsaLanes {
 protected:
  void TearDown() override {
    g_xor = 0;
    rsa_lanes::EnableAgainForTest();
  }

  RecordingObserver observer_;
  const std::vector<Signed> signed_ = EightGood();
};

TEST_F(BrokenLanes, AreNotEnabledByASelfTestThatFails) {
  for (const uint8_t wrong : {1, 2, 4, 8, 16, 32, 64, 128}) {
    g_xor = wrong;
    EXPECT_EQ(SignatureVerifier::CreateForTest(
                  {.dispatch = SignatureDispatch::kLanes, .observer = &observer_}, WrongLanes)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(rsa_lanes::Enabled());
    rsa_lanes::EnableAgainForTest();
  }
  EXPECT_EQ(observer_.reasons.size(), 8U);
  const auto automatic = SignatureVerifier::CreateForTest({.observer = &observer_}, WrongLanes);
  ASSERT_TRUE(automatic.ok());
  EXPECT_FALSE((*automatic)->uses_lanes());
  const std::vector<SignatureCheck> checks = {signed_[0].Check(), signed_[1].Check()};
  std::vector<SignatureOutcome> outcomes(2);
  EXPECT_TRUE((*automatic)->Verify(checks, outcomes).ok());
  EXPECT_EQ(outcomes, std::vector(2, SignatureOutcome::kGood));
}

TEST_F(BrokenLanes, AnswerNothingAndAreDisabledOnceOpenSslContradicts) {
  const auto verifier =
      SignatureVerifier::CreateForTest({.recheck_one_in = 1, .observer = &observer_}, WrongLanes);
  const auto other = SignatureVerifier::Create({});
  ASSERT_TRUE(verifier.ok() && (*verifier)->uses_lanes() && other.ok() && (*other)->uses_lanes());
  // A forgery in lane 2, which the broken lanes let through.
  const Signed forged = Spoil(signed_[3], kOctet50);
  const std::vector<SignatureCheck> checks = {signed_[0].Check(), signed_[1].Check(),
                                              forged.Check()};
  std::vector<SignatureOutcome> outcomes(3);
  g_xor = 4;
  EXPECT_EQ((*verifier)->Verify(checks, outcomes).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(outcomes, std::vector(3, SignatureOutcome::kNotChecked));
  EXPECT_EQ(observer_.reasons.size(), 1U);
  EXPECT_FALSE((*verifier)->uses_lanes());
  EXPECT_FALSE((*other)->uses_lanes()) << "disabled for the process";
  // The next answers come from OpenSSL.
  EXPECT_TRUE((*verifier)->Verify(checks, outcomes).ok());
  EXPECT_EQ(outcomes, (std::vector{SignatureOutcome::kGood, SignatureOutcome::kGood,
                                   SignatureOutcome::kBad}));
}

TEST_F(BrokenLanes, ForcedLanesAnswerNothingOnceDisabled) {
  const auto verifier = SignatureVerifier::Create({.dispatch = SignatureDispatch::kLanes});
  ASSERT_TRUE(verifier.ok());
  rsa_lanes::Disable();
  const SignatureCheck check = signed_[0].Check();
  SignatureOutcome outcome = SignatureOutcome::kGood;
  EXPECT_EQ((*verifier)->Verify({&check, 1}, {&outcome, 1}).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(outcome, SignatureOutcome::kNotChecked);
}

TEST_F(BrokenLanes, AreRecheckedInTheShareThatWasAskedFor) {
  const auto verifier = SignatureVerifier::CreateForTest({.recheck_one_in = 4}, WrongLanes);
  ASSERT_TRUE(verifier.ok());
  // Each call accepts one good and one forged signature; the fifth accepted one is a good one
  // again, so that every fourth is good: no contradiction. One good signature more shifts that.
  const Signed forged = Spoil(signed_[3], kOctet50);
  const std::vector<SignatureCheck> two = {signed_[0].Check(), forged.Check()};
  std::vector<SignatureOutcome> outcomes(2);
  g_xor = 2;
  for (int i = 0; i < 6; ++i) EXPECT_TRUE((*verifier)->Verify(two, outcomes).ok());
  g_xor = 0;
  const std::vector<SignatureCheck> three = {signed_[0].Check(), signed_[1].Check(),
                                             signed_[3].Check()};
  outcomes.resize(3);
  EXPECT_TRUE((*verifier)->Verify(three, outcomes).ok());
  outcomes.resize(2);
  g_xor = 2;
  EXPECT_EQ((*verifier)->Verify(two, outcomes).code(), absl::StatusCode::kInternal);
}

using BrokenLanesDeathTest = BrokenLanes;
TEST_F(BrokenLanesDeathTest, AbortWhenAnUnusedLaneAccepts) {
  const auto verifier = SignatureVerifier::CreateForTest({}, WrongLanes);
  ASSERT_TRUE(verifier.ok());
  const std::vector<SignatureCheck> checks = {signed_[0].Check(), signed_[1].Check()};
  std::vector<SignatureOutcome> outcomes(2);
  g_xor = 0x80;
  EXPECT_DEATH((*verifier)->Verify(checks, outcomes).IgnoreError(), "known to be bad");
}

}  // namespace
}  // namespace musubi::crypto
