#include "lib/replica/crl_epochs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/secure_random.h"
#include "tests/fakes/redis_server.h"

namespace musubi::replica {
namespace {

// Redis's own clock runs on besides: no test takes a minute, and none looks at less.
constexpr absl::Duration kSlack = absl::Minutes(1);
const absl::Time kMonday = absl::FromUnixSeconds(1'795'000'000);
const absl::Time kTuesday = kMonday + absl::Hours(24);

class CrlEpochsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto client = redis::Client::Create({observer_, random_}, {.server = server_.address()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    ASSERT_TRUE(client_->WaitUntilReady(absl::Minutes(1)).ok());
    auto epochs = CrlEpochs::Create(*client_, {.timeout = absl::Minutes(1), .time_offset = [this] {
                                                 return absl::Seconds(advanced_.load());
                                               }});
    ASSERT_TRUE(epochs.ok()) << epochs.status();
    epochs_ = *std::move(epochs);
  }

  void Advance(absl::Duration by) { advanced_ += absl::ToInt64Seconds(by); }
  // Any replica's: nothing but the lists tells one from another.
  absl::Duration Report(const std::vector<CrlEpoch>& lists) {
    const auto behind = epochs_->Report(lists);
    EXPECT_TRUE(behind.ok()) << behind.status();
    return behind.value_or(absl::InfiniteDuration());
  }
  void ExpectBehind(absl::Duration want, const std::vector<CrlEpoch>& lists) {
    const absl::Duration behind = Report(lists);
    EXPECT_GE(behind, want);
    EXPECT_LT(behind, want + kSlack);
    EXPECT_GT(behind, absl::ZeroDuration());
  }

  fakes::RedisServer server_;
  redis::Observer observer_;
  base::SystemRandom random_;
  std::atomic<int64_t> advanced_ = 0;
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<CrlEpochs> epochs_;
};

TEST_F(CrlEpochsTest, WhoHasTheNewestListsIsNotBehind) {
  EXPECT_EQ(Report({}), absl::ZeroDuration());
  EXPECT_EQ(Report({{"ward-1", kMonday}, {"ward-2", kMonday}}), absl::ZeroDuration());
  EXPECT_EQ(Report({{"ward-1", kMonday}, {"ward-2", kMonday}}), absl::ZeroDuration());
  EXPECT_EQ(Report({{"ward-1", kTuesday}, {"ward-2", kMonday}}), absl::ZeroDuration());
}

TEST_F(CrlEpochsTest, OneIsBehindSinceAnotherFirstReportedANewerList) {
  EXPECT_EQ(Report({{"ward-1", kMonday}}), absl::ZeroDuration());
  Advance(absl::Hours(30));
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
  ExpectBehind(absl::ZeroDuration(), {{"ward-1", kMonday}});
  Advance(absl::Minutes(10));
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
  ExpectBehind(absl::Minutes(10), {{"ward-1", kMonday}});
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
}

TEST_F(CrlEpochsTest, TheScopeThatIsLongestBehindCounts) {
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
  Advance(absl::Hours(1));
  EXPECT_EQ(Report({{"ward-1", kTuesday}, {"ward-2", kTuesday}}), absl::ZeroDuration());
  Advance(absl::Hours(1));
  ExpectBehind(absl::Hours(1), {{"ward-1", kTuesday}, {"ward-2", kMonday}});
  ExpectBehind(absl::Hours(2), {{"ward-2", kMonday}, {"ward-1", kMonday}});
  // What it does not have in its configuration does not hold it up.
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
}

TEST_F(CrlEpochsTest, AScopeIsAnyOctets) {
  const std::string odd("\0:1:\r\n\xff", 7);
  EXPECT_EQ(Report({{odd, kTuesday}}), absl::ZeroDuration());
  ExpectBehind(absl::ZeroDuration(), {{odd, kMonday}});
  EXPECT_EQ(Report({{"", kMonday}}), absl::ZeroDuration());
}

TEST_F(CrlEpochsTest, AllScopesOfTheCountryFitIntoOneReport) {
  std::vector<CrlEpoch> lists;
  for (int i = 0; i < 2000; ++i)
    lists.push_back({std::string(28, 's') + std::to_string(i), kTuesday});
  EXPECT_EQ(Report(lists), absl::ZeroDuration());
  lists.back().this_update = kMonday;
  ExpectBehind(absl::ZeroDuration(), lists);
}

TEST_F(CrlEpochsTest, WhatRedisForgotItIsToldAgain) {
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
  ASSERT_TRUE(client_->Command({"FLUSHALL"}, absl::Minutes(1)).ok());
  EXPECT_EQ(Report({{"ward-1", kMonday}}), absl::ZeroDuration());
  EXPECT_EQ(Report({{"ward-1", kTuesday}}), absl::ZeroDuration());
  ExpectBehind(absl::ZeroDuration(), {{"ward-1", kMonday}});
  const auto ttl = client_->Command({"TTL", "musubi:crl-epochs"}, absl::Minutes(1));
  ASSERT_TRUE(ttl.ok()) << ttl.status();
  EXPECT_GT(ttl->integer, 600'000);
}

TEST_F(CrlEpochsTest, RedisThatDoesNotAnswerIsUnavailable) {
  server_.Kill();
  const auto behind = epochs_->Report({});
  EXPECT_EQ(base::ReasonOf(behind.status()), base::ErrorReason::kUnavailable) << behind.status();
}

TEST_F(CrlEpochsTest, OptionsThatBreakARuleAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(CrlEpochs::Create(*client_, {.prefix = ""}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CrlEpochs::Create(*client_, {.prefix = std::string(65, 'p')}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CrlEpochs::Create(*client_, {.timeout = absl::ZeroDuration()}).status()));
}

}  // namespace
}  // namespace musubi::replica
