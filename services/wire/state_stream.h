// A server stream that shows a state now, after every change and at times that the state itself
// names. Joins a use case's subscription, a timer and a WatchWriter; knows none of the states.
#ifndef MUSUBI_SERVICES_WIRE_STATE_STREAM_H_
#define MUSUBI_SERVICES_WIRE_STATE_STREAM_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/error.h"
#include "lib/base/mutex.h"
#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/prelink/sessions.h"
#include "lib/rpc/watch_writer.h"

namespace musubi::services::wire {

// What the state is now.
template <typename Response>
struct StateStep {
  std::optional<Response> message;         // Nothing: there is no state to show any more.
  bool last = false;                       // The stream ends with OK, after the message if any.
  std::optional<absl::Duration> again_in;  // Look again then, even if nothing changes.
};

// A wake that finds no worker free looks again after so long, and so often; then the stream ends
// with OVERLOADED, which tells its client to come back, rather than showing an old state.
inline constexpr absl::Duration kLookAgainIn = absl::Milliseconds(100);
inline constexpr int kMaxRefusedLooks = 50;

// StateStream lives as long as its writer (`WriterType` is for tests).
template <typename Response, typename WriterType = rpc::WatchWriter<Response>>
class StateStream final : public std::enable_shared_from_this<StateStream<Response, WriterType>> {
 public:
  using Writer = std::shared_ptr<WriterType>;
  // Looks at the state, and may block; an error ends the stream with it. Called by one thread at a
  // time, for the last time perhaps after the stream's end.
  using Look = std::function<absl::StatusOr<StateStep<Response>>()>;
  using Subscribe =
      std::function<std::unique_ptr<musubi::session::Subscription>(std::function<void()>)>;
  // Both outlive the writer. Looks run on `workers`, for neither the timer's thread nor that of
  // whoever tells of a change may wait for a store.
  struct Dependencies {
    base::Timer& timer;
    base::WorkerPool& workers;
  };

  // Start subscribes, then looks for the first time, on the caller's thread: no change can fall
  // between. The first look's error is returned, and nothing was sent.
  static absl::Status Start(Writer writer, Dependencies dependencies, const Subscribe& subscribe,
                            Look look) {
    std::shared_ptr<StateStream> stream(new StateStream(writer, dependencies, std::move(look)));
    std::weak_ptr<StateStream> weak = stream;
    stream->Hold(subscribe([weak] { Wake(weak); }));
    absl::Status first = stream->LookNow();
    if (!first.ok()) {
      stream->Stop();
      return first;
    }
    writer->OnStop([stream] { stream->Stop(); });
    return absl::OkStatus();
  }

 private:
  StateStream(Writer writer, Dependencies dependencies, Look look)
      : writer_(std::move(writer)), dependencies_(dependencies), look_(std::move(look)) {}

  // On any thread.
  static void Wake(const std::weak_ptr<StateStream>& weak) {
    const std::shared_ptr<StateStream> stream = weak.lock();
    if (stream == nullptr || !stream->Begin()) return;
    const bool taken = stream->dependencies_.workers.Submit([weak] {
      const std::shared_ptr<StateStream> due = weak.lock();
      if (due == nullptr) return;
      const absl::Status status = due->LookOnce();
      if (!status.ok()) due->writer_->Close(status);
    });
    if (!taken) stream->Refused();
  }

  void Hold(std::unique_ptr<musubi::session::Subscription> subscription) {
    base::MutexLock lock(mutex_);
    subscription_ = std::move(subscription);
  }

  absl::Status LookNow() { return Begin() ? LookOnce() : absl::OkStatus(); }

  // Begin asks for a look. True: the caller has to see to it. False: somebody does already.
  bool Begin() {
    base::MutexLock lock(mutex_);
    again_ = true;
    if (looking_ || stopped_) return false;
    looking_ = true;
    return true;
  }

  void Refused() {
    {
      base::MutexLock lock(mutex_);
      looking_ = false;
      if (++refused_ <= kMaxRefusedLooks) return ScheduleAgain(kLookAgainIn);
    }
    writer_->Close(base::Error(base::ErrorReason::kOverloaded, "no worker was free to look"));
  }

  // Looks and sends; a change that arrives meanwhile makes the same thread look again, so that the
  // last message is never an old state.
  absl::Status LookOnce() {
    while (TakeAgain()) {
      absl::StatusOr<StateStep<Response>> step = look_();
      if (!step.ok()) {
        EndLooking();
        return step.status();
      }
      // Before anybody can see the message, and act on it.
      if (step->again_in.has_value()) {
        base::MutexLock lock(mutex_);
        ScheduleAgain(*step->again_in);
      }
      if (step->message.has_value()) writer_->Send(*std::move(step->message));
      if (step->last) {
        writer_->Close(absl::OkStatus());
        EndLooking();
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  bool TakeAgain() {
    base::MutexLock lock(mutex_);
    refused_ = 0;
    if (again_ && !stopped_) {
      again_ = false;
      return true;
    }
    looking_ = false;
    return false;
  }

  void EndLooking() {
    base::MutexLock lock(mutex_);
    looking_ = false;
  }

  void ScheduleAgain(absl::Duration delay) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stopped_) return;
    if (timer_id_.has_value()) dependencies_.timer.Cancel(*timer_id_);
    std::weak_ptr<StateStream> weak = this->weak_from_this();
    timer_id_ = dependencies_.timer.Schedule(delay, [weak] { Wake(weak); });
  }

  void Stop() {
    std::unique_ptr<musubi::session::Subscription> subscription;  // Ends without the lock held.
    base::MutexLock lock(mutex_);
    stopped_ = true;
    subscription = std::move(subscription_);
    if (timer_id_.has_value()) dependencies_.timer.Cancel(*timer_id_);
    timer_id_.reset();
  }

  const Writer writer_;
  const Dependencies dependencies_;
  const Look look_;
  base::Mutex mutex_;
  bool looking_ ABSL_GUARDED_BY(mutex_) = false;  // A worker looks, or will.
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int refused_ ABSL_GUARDED_BY(mutex_) = 0;  // In a row.
  std::optional<base::Timer::Id> timer_id_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<musubi::session::Subscription> subscription_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::services::wire

#endif  // MUSUBI_SERVICES_WIRE_STATE_STREAM_H_
