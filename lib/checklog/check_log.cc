#include "lib/checklog/check_log.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::checklog {
namespace {

using base::ErrorReason;

absl::Status CheckOptions(const CheckLog::Options& options) {
  if (options.queue < 1 || options.queue > CheckLog::kMaxQueue) {
    return absl::InvalidArgumentError(
        absl::StrCat("queue must be 1 to ", CheckLog::kMaxQueue, " rows"));
  }
  if (options.segment_octets < 1 || options.segment_octets > CheckLog::kMaxSegmentOctets) {
    return absl::InvalidArgumentError(
        absl::StrCat("segment_octets must be 1 to ", CheckLog::kMaxSegmentOctets));
  }
  if (options.retry_interval < absl::Milliseconds(1)) {
    return absl::InvalidArgumentError("retry_interval must be at least 1ms");
  }
  return absl::OkStatus();
}

}  // namespace

CheckLog::CheckLog(Dependencies dependencies, Options options)
    : dependencies_(std::move(dependencies)),
      options_(options),
      keys_(KeysOf(dependencies_.keyring.active())) {}

absl::StatusOr<std::unique_ptr<CheckLog>> CheckLog::Create(Dependencies dependencies,
                                                           Options options) {
  MUSUBI_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<CheckLog> log(new CheckLog(std::move(dependencies), options));
  MUSUBI_ASSIGN_OR_RETURN(Opening opening, log->FindTail());
  Lines lines = log->BeginLines();
  log->AddRow(lines, [&](int64_t number) {
    return StartAsJson(log->dependencies_.clock.Now(), number, opening.cut_octets);
  });
  MUSUBI_RETURN_IF_ERROR(log->Write(std::move(lines)));
  opening.path = log->dependencies_.storage->PathOf(SegmentName(log->tail_.segment));
  if (log->dependencies_.observer != nullptr) log->dependencies_.observer->OnOpened(opening);
  log->thread_ = std::thread([log = log.get()] { log->Run(); });
  return log;
}

CheckLog::~CheckLog() {
  if (!thread_.joinable()) return;
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
  // Lost, as its observer was told: the disk failed.
  for (Taken* taken = incoming_; taken != nullptr;) {
    delete std::exchange(taken, taken->before);
  }
}

absl::Status CheckLog::Damaged(const std::string& name, std::string_view what) const {
  return absl::FailedPreconditionError(absl::StrCat(
      dependencies_.storage->PathOf(name), ": ", base::ToAbsl(what),
      "; or move the whole folder away and keep it: a new log begins in an empty one"));
}

absl::StatusOr<Opening> CheckLog::FindTail() {
  SegmentStorage& storage = *dependencies_.storage;
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> names, storage.List());
  for (size_t i = 1; i < names.size(); ++i) {
    const int64_t due = SegmentNumber(names[i - 1]) + 1;
    if (SegmentNumber(names[i]) != due) {
      return Damaged(SegmentName(due), "is missing between two others. Put it back from a copy");
    }
  }
  Opening opening;
  if (names.empty()) return opening;
  size_t last = names.size() - 1;
  MUSUBI_ASSIGN_OR_RETURN(std::string text, storage.Read(names[last]));
  tail_.segment = SegmentNumber(names[last]);
  // A write of the first lines of a segment was cut off: they begin again, where the segment before
  // it ended.
  if (text.find('\n') == std::string::npos) {
    opening.cut_octets = text.size();
    if (!text.empty()) MUSUBI_RETURN_IF_ERROR(storage.Write(names[last], 0, ""));
    if (last == 0 && tail_.segment > 1) {
      return Damaged(SegmentName(tail_.segment - 1),
                     "is missing, and the chain goes on from it. Put it back from a copy");
    }
    if (last == 0) {
      opening.ended_in_order = false;
      return opening;
    }
    --last;
    MUSUBI_ASSIGN_OR_RETURN(text, storage.Read(names[last]));
  }
  RowKind last_kind = RowKind::kOther;
  const SegmentFinding finding =
      CheckSegment(text, SegmentNumber(names[last]), nullptr, dependencies_.keyring,
                   [&](std::string_view json, const ChainPoint&) { last_kind = KindOf(json); });
  const bool is_tail = SegmentNumber(names[last]) == tail_.segment;
  if (finding.fault == ChainFault::kTorn && is_tail) {
    opening.cut_octets = text.size() - finding.octets;
    MUSUBI_RETURN_IF_ERROR(storage.Write(names[last], finding.octets, ""));
  } else if (finding.fault != ChainFault::kNone) {
    return Damaged(names[last], finding.what);
  }
  tail_.point = finding.end;
  if (is_tail) {
    tail_.octets = finding.octets;
    tail_.key_id = finding.key_id;
  }
  opening.rows = finding.end.rows;
  opening.ended_in_order = last_kind == RowKind::kStop && opening.cut_octets == 0;
  return opening;
}

CheckLog::Lines CheckLog::BeginLines() const {
  const crypto::Keyring::Key& key = dependencies_.keyring.active();
  Lines lines{.offset = tail_.octets, .after = tail_};
  if (lines.offset > 0 && (lines.offset >= options_.segment_octets || tail_.key_id != key.id)) {
    ++lines.after.segment;
    lines.offset = 0;
  }
  if (lines.offset == 0) {
    AppendHeader(lines.text, lines.after.point, lines.after.segment, key, keys_);
  }
  lines.after.key_id = key.id;
  return lines;
}

template <typename Json>
void CheckLog::AddRow(Lines& lines, const Json& json) const {
  AppendRow(lines.text, lines.after.point, keys_, json(lines.after.point.rows + 1));
}

absl::Status CheckLog::Write(Lines lines) {
  MUSUBI_RETURN_IF_ERROR(
      dependencies_.storage->Write(SegmentName(lines.after.segment), lines.offset, lines.text));
  lines.after.octets = lines.offset + lines.text.size();
  tail_ = std::move(lines.after);
  return absl::OkStatus();
}

base::Hash256 CheckLog::HashCard(const base::Hash256& issuer_key_hash,
                                 base::ByteView serial) const {
  return crypto::HmacSha256LengthPrefixed(keys_.card.RevealBytes(), {issuer_key_hash, serial});
}

absl::Status CheckLog::Append(CheckRow row) {
  absl::Status refused;
  size_t waiting = 0;
  if (failing_) {
    refused = base::Error(ErrorReason::kUnavailable,
                          "the check log cannot be written, and no check goes unlogged");
  } else if (waiting = pending_.fetch_add(1); waiting >= options_.queue) {
    pending_.fetch_sub(1);
    refused = base::Error(ErrorReason::kOverloaded,
                          "the check log is full of rows that wait for the disk");
  }
  if (!refused.ok()) {
    if (dependencies_.observer != nullptr) dependencies_.observer->OnRefused();
    return refused;
  }
  auto* const taken = new Taken{std::move(row), incoming_.load(std::memory_order_relaxed)};
  while (!incoming_.compare_exchange_weak(taken->before, taken)) {
  }
  num_taken_.fetch_add(1);
  // Sequentially consistent with TakeRows: either the log's thread, about to sleep, sees the row,
  // or this thread sees that it sleeps.
  if (sleeping_ || waiting == options_.queue / 2) {
    base::MutexLock lock(mutex_);
    changed_.NotifyOne();
  }
  return refused;
}

void CheckLog::Flush() {
  const uint64_t until = num_taken_;
  base::MutexLock lock(mutex_);
  ++num_flushing_;
  changed_.NotifyOne();
  while (num_written_ < until) written_.Wait(mutex_);
  --num_flushing_;
}

size_t CheckLog::pending() const { return pending_; }

bool CheckLog::TakeRows(std::vector<CheckRow>& rows) {
  rows.clear();
  Taken* newest = nullptr;
  {
    base::MutexLock lock(mutex_);
    while ((newest = incoming_.exchange(nullptr)) == nullptr) {
      if (stopping_) return false;
      sleeping_ = true;
      if (incoming_.load() == nullptr) changed_.Wait(mutex_);
      sleeping_ = false;
    }
  }
  while (newest != nullptr) {
    const std::unique_ptr<Taken> taken(std::exchange(newest, newest->before));
    rows.push_back(std::move(taken->row));
  }
  std::ranges::reverse(rows);
  return true;
}

bool CheckLog::WriteRows(const std::vector<CheckRow>& rows) {
  Observer nobody;
  Observer& observer = dependencies_.observer != nullptr ? *dependencies_.observer : nobody;
  Lines lines = BeginLines();
  for (const CheckRow& row : rows) {
    AddRow(lines, [&](int64_t number) { return CheckAsJson(row, number, lines.after.key_id); });
  }
  for (bool failed = false;; failed = true) {
    const absl::Status status = Write(lines);
    if (status.ok()) {
      // Before Flush returns.
      if (failed) observer.OnWriteRecovered();
      observer.OnWritten(rows.size());
      base::MutexLock lock(mutex_);
      failing_ = false;
      pending_ -= rows.size();
      num_written_ += rows.size();
      written_.NotifyAll();
      return true;
    }
    observer.OnWriteFailed(status);
    size_t lost = 0;
    {
      base::MutexLock lock(mutex_);
      failing_ = true;
      if (!stopping_) {
        changed_.WaitFor(mutex_, absl::ToChronoMilliseconds(options_.retry_interval));
        continue;
      }
      lost = pending_;
    }
    observer.OnLost(lost);
    return false;
  }
}

// A wait that ends early does no harm.
void CheckLog::Pause() {
  base::MutexLock lock(mutex_);
  if (stopping_ || num_flushing_ > 0) return;
  changed_.WaitFor(mutex_, absl::ToChronoMilliseconds(options_.write_interval));
}

void CheckLog::Run() {
  std::vector<CheckRow> rows;
  while (TakeRows(rows)) {
    if (!WriteRows(rows)) return;
    Pause();
  }
  Lines lines = BeginLines();
  AddRow(lines, [&](int64_t number) { return StopAsJson(dependencies_.clock.Now(), number); });
  const absl::Status status = Write(std::move(lines));
  if (!status.ok() && dependencies_.observer != nullptr) {
    dependencies_.observer->OnWriteFailed(status);
  }
}

}  // namespace musubi::checklog
