// The log of certificate checks: who asked about a card, what for, and what came of it. Rows are
// taken without waiting for the disk and written by a thread of its own, a batch at a time, into
// segments whose lines are chained by HMAC (segment.h). What is not written yet is bounded: beyond
// that, and while the disk fails, a row is refused, and the caller refuses the call that it is
// about.
//
// So a caller may have an answer whose row is not on the disk yet, for as long as one write and
// sync take. A process that ends in order writes them all; one that is killed may take up to
// `queue` rows along. That this has happened is seen later: the log's next start follows no stop.
// A row that is refused is none: its caller got no answer.
#ifndef MUSUBI_LIB_CHECKLOG_CHECK_LOG_H_
#define MUSUBI_LIB_CHECKLOG_CHECK_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/checklog/check_row.h"
#include "lib/checklog/segment.h"
#include "lib/checklog/segment_storage.h"
#include "lib/crypto/keyring.h"

namespace musubi::checklog {

// How a log was found when it was opened.
struct Opening {
  int64_t rows = 0;            // Of all segments.
  bool ended_in_order = true;  // False: the process before was killed, and rows may be missing.
  // Of a row whose write was cut off; they were cut, and the start row says so.
  uint64_t cut_octets = 0;
  std::string path;  // The segment that is written.
};

// Observer hears of it on the log's thread, OnRefused on the caller's. Must not block.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnOpened(const Opening&) {}
  virtual void OnWritten(size_t /*rows*/) {}
  virtual void OnRefused() {}
  // Once for every attempt that failed; rows are refused until OnWriteRecovered.
  virtual void OnWriteFailed(const absl::Status&) {}
  virtual void OnWriteRecovered() {}
  // The process ends while the disk fails: these were answered and never written.
  virtual void OnLost(size_t /*rows*/) {}
};

// CheckLog is thread-safe.
class CheckLog {
 public:
  struct Dependencies {
    const base::Clock& clock;
    std::unique_ptr<SegmentStorage> storage;
    crypto::Keyring keyring;  // Its active key makes; the others read what was made before.
    Observer* observer = nullptr;
  };
  struct Options {
    // Rows taken and not written: a second of a busy server, some 4 MiB. Also what a kill may lose.
    size_t queue = 16384;
    // Octets above which a segment is closed: a quarter of a million rows. It grows beyond by less
    // than one batch.
    uint64_t segment_octets = uint64_t{64} << 20;
    // After a write that failed.
    absl::Duration retry_interval = absl::Seconds(1);
    // From a write that went well to the next: a sync costs as much as a hundred rows, and no call
    // waits for it. It is cut short by Flush, by the end and by a queue that is half full.
    absl::Duration write_interval = absl::Milliseconds(20);
  };
  static constexpr size_t kMaxQueue = size_t{1} << 20;
  static constexpr uint64_t kMaxSegmentOctets = uint64_t{128} << 20;

  // Create goes on behind the last row of the last segment, which it checks, and writes a start
  // row. A last row whose write was cut off is cut, and told (Opening). INVALID_ARGUMENT for an
  // option; FAILED_PRECONDITION for a segment that is damaged in another way or missing: the
  // message names file, rule and fix, and nothing is changed.
  static absl::StatusOr<std::unique_ptr<CheckLog>> Create(Dependencies dependencies,
                                                          Options options);
  static absl::StatusOr<std::unique_ptr<CheckLog>> Create(Dependencies dependencies) {
    return Create(std::move(dependencies), Options());
  }
  // Writes what is there and a stop row; waits for the disk, but tries no write twice.
  ~CheckLog();

  // What a row says of a card: HMAC-SHA256 over issuer key and serial, under a key of the active
  // one. Another active key, another value for the same card.
  base::Hash256 HashCard(const base::Hash256& issuer_key_hash, base::ByteView serial) const;

  // Append takes the row without blocking. OVERLOADED if `queue` rows are not written yet;
  // UNAVAILABLE after a write that failed, until one succeeds. Then the row is not taken.
  absl::Status Append(CheckRow row);

  // Flush returns when every row taken before is on the disk, however long that takes.
  void Flush();

  // Rows taken and not written.
  size_t pending() const;

 private:
  // Where the next line goes. Of the log's thread.
  struct Tail {
    int64_t segment = 1;
    uint64_t octets = 0;
    ChainPoint point;
    std::string key_id;  // Of the segment; empty if it has no line.
  };
  // One write: lines for one segment, and the tail after it.
  struct Lines {
    uint64_t offset = 0;
    std::string text;
    Tail after;
  };

  CheckLog(Dependencies dependencies, Options options);

  // Finds the tail; nothing is changed but a torn last row.
  absl::StatusOr<Opening> FindTail();
  absl::Status Damaged(const std::string& name, std::string_view what) const;

  Lines BeginLines() const;
  template <typename Json>
  void AddRow(Lines& lines, const Json& json) const;
  absl::Status Write(Lines lines);

  void Run();
  bool TakeRows(std::vector<CheckRow>& rows);
  // Until it succeeds; false if the log ends first.
  bool WriteRows(const std::vector<CheckRow>& rows);
  void Pause();

  const Dependencies dependencies_;
  const Options options_;
  const SegmentKeys keys_;
  Tail tail_;

  // A row that waits for the log's thread. Callers push, and take no lock but to wake it.
  struct Taken {
    CheckRow row;
    Taken* before;
  };
  std::atomic<Taken*> incoming_ = nullptr;  // The newest.
  std::atomic<size_t> pending_ = 0;         // Those, and what is being written.
  std::atomic<uint64_t> num_taken_ = 0;
  std::atomic<bool> failing_ = false;
  std::atomic<bool> sleeping_ =
      false;  // The log's thread has nothing to write, or is about to see.

  base::Mutex mutex_;
  base::CondVar changed_;  // For the log's thread.
  base::CondVar written_;  // For Flush.
  uint64_t num_written_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t num_flushing_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace musubi::checklog

#endif  // MUSUBI_LIB_CHECKLOG_CHECK_LOG_H_
