// What the tests of the check log share. For tests only.
#ifndef MUSUBI_LIB_CHECKLOG_CHECK_LOG_FIXTURE_H_
#define MUSUBI_LIB_CHECKLOG_CHECK_LOG_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/checklog/check_log.h"
#include "lib/checklog/verify.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/memory_segments.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::checklog {

class RecordingObserver final : public Observer {
 public:
  void OnOpened(const Opening& opening) override { openings.push_back(opening); }
  void OnWritten(size_t rows) override {
    base::MutexLock lock(mutex_);
    written_ += rows;
  }
  void OnRefused() override {
    base::MutexLock lock(mutex_);
    ++refused_;
  }
  void OnWriteRecovered() override {
    base::MutexLock lock(mutex_);
    ++recovered_;
  }
  void OnLost(size_t rows) override {
    base::MutexLock lock(mutex_);
    lost_ += rows;
  }
  size_t written() const { return Get(written_); }
  size_t refused() const { return Get(refused_); }
  size_t recovered() const { return Get(recovered_); }
  size_t lost() const { return Get(lost_); }

  std::vector<Opening> openings;  // Set while CheckLog::Create runs.

 private:
  size_t Get(const size_t& value) const {
    base::MutexLock lock(mutex_);
    return value;
  }

  mutable base::Mutex mutex_;
  size_t written_ = 0;
  size_t refused_ = 0;
  size_t recovered_ = 0;
  size_t lost_ = 0;
};

class CheckLogFixture : public testing::Test {
 protected:
  static crypto::Keyring NewKeyring(const std::string& id) {
    fakes::FakeRandom random;
    return crypto::Keyring::Generate(id, random);
  }

  absl::StatusOr<std::unique_ptr<CheckLog>> Open(CheckLog::Options options = {}) {
    options.retry_interval = absl::Milliseconds(1);
    return CheckLog::Create(
        {.clock = clock_, .storage = segments_.Open(), .keyring = keyring_, .observer = &observer_},
        options);
  }
  std::unique_ptr<CheckLog> MustOpen(CheckLog::Options options = {}) {
    auto log = Open(options);
    if (!log.ok()) ADD_FAILURE() << log.status();
    return log.ok() ? *std::move(log) : nullptr;
  }

  // A row that can be told from others by its caller.
  CheckRow Row(const std::string& caller) const {
    return {.at = clock_.Now(),
            .caller = caller,
            .purpose = CheckPurpose::kAuthentication,
            .method = pki::RevocationMethod::kCrl,
            .data_age = absl::Hours(2),
            .status = pki::VerdictStatus::kValid,
            .card = base::Hash256{7}};
  }

  struct Verified {
    VerifyReport report;
    std::vector<std::string> rows;
  };
  Verified Verify(const VerifyOptions& options = {}) { return VerifyOf(segments_, options); }
  Verified VerifyOf(fakes::MemorySegments& segments, const VerifyOptions& options = {}) const {
    Verified verified;
    const auto source = segments.Open();
    auto report = VerifySegments(*source, keyring_, options,
                                 [&](std::string_view json) { verified.rows.emplace_back(json); });
    if (!report.ok()) ADD_FAILURE() << report.status();
    if (report.ok()) verified.report = *std::move(report);
    return verified;
  }

  // Three segments: a start and a check, then a check each; the last also has a stop.
  void WriteThreeSegments() {
    const auto log = MustOpen({.segment_octets = 600});
    for (const char* caller : {"first", "second", "third", "fourth"}) {
      ASSERT_TRUE(log->Append(Row(caller)).ok());
      log->Flush();
    }
  }

  fakes::SimulatedClock clock_;
  fakes::MemorySegments segments_;
  crypto::Keyring keyring_ = NewKeyring("k1");
  RecordingObserver observer_;
};

}  // namespace musubi::checklog

#endif  // MUSUBI_LIB_CHECKLOG_CHECK_LOG_FIXTURE_H_
