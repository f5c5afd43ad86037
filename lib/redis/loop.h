// The thread of a Client: its queue, its connections, its timers. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_LOOP_H_
#define MUSUBI_LIB_REDIS_LOOP_H_

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"
#include "lib/redis/client.h"
#include "lib/redis/connection.h"
#include "lib/redis/master_finder.h"
#include "lib/redis/subscriptions.h"

namespace musubi::redis {

// Operation is one command or script of a caller, from the call until Redis has answered or never
// will.
struct Operation {
  const Script* script = nullptr;  // Or a command.
  size_t words = 0;                // In `tail`.
  std::string tail;                // All that follows EVALSHA and the script's name, encoded.
  bool run_id_last = false;
  int wait_replicas = 0;
  base::SteadyTime began = {};
  base::SteadyTime deadline = {};
  Client::Callback done = nullptr;  // Empty: the caller has its answer.

  // When the caller stops waiting: once it is sent at its deadline, before that perhaps earlier.
  base::SteadyTime due = {};
  bool sent = false;
  bool by_text = false;  // Redis did not know the script's SHA-1.
};

class Loop {
 public:
  // `options` and the endpoints in `finder` have been checked.
  Loop(Client::Dependencies dependencies, Client::Options options, MasterFinder::Options finder);
  // What is pending ends. Waits for the thread.
  ~Loop();

  // From any thread. An operation that is refused at once ends on the caller's.
  void Submit(std::unique_ptr<Operation> operation);
  void Listen(std::shared_ptr<Subscriptions::Listener> listener);
  void Forget(std::shared_ptr<Subscriptions::Listener> listener);
  absl::Status WaitUntilReady(absl::Duration timeout);
  std::string run_id() const;
  const Client::Options& options() const { return options_; }

 private:
  enum class Use { kShared, kWait, kSubscribe };
  // A connection, and when to make it again.
  struct Slot {
    Use use;
    std::unique_ptr<Connection> connection;
    int failures = 0;
    base::SteadyTime next_try = {};
    base::SteadyTime next_check = {};
    bool ready = false;
    bool busy = false;  // kWait: with one operation, or its WAIT.
  };

  void Run();
  void TakeInbox();
  void Maintain(base::SteadyTime now);
  void KeepUp(Slot& slot, base::SteadyTime now);
  void Poll(base::SteadyTime now);
  base::SteadyTime NextEvent() const;
  void Stop();

  void OnReady(Slot& slot);
  void OnClosed(Slot& slot, const absl::Status& why);
  void OnFound();
  void OnNotFound(const absl::Status& why);
  base::SteadyDuration Backoff(int failures);

  void Dispatch();
  Slot* LeastBusy(Use use);
  void Transmit(Operation& operation, Slot& slot);
  void OnAnswer(Operation& operation, Slot& slot, absl::StatusOr<Reply> answer);
  void AskReplicas(Operation& operation, Slot& slot, Reply answer);
  void ExpireOperations(base::SteadyTime now);
  void SetDue(Operation& operation, base::SteadyTime due);
  // Answer gives the caller its answer, if it waits still. Finish does that and ends the operation.
  void Answer(Operation& operation, CommandOutcome outcome, absl::StatusOr<Reply> answer);
  void Finish(Operation& operation, CommandOutcome outcome, absl::StatusOr<Reply> answer);
  void DropAbandoned(std::deque<Operation*>& queue);

  const Client::Dependencies dependencies_;
  const Client::Options options_;
  const int wake_;  // eventfd.

  // The loop's thread alone.
  MasterFinder finder_;
  base::SteadyTime next_finding_ = {};
  int failed_findings_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  Slot* subscriber_ = nullptr;
  Subscriptions subscriptions_;
  // The operations of each that have not been sent. Those whose caller waits no longer are dropped
  // when they come to the front.
  std::deque<Operation*> queue_;
  std::deque<Operation*> wait_queue_;
  std::set<std::pair<base::SteadyTime, Operation*>> timers_;
  bool ending_ = false;

  std::atomic<size_t> pending_ = 0;
  mutable base::Mutex mutex_;
  base::CondVar ready_changed_;
  std::vector<std::unique_ptr<Operation>> inbox_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int ready_ ABSL_GUARDED_BY(mutex_) = 0;  // Connections of kShared.
  std::string run_id_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_LOOP_H_
