#include "lib/checklog/check_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <set>
#include <string>
#include <thread>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/checklog/check_log_fixture.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::checklog {
namespace {

using base::ErrorReason;
using testing::HasSubstr;

using CheckLogTest = CheckLogFixture;

TEST_F(CheckLogTest, RowsAreWrittenInTheirOrderBetweenAStartAndAStop) {
  {
    const auto log = MustOpen();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(log->Append(Row("c" + std::to_string(i))).ok());
  }
  const Verified verified = Verify();
  ASSERT_TRUE(verified.report.ok) << verified.report.what;
  ASSERT_EQ(verified.rows.size(), 1002u);
  EXPECT_EQ(KindOf(verified.rows.front()), RowKind::kStart);
  EXPECT_EQ(KindOf(verified.rows.back()), RowKind::kStop);
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_THAT(verified.rows[i + 1], HasSubstr("\"n\":" + std::to_string(i + 2) + ","));
    EXPECT_THAT(verified.rows[i + 1], HasSubstr("\"c" + std::to_string(i) + "\""));
  }
  EXPECT_EQ(observer_.written(), 1000u);
  EXPECT_EQ(segments_.files().size(), 1u);
}

TEST_F(CheckLogTest, TheChainGoesOnAfterARestart) {
  for (int run = 0; run < 3; ++run) {
    const auto log = MustOpen({.segment_octets = 700});
    ASSERT_TRUE(log->Append(Row("run" + std::to_string(run))).ok());
  }
  const VerifyReport report = Verify().report;
  EXPECT_TRUE(report.ok) << report.what;
  EXPECT_EQ(report.head.rows, 9);
  EXPECT_EQ(report.broken_runs, 0);
  ASSERT_EQ(observer_.openings.size(), 3u);
  EXPECT_EQ(observer_.openings[2].rows, 6);
  EXPECT_TRUE(observer_.openings[2].ended_in_order);
}

TEST_F(CheckLogTest, AProcessThatWasKilledShowsAtTheNextStartAndInTheLog) {
  fakes::MemorySegments::Files killed;
  {
    const auto log = MustOpen();
    ASSERT_TRUE(log->Append(Row("a")).ok());
    log->Flush();
    killed = segments_.files();
  }
  fakes::MemorySegments after(killed);
  {
    const auto log = CheckLog::Create(
        {.clock = clock_, .storage = after.Open(), .keyring = keyring_, .observer = &observer_});
    ASSERT_TRUE(log.ok()) << log.status();
  }
  EXPECT_FALSE(observer_.openings.back().ended_in_order);
  EXPECT_EQ(observer_.openings.back().cut_octets, 0u);
  const VerifyReport report = VerifyOf(after).report;
  EXPECT_TRUE(report.ok) << report.what;
  EXPECT_EQ(report.broken_runs, 1);
}

// As a kill in the middle of a write leaves it, at every octet.
TEST_F(CheckLogTest, ATornLastRowIsCutAndReportedAndNothingElse) {
  ChainPoint before_torn;
  std::string whole;
  size_t torn_begins = 0;
  {
    const auto log = MustOpen();
    ASSERT_TRUE(log->Append(Row("kept")).ok());
    log->Flush();
    before_torn = Verify().report.head;
    torn_begins = segments_.files().at(SegmentName(1)).size();
    ASSERT_TRUE(log->Append(Row("torn")).ok());
    log->Flush();
    whole = segments_.files().at(SegmentName(1));
  }
  for (size_t size = torn_begins + 1; size < whole.size(); ++size) {
    fakes::MemorySegments segments;
    segments.Put(SegmentName(1), whole.substr(0, size));
    EXPECT_EQ(VerifyOf(segments).report.fault, ChainFault::kTorn);
    {
      const auto log = CheckLog::Create({.clock = clock_,
                                         .storage = segments.Open(),
                                         .keyring = keyring_,
                                         .observer = &observer_});
      ASSERT_TRUE(log.ok()) << log.status();
    }
    EXPECT_EQ(observer_.openings.back().cut_octets, size - torn_begins);
    EXPECT_FALSE(observer_.openings.back().ended_in_order);
    EXPECT_EQ(observer_.openings.back().path, "/memory/" + SegmentName(1));
    const Verified verified = VerifyOf(segments, {.expected_head = before_torn});
    EXPECT_TRUE(verified.report.ok) << verified.report.what;
    EXPECT_EQ(verified.report.checks, 1);
    EXPECT_THAT(verified.rows.at(2),
                HasSubstr("\"cut_octets\":" + std::to_string(size - torn_begins) + "}"));
  }
}

TEST_F(CheckLogTest, AFirstWriteOfASegmentThatWasCutOffBeginsAgain) {
  WriteThreeSegments();
  const fakes::MemorySegments::Files files = segments_.files();
  const auto& [last_name, last] = *std::prev(files.end());
  const size_t header = last.find('\n');
  for (const size_t size : {size_t{0}, size_t{1}, header, header + 1, header + 2}) {
    fakes::MemorySegments segments(files);
    segments.Put(last_name, last.substr(0, size));
    {
      const auto log = CheckLog::Create({.clock = clock_,
                                         .storage = segments.Open(),
                                         .keyring = keyring_,
                                         .observer = &observer_});
      ASSERT_TRUE(log.ok()) << log.status();
    }
    const VerifyReport report = VerifyOf(segments).report;
    EXPECT_TRUE(report.ok) << size << ": " << report.what;
    EXPECT_EQ(report.broken_runs, 1) << size;
  }
  // The very first write of all.
  fakes::MemorySegments segments;
  segments.Put(SegmentName(1), "0123");
  const auto log = CheckLog::Create(
      {.clock = clock_, .storage = segments.Open(), .keyring = keyring_, .observer = &observer_});
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(observer_.openings.back().cut_octets, 4u);
}

TEST_F(CheckLogTest, ADamagedLastSegmentIsRefusedAndLeftAsItIs) {
  {
    const auto log = MustOpen();
    ASSERT_TRUE(log->Append(Row("a")).ok());
  }
  const fakes::MemorySegments::Files files = segments_.files();
  std::string content = files.at(SegmentName(1));
  for (size_t i = 0; i + 1 < content.size(); ++i) {
    std::string changed = content;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    segments_.Put(SegmentName(1), changed);
    const auto log = Open();
    ASSERT_EQ(log.status().code(), absl::StatusCode::kFailedPrecondition) << "octet " << i;
    const std::string message(log.status().message());
    EXPECT_THAT(message, HasSubstr("/memory/" + SegmentName(1) + ": "));
    EXPECT_THAT(message, HasSubstr("; or move the whole folder away"));
    EXPECT_EQ(segments_.files().at(SegmentName(1)), changed);
  }
}

TEST_F(CheckLogTest, AMissingSegmentIsRefusedByName) {
  WriteThreeSegments();
  const fakes::MemorySegments::Files files = segments_.files();
  {
    fakes::MemorySegments::Files some = files;
    some.erase(SegmentName(2));
    fakes::MemorySegments segments(some);
    const auto log =
        CheckLog::Create({.clock = clock_, .storage = segments.Open(), .keyring = keyring_});
    EXPECT_EQ(log.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(log.status().message()), HasSubstr(SegmentName(2) + ": is missing"));
  }
  fakes::MemorySegments segments;
  segments.Put(SegmentName(3), "");
  const auto log =
      CheckLog::Create({.clock = clock_, .storage = segments.Open(), .keyring = keyring_});
  EXPECT_EQ(log.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(log.status().message()), HasSubstr(SegmentName(2) + ": is missing"));
}

TEST_F(CheckLogTest, ANewKeyBeginsASegmentAndTheOldOneStillReads) {
  {
    const auto log = MustOpen();
    ASSERT_TRUE(log->Append(Row("old")).ok());
  }
  const std::string old = std::string(keyring_.Serialize().Reveal());
  keyring_ = *crypto::Keyring::Parse(NewKeyring("k2").Serialize().Reveal() + old);
  {
    const auto log = MustOpen();
    ASSERT_TRUE(log->Append(Row("new")).ok());
  }
  EXPECT_EQ(segments_.files().size(), 2u);
  const Verified verified = Verify();
  EXPECT_TRUE(verified.report.ok) << verified.report.what;
  EXPECT_THAT(verified.rows.at(1), HasSubstr(R"("key_id":"k1")"));
  EXPECT_THAT(verified.rows.at(4), HasSubstr(R"("key_id":"k2")"));
}

TEST_F(CheckLogTest, ACardHasOneHashUnderOneKey) {
  const base::Hash256 issuer{1};
  const base::Bytes serial{1, 2, 3};
  const auto log = MustOpen();
  EXPECT_EQ(log->HashCard(issuer, serial), log->HashCard(issuer, serial));
  EXPECT_NE(log->HashCard(issuer, serial), log->HashCard(base::Hash256{2}, serial));
  EXPECT_NE(log->HashCard(issuer, serial), log->HashCard(issuer, base::Bytes{1, 2}));
  keyring_ = NewKeyring("k2");
  segments_.Put(SegmentName(1), "");
  EXPECT_NE(MustOpen()->HashCard(issuer, serial), base::Hash256{});
}

TEST_F(CheckLogTest, WhatOverflowsIsRefusedAndNothingThatWasTakenIsLost) {
  {
    const auto log = MustOpen({.queue = 4});
    segments_.Block();
    ASSERT_TRUE(log->Append(Row("t0")).ok());
    // What is being written counts too.
    segments_.WaitForBlockedWrite();
    for (int i = 1; i < 4; ++i) ASSERT_TRUE(log->Append(Row("t" + std::to_string(i))).ok());
    const absl::Status refused = log->Append(Row("refused"));
    EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kOverloaded) << refused;
    EXPECT_EQ(log->pending(), 4u);
    EXPECT_EQ(observer_.refused(), 1u);
    segments_.Unblock();
    log->Flush();
    EXPECT_EQ(log->pending(), 0u);
    EXPECT_TRUE(log->Append(Row("t4")).ok());
  }
  const Verified verified = Verify();
  EXPECT_TRUE(verified.report.ok) << verified.report.what;
  EXPECT_EQ(verified.report.checks, 5);
  for (const std::string& row : verified.rows) {
    EXPECT_EQ(row.find("refused"), std::string::npos) << row;
  }
}

TEST_F(CheckLogTest, WhileTheDiskFailsRowsAreRefusedAndThoseTakenAreWrittenWhenItRecovers) {
  {
    const auto log = MustOpen();
    // As a full disk: a part of the batch is written before it fails.
    segments_.Fail(absl::ResourceExhaustedError("no space left on device"), 100);
    ASSERT_TRUE(log->Append(Row("taken")).ok());
    // The second attempt comes after the first was told.
    segments_.WaitForFailedWrites(2);
    const absl::Status refused = log->Append(Row("refused"));
    EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kUnavailable) << refused;
    segments_.Fail(absl::OkStatus());
    log->Flush();
    EXPECT_TRUE(log->Append(Row("after")).ok());
    log->Flush();
    EXPECT_EQ(observer_.recovered(), 1u);
  }
  const Verified verified = Verify();
  EXPECT_TRUE(verified.report.ok) << verified.report.what;
  EXPECT_EQ(verified.report.checks, 2);
  EXPECT_EQ(observer_.lost(), 0u);
  EXPECT_EQ(observer_.written(), 2u);
}

TEST_F(CheckLogTest, ADiskThatNeverRecoversLosesRowsWithAWordAndNoHang) {
  {
    const auto log = MustOpen();
    segments_.Block();
    ASSERT_TRUE(log->Append(Row("a")).ok());
    segments_.WaitForBlockedWrite();
    ASSERT_TRUE(log->Append(Row("b")).ok());
    segments_.Fail(absl::DataLossError("the disk is gone"), 10);
    segments_.Unblock();
  }
  EXPECT_EQ(observer_.lost(), 2u);
  segments_.Fail(absl::OkStatus());
  MustOpen();
  EXPECT_FALSE(observer_.openings.back().ended_in_order);
  EXPECT_EQ(observer_.openings.back().cut_octets, 10u);
  EXPECT_EQ(Verify().report.broken_runs, 1);
}

TEST_F(CheckLogTest, ADiskThatFailsAtTheStartIsAnError) {
  segments_.Fail(absl::PermissionDeniedError("read-only"));
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CheckLogTest, RowsOfManyThreadsAreAllThereOnce) {
  constexpr int kThreads = 8;
  constexpr int kRows = 500;
  std::atomic<int> refused{0};
  {
    const auto log = MustOpen({.queue = 64, .segment_octets = 20'000});
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRows; ++i) {
          const CheckRow row = Row(std::to_string(t) + "-" + std::to_string(i));
          while (!log->Append(row).ok()) {
            ++refused;
            log->Flush();
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const Verified verified = Verify();
  EXPECT_TRUE(verified.report.ok) << verified.report.what;
  EXPECT_EQ(verified.report.checks, kThreads * kRows);
  EXPECT_EQ(observer_.refused(), static_cast<size_t>(refused.load()));
  EXPECT_GT(segments_.files().size(), 2u);
  std::set<std::string> callers;
  for (const std::string& row : verified.rows) {
    const size_t from = row.find("\"caller\":");
    if (from != std::string::npos) callers.insert(row.substr(from, row.find(',', from) - from));
  }
  EXPECT_EQ(callers.size(), static_cast<size_t>(kThreads * kRows));
}

TEST_F(CheckLogTest, RefusesOptionsOutOfRange) {
  const std::vector<std::pair<CheckLog::Options, std::string>> cases = {
      {{.queue = 0}, "queue"},
      {{.queue = CheckLog::kMaxQueue + 1}, "queue"},
      {{.segment_octets = 0}, "segment_octets"},
      {{.segment_octets = CheckLog::kMaxSegmentOctets + 1}, "segment_octets"},
      {{.retry_interval = absl::ZeroDuration()}, "retry_interval"},
  };
  for (const auto& [options, named] : cases) {
    const auto log = CheckLog::Create(
        {.clock = clock_, .storage = segments_.Open(), .keyring = keyring_}, options);
    EXPECT_EQ(log.status().code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_THAT(std::string(log.status().message()), HasSubstr(named));
  }
}

// Files of this process cannot grow beyond `octets` as long as it lives: what a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t octets) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = octets;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(CheckLogTest, OnARealDiskThatIsFullNothingTakenIsLost) {
  const fakes::TempDir folder;
  {
    auto storage = OpenSegments(folder.path());
    ASSERT_TRUE(storage.ok()) << storage.status();
    const auto made = CheckLog::Create({.clock = clock_,
                                        .storage = *std::move(storage),
                                        .keyring = keyring_,
                                        .observer = &observer_},
                                       {.queue = 64, .retry_interval = absl::Milliseconds(1)});
    ASSERT_TRUE(made.ok()) << made.status();
    CheckLog& log = **made;
    int taken = 0;
    {
      const FileSizeLimit full(2000);
      while (true) {
        const absl::Status status = log.Append(Row("c" + std::to_string(taken)));
        // The disk is found full within a write; until then the queue may fill up.
        if (base::ReasonOf(status) == ErrorReason::kUnavailable) break;
        if (status.ok()) ++taken;
      }
    }
    log.Flush();
    EXPECT_EQ(observer_.written(), static_cast<size_t>(taken));
    EXPECT_TRUE(log.Append(Row("after")).ok());
  }
  const auto source = OpenSegmentsToRead(folder.path());
  ASSERT_TRUE(source.ok());
  const auto report = VerifySegments(**source, keyring_, {}, [](std::string_view) {});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok) << report->path << ": " << report->what;
  EXPECT_EQ(report->checks, static_cast<int64_t>(observer_.written()));
}

}  // namespace
}  // namespace musubi::checklog
