// The sending side of a server stream that shows a changing state. Messages that the network cannot
// take in time are replaced by newer ones: a slow reader sees fewer states, never old ones last,
// and costs two messages of memory. Not for streams of which every message counts.
#ifndef MUSUBI_LIB_RPC_WATCH_WRITER_H_
#define MUSUBI_LIB_RPC_WATCH_WRITER_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"
#include "lib/rpc/call.h"

namespace musubi::rpc {

// Watch is what Calls knows of a stream: enough to close it when the server drains.
class Watch {
 public:
  virtual ~Watch() = default;
  virtual void Close(absl::Status outcome) = 0;
};

// WatchWriter lives until gRPC is done with it and the last shared_ptr is gone; all methods are
// safe then, too, and do nothing. Thread-safe; callbacks run without a lock held.
template <typename T>
class WatchWriter final : public grpc::ServerWriteReactor<T>, public Watch {
 public:
  // For Calls: the new stream holds itself alive until OnDone.
  static std::shared_ptr<WatchWriter> Make(std::shared_ptr<Call> call) {
    std::shared_ptr<WatchWriter> writer(new WatchWriter(std::move(call)));
    writer->self_ = writer;
    return writer;
  }

  // Send writes `message` as soon as the one before is written; a message that still waits is
  // dropped in its favour. Ignored after Close.
  void Send(T message) {
    {
      base::MutexLock lock(mutex_);
      if (!outcome_.has_value()) pending_ = std::move(message);
    }
    Advance();
  }

  // Close ends the stream with `outcome`, after what Send was given. The first Close counts.
  void Close(absl::Status outcome) override {
    {
      base::MutexLock lock(mutex_);
      if (!outcome_.has_value()) outcome_ = std::move(outcome);
    }
    Advance();
  }

  // OnStop sets what is run once when the client has gone or the stream is over: to unsubscribe.
  // Runs at once if that has happened already.
  void OnStop(std::function<void()> callback) {
    {
      base::MutexLock lock(mutex_);
      if (!stopped_) {
        on_stop_ = std::move(callback);
        return;
      }
    }
    callback();
  }

 private:
  explicit WatchWriter(std::shared_ptr<Call> call) : call_(std::move(call)) {}

  void OnWriteDone(bool ok) override {
    {
      base::MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Advance();
  }

  void OnCancel() override {
    {
      base::MutexLock lock(mutex_);
      cancelled_ = true;
    }
    Advance();
    Stop();
  }

  void OnDone() override {
    Stop();
    const std::shared_ptr<WatchWriter> last = std::move(self_);
  }

  // Starts the next operation if none is under way: gRPC allows one at a time.
  void Advance() {
    std::optional<absl::Status> finish;
    bool cancelled = false;
    {
      base::MutexLock lock(mutex_);
      if (writing_ || finishing_) return;
      if (cancelled_) {
        finishing_ = cancelled = true;
      } else if (pending_.has_value()) {
        current_ = *std::move(pending_);
        pending_.reset();
        writing_ = true;
      } else if (outcome_.has_value()) {
        finishing_ = true;
        finish = outcome_;
      } else {
        return;
      }
    }
    if (cancelled) {
      this->Finish(call_->Cancelled());
    } else if (finish.has_value()) {
      this->Finish(call_->End(*finish));
    } else {
      this->StartWrite(&current_);
    }
  }

  void Stop() {
    std::function<void()> callback;
    {
      base::MutexLock lock(mutex_);
      if (stopped_) return;
      stopped_ = true;
      callback = std::move(on_stop_);
    }
    if (callback) callback();
  }

  const std::shared_ptr<Call> call_;
  std::shared_ptr<WatchWriter> self_;
  // Touched by the one operation that is under way.
  T current_;

  base::Mutex mutex_;
  std::optional<T> pending_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> on_stop_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_WATCH_WRITER_H_
