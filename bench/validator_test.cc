#include "bench/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace musubi::bench {
namespace {

using ::testing::HasSubstr;

// Made up: the certificate's first octet tells good from bad.
constexpr uint8_t kGood = 0, kForged = 1, kListed = 2;

SignedCard Card(uint8_t kind) { return {{kind, 7}, {8}, {9}}; }

Workload SomeWorkload() {
  return {.validation_time = absl::FromUnixSeconds(1'780'000'000),
          .issuer_certificate = {1},
          .distribution_point = {2},
          .crl = {},
          .cards = std::vector<SignedCard>(20, Card(kGood)),
          .bad_cards = {{"forged", Card(kForged)}, {kRevoked, Card(kListed)}}};
}

// Accepts every kind of card up to `most`.
Validator Accepting(uint8_t most, std::vector<std::string> does_not_see = {}) {
  return {.name = "test",
          .validate =
              [most](std::span<const SignedCard> cards) {
                return static_cast<size_t>(std::count_if(
                    cards.begin(), cards.end(),
                    [most](const SignedCard& card) { return card.certificate[0] <= most; }));
              },
          .does_not_see = std::move(does_not_see)};
}

TEST(Workload, IsReadAsItWasWritten) {
  const Workload workload = SomeWorkload();
  const base::Bytes encoded = EncodeWorkload(workload);
  const auto read = DecodeWorkload(encoded);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->validation_time, workload.validation_time);
  EXPECT_EQ(read->cards.size(), 20u);
  EXPECT_EQ(read->bad_cards[1].why, kRevoked);
  EXPECT_EQ(EncodeWorkload(*read), encoded);
}

TEST(Workload, ThatIsCutOrTooLongIsRefused) {
  base::Bytes encoded = EncodeWorkload(SomeWorkload());
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_FALSE(DecodeWorkload({encoded.data(), size}).ok()) << size;
  }
  encoded.push_back(0);
  EXPECT_FALSE(DecodeWorkload(encoded).ok());
}

TEST(SelfCheck, PassesWhoeverAcceptsExactlyTheGoodCards) {
  EXPECT_TRUE(SelfCheck(Accepting(kGood), SomeWorkload()).ok());
  EXPECT_TRUE(SelfCheck(Accepting(kListed, {"forged", kRevoked}), SomeWorkload()).ok());
}

TEST(SelfCheck, NamesTheCardThatWasJudgedWrongly) {
  // Right about each card, wrong about all that stand behind a bad one.
  Validator spoilt = Accepting(kGood);
  spoilt.validate = [](std::span<const SignedCard> cards) {
    size_t accepted = 0;
    while (accepted < cards.size() && cards[accepted].certificate[0] == kGood) ++accepted;
    return accepted;
  };
  Validator refusing = Accepting(kGood);
  refusing.validate = [](std::span<const SignedCard>) { return size_t{0}; };
  const struct {
    Validator validator;
    const char* message;
  } cases[] = {
      {Accepting(kForged), "accepts the bad card forged"},
      {Accepting(kListed, {"forged"}), "accepts the bad card revoked"},
      {Accepting(kGood, {kRevoked}), "refuses the bad card revoked"},
      {spoilt, "errs about the bad card forged in place 0 among good ones"},
      {refusing, "accepts 0 of 20 good cards"},
  };
  for (const auto& c : cases) {
    const absl::Status status = SelfCheck(c.validator, SomeWorkload());
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("test: "));
  }
}

TEST(MeasureCpu, HasNoFigureIfAGoodCardIsRefused) {
  Workload workload = SomeWorkload();
  EXPECT_TRUE(MeasureCpu(Accepting(kGood), workload).ok());
  workload.cards.push_back(Card(kForged));
  EXPECT_EQ(MeasureCpu(Accepting(kGood), workload).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace musubi::bench
