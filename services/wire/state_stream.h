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
#include "lib/base/mutex.h"
#include "lib/base/timer.h"
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

// StateStream lives as long as its writer.
template <typename Response>
class StateStream final : public std::enable_shared_from_this<StateStream<Response>> {
 public:
  using Writer = std::shared_ptr<rpc::WatchWriter<Response>>;
  // Looks at the state; an error ends the stream with it. Called by one thread at a time.
  using Look = std::function<absl::StatusOr<StateStep<Response>>()>;
  using Subscribe =
      std::function<std::unique_ptr<musubi::session::Subscription>(std::function<void()>)>;

  // Start subscribes, then looks for the first time: no change can fall between. The first look's
  // error is returned, and nothing was sent.
  static absl::Status Start(Writer writer, base::Timer& timer, const Subscribe& subscribe,
                            Look look) {
    std::shared_ptr<StateStream> stream(new StateStream(writer, timer, std::move(look)));
    std::weak_ptr<StateStream> weak = stream;
    stream->Hold(subscribe([weak] { Wake(weak); }));
    absl::Status first = stream->LookOnce();
    if (!first.ok()) {
      stream->Stop();
      return first;
    }
    writer->OnStop([stream] { stream->Stop(); });
    return absl::OkStatus();
  }

 private:
  StateStream(Writer writer, base::Timer& timer, Look look)
      : writer_(std::move(writer)), timer_(timer), look_(std::move(look)) {}

  static void Wake(const std::weak_ptr<StateStream>& weak) {
    const std::shared_ptr<StateStream> stream = weak.lock();
    if (stream == nullptr) return;
    const absl::Status status = stream->LookOnce();
    if (!status.ok()) stream->writer_->Close(status);
  }

  void Hold(std::unique_ptr<musubi::session::Subscription> subscription) {
    base::MutexLock lock(mutex_);
    subscription_ = std::move(subscription);
  }

  // Looks and sends; a change that arrives meanwhile makes the same thread look again, so that the
  // last message is never an old state.
  absl::Status LookOnce() {
    {
      base::MutexLock lock(mutex_);
      again_ = true;
      if (looking_) return absl::OkStatus();
      looking_ = true;
    }
    while (TakeAgain()) {
      absl::StatusOr<StateStep<Response>> step = look_();
      if (!step.ok()) {
        EndLooking();
        return step.status();
      }
      // Before anybody can see the message, and act on it.
      if (step->again_in.has_value()) ScheduleAgain(*step->again_in);
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

  void ScheduleAgain(absl::Duration delay) {
    base::MutexLock lock(mutex_);
    if (stopped_) return;
    if (timer_id_.has_value()) timer_.Cancel(*timer_id_);
    std::weak_ptr<StateStream> weak = this->weak_from_this();
    timer_id_ = timer_.Schedule(delay, [weak] { Wake(weak); });
  }

  void Stop() {
    std::unique_ptr<musubi::session::Subscription> subscription;  // Ends without the lock held.
    base::MutexLock lock(mutex_);
    stopped_ = true;
    subscription = std::move(subscription_);
    if (timer_id_.has_value()) timer_.Cancel(*timer_id_);
    timer_id_.reset();
  }

  const Writer writer_;
  base::Timer& timer_;
  const Look look_;
  base::Mutex mutex_;
  bool looking_ ABSL_GUARDED_BY(mutex_) = false;
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<base::Timer::Id> timer_id_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<musubi::session::Subscription> subscription_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::services::wire

#endif  // MUSUBI_SERVICES_WIRE_STATE_STREAM_H_
