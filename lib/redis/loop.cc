#include "lib/redis/loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "lib/base/check.h"
#include "lib/base/error.h"
#include "lib/redis/wire.h"

namespace musubi::redis {
namespace {

// Commands on their way on one connection. What exceeds it stays in the queue, from where it can
// still be taken back; a server that answers within 1 ms serves 512,000 a second like this.
constexpr size_t kWindow = 512;

absl::Status Unavailable(std::string_view detail) {
  return base::Error(base::ErrorReason::kUnavailable, detail);
}

absl::Status Stopped() { return Unavailable("Redis: the client has stopped"); }

}  // namespace

Loop::Loop(Client::Dependencies dependencies, Client::Options options, MasterFinder::Options finder)
    : dependencies_(dependencies),
      options_(std::move(options)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      finder_(std::move(finder), {.found = [this] { OnFound(); },
                                  .failed = [this](const absl::Status& why) { OnNotFound(why); }}) {
  MUSUBI_CHECK(wake_ >= 0, "no eventfd");
  const Connection::Options connection = {
      .server = Connection::Server::kMaster,
      .user_file = options_.user_file,
      .password_file = options_.password_file,
      .connect_timeout = base::ToSteady(options_.connect_timeout),
      .stall_timeout = base::ToSteady(options_.stall_timeout),
  };
  auto add = [&](Use use) {
    slots_.push_back(std::make_unique<Slot>(Slot{.use = use}));
    Slot& slot = *slots_.back();
    slot.connection = std::make_unique<Connection>(
        connection,
        Connection::Events{
            .ready = [this, &slot](Connection&) { OnReady(slot); },
            .closed = [this, &slot](Connection&, const absl::Status& why) { OnClosed(slot, why); },
            .pushed = [this](Connection&, const Reply& push) { subscriptions_.OnPushed(push); }});
  };
  for (int i = 0; i < options_.connections; ++i) add(Use::kShared);
  for (int i = 0; i < options_.wait_connections; ++i) add(Use::kWait);
  add(Use::kSubscribe);
  subscriber_ = slots_.back().get();
  thread_ = std::thread([this] { Run(); });
}

Loop::~Loop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_, 1);
  thread_.join();
  close(wake_);
}

void Loop::Submit(std::unique_ptr<Operation> operation) {
  if (pending_.fetch_add(1) >= options_.max_pending) {
    Finish(*operation.release(), CommandOutcome::kOverloaded,
           base::Error(base::ErrorReason::kOverloaded,
                       "Redis: " + std::to_string(options_.max_pending) +
                           " commands are pending already, as many as may be"));
    return;
  }
  if (operation->deadline <= operation->began) {
    Finish(*operation.release(), CommandOutcome::kNotSent,
           Unavailable("Redis: the call's time was over already; nothing was sent"));
    return;
  }
  bool first = false;
  {
    base::MutexLock lock(mutex_);
    if (!stopping_) {
      first = inbox_.empty() && tasks_.empty();
      inbox_.push_back(std::move(operation));
    }
  }
  if (operation != nullptr) {
    Finish(*operation.release(), CommandOutcome::kNotSent, Stopped());
  } else if (first) {
    eventfd_write(wake_, 1);
  }
}

void Loop::Listen(std::shared_ptr<Subscriptions::Listener> listener) {
  base::MutexLock lock(mutex_);
  tasks_.push_back([this, listener = std::move(listener)] {
    subscriptions_.Add(*subscriber_->connection, listener);
  });
  eventfd_write(wake_, 1);
}

void Loop::Forget(std::shared_ptr<Subscriptions::Listener> listener) {
  base::MutexLock lock(mutex_);
  tasks_.push_back([this, listener = std::move(listener)] {
    subscriptions_.Remove(*subscriber_->connection, listener);
  });
  eventfd_write(wake_, 1);
}

absl::Status Loop::WaitUntilReady(absl::Duration timeout) {
  const base::SteadyTime until = base::SteadyNow() + base::ToSteady(timeout);
  base::MutexLock lock(mutex_);
  while (ready_ == 0) {
    if (base::SteadyNow() >= until) {
      return last_failure_.ok() ? Unavailable("Redis: no connection yet") : last_failure_;
    }
    ready_changed_.WaitUntil(mutex_, until);
  }
  return absl::OkStatus();
}

std::string Loop::run_id() const {
  base::MutexLock lock(mutex_);
  return run_id_;
}

void Loop::Run() {
  // hiredis writes without MSG_NOSIGNAL: a server that has gone must be an error, not the end.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  while (true) {
    const base::SteadyTime now = base::SteadyNow();
    TakeInbox();
    {
      base::MutexLock lock(mutex_);
      if (stopping_) break;
    }
    Maintain(now);
    Dispatch();
    Poll(now);
  }
  Stop();
}

void Loop::TakeInbox() {
  std::vector<std::unique_ptr<Operation>> operations;
  std::vector<std::function<void()>> tasks;
  {
    base::MutexLock lock(mutex_);
    operations.swap(inbox_);
    tasks.swap(tasks_);
  }
  for (std::unique_ptr<Operation>& owned : operations) {
    Operation& operation = *owned.release();
    SetDue(operation,
           std::min(operation.deadline, operation.began + base::ToSteady(options_.queue_timeout)));
    (operation.wait_replicas > 0 ? wait_queue_ : queue_).push_back(&operation);
  }
  for (const std::function<void()>& task : tasks) task();
}

void Loop::Maintain(base::SteadyTime now) {
  ExpireOperations(now);
  finder_.connection().CloseIfStalled(now);
  if (finder_.has_sentinels() && !finder_.asking() && now >= next_finding_) {
    next_finding_ = now + base::ToSteady(options_.check_interval);
    finder_.Ask();
  }
  for (const auto& slot : slots_) KeepUp(*slot, now);
}

void Loop::KeepUp(Slot& slot, base::SteadyTime now) {
  Connection& connection = *slot.connection;
  connection.CloseIfStalled(now);
  const bool wanted = slot.use != Use::kSubscribe || subscriptions_.wanted();
  if (connection.state() == Connection::State::kIdle && wanted && now >= slot.next_try &&
      finder_.master().has_value()) {
    connection.Begin(*finder_.master());
  }
  if (!slot.ready || slot.busy || now < slot.next_check) return;
  slot.next_check = now + base::ToSteady(options_.check_interval);
  if (slot.use == Use::kSubscribe) {
    subscriptions_.Check(connection);
  } else {
    connection.CheckRole();
  }
}

base::SteadyTime Loop::NextEvent() const {
  base::SteadyTime next = base::SteadyTime::max();
  if (!timers_.empty()) next = timers_.begin()->first;
  if (finder_.has_sentinels() && !finder_.asking()) next = std::min(next, next_finding_);
  next = std::min(next, finder_.connection().due());
  for (const auto& slot : slots_) {
    next = std::min(next, slot->connection->due());
    if (slot->ready && !slot->busy) next = std::min(next, slot->next_check);
    if (slot->connection->state() == Connection::State::kIdle && finder_.master().has_value() &&
        (slot->use != Use::kSubscribe || subscriptions_.wanted())) {
      next = std::min(next, slot->next_try);
    }
  }
  return next;
}

void Loop::Poll(base::SteadyTime now) {
  std::vector<pollfd> descriptors = {{.fd = wake_, .events = POLLIN}};
  std::vector<Connection*> connections = {nullptr};
  auto add = [&](Connection& connection) {
    if (connection.descriptor() < 0) return;
    descriptors.push_back({.fd = connection.descriptor(), .events = connection.wanted_events()});
    connections.push_back(&connection);
  };
  add(finder_.connection());
  for (const auto& slot : slots_) add(*slot->connection);
  const base::SteadyTime next = NextEvent();
  int milliseconds = -1;
  if (next != base::SteadyTime::max()) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    milliseconds = static_cast<int>(std::clamp<int64_t>(wait, 0, std::numeric_limits<int>::max()));
  }
  if (poll(descriptors.data(), descriptors.size(), milliseconds) <= 0) return;
  if (descriptors[0].revents != 0) {
    eventfd_t ignored = 0;
    eventfd_read(wake_, &ignored);
  }
  for (size_t i = 1; i < descriptors.size(); ++i) {
    // One that another's event has closed has another descriptor, or none.
    if (descriptors[i].revents == 0 || connections[i]->descriptor() != descriptors[i].fd) continue;
    connections[i]->Handle(descriptors[i].revents);
  }
}

void Loop::Stop() {
  ending_ = true;
  TakeInbox();
  for (std::deque<Operation*>* queue : {&queue_, &wait_queue_}) {
    for (Operation* operation : *queue) {
      Finish(*operation, CommandOutcome::kNotSent, Stopped());
    }
    queue->clear();
  }
  finder_.Stop();
  for (const auto& slot : slots_) slot->connection->Close(Stopped());
}

base::SteadyDuration Loop::Backoff(int failures) {
  const base::SteadyDuration longest = base::ToSteady(options_.max_backoff);
  base::SteadyDuration delay = base::ToSteady(options_.min_backoff);
  for (int i = 1; i < failures && delay < longest; ++i) delay *= 2;
  delay = std::min(delay, longest);
  constexpr uint32_t kSteps = 1024;
  return delay - delay / 2 * dependencies_.random.Uniform(kSteps) / kSteps;
}

void Loop::OnReady(Slot& slot) {
  slot.ready = true;
  slot.failures = 0;
  slot.next_check = base::SteadyNow() + base::ToSteady(options_.check_interval);
  const std::string& run_id = slot.connection->run_id();
  bool changed = false;
  {
    base::MutexLock lock(mutex_);
    changed = !run_id_.empty() && run_id_ != run_id;
    run_id_ = run_id;
  }
  if (changed) dependencies_.observer.OnServerChanged();
  dependencies_.observer.OnConnected();
  if (slot.use == Use::kShared) {
    base::MutexLock lock(mutex_);
    ++ready_;
    ready_changed_.NotifyAll();
  }
  if (slot.use == Use::kSubscribe) subscriptions_.Resume(*slot.connection);
  Dispatch();
}

void Loop::OnClosed(Slot& slot, const absl::Status& why) {
  // hiredis drops an error reply to SUBSCRIBE, so a refusal looks like silence.
  const bool mute = slot.ready && slot.use == Use::kSubscribe && !subscriptions_.answered();
  {
    base::MutexLock lock(mutex_);
    if (slot.ready && slot.use == Use::kShared) --ready_;
    last_failure_ = why;
  }
  slot.ready = false;
  slot.busy = false;
  slot.next_try = base::SteadyNow() + Backoff(++slot.failures);
  if (ending_) return;
  dependencies_.observer.OnConnectionFailed(
      mute ? Unavailable(std::string(why.message()) +
                         " to SUBSCRIBE: if it answers commands, its user lacks +subscribe or a "
                         "channel (&" +
                         std::string(Subscriptions::kAlive) + " for one)")
           : why);
  // It may not be the master any more. If no Sentinel answers, their own backoff counts.
  finder_.Forget();
  if (failed_findings_ == 0) next_finding_ = base::SteadyTime{};
}

void Loop::OnFound() {
  failed_findings_ = 0;
  const Endpoint master = *finder_.master();
  // Closing makes the finder forget, and ask again.
  for (const auto& slot : slots_) {
    if (slot->connection->endpoint() == master) continue;
    slot->connection->Close(Unavailable("Redis at " + slot->connection->endpoint().ToString() +
                                        ": the Sentinels name another master"));
  }
}

void Loop::OnNotFound(const absl::Status& why) {
  next_finding_ = base::SteadyNow() + Backoff(++failed_findings_);
  {
    base::MutexLock lock(mutex_);
    last_failure_ = why;
  }
  dependencies_.observer.OnConnectionFailed(why);
}

Loop::Slot* Loop::LeastBusy(Use use) {
  Slot* best = nullptr;
  for (const auto& slot : slots_) {
    if (slot->use != use || !slot->ready || slot->busy ||
        slot->connection->unanswered() >= kWindow ||
        slot->connection->state() != Connection::State::kReady) {
      continue;
    }
    if (best == nullptr || slot->connection->unanswered() < best->connection->unanswered()) {
      best = slot.get();
    }
  }
  return best;
}

void Loop::Dispatch() {
  for (const Use use : {Use::kShared, Use::kWait}) {
    std::deque<Operation*>& queue = use == Use::kShared ? queue_ : wait_queue_;
    while (true) {
      DropAbandoned(queue);
      Slot* slot = queue.empty() ? nullptr : LeastBusy(use);
      if (slot == nullptr) break;
      Operation& operation = *queue.front();
      queue.pop_front();
      slot->busy = use == Use::kWait;
      Transmit(operation, *slot);
    }
  }
}

void Loop::DropAbandoned(std::deque<Operation*>& queue) {
  while (!queue.empty() && !queue.front()->done) {
    Finish(*queue.front(), CommandOutcome::kNotSent, Stopped());
    queue.pop_front();
  }
}

void Loop::Transmit(Operation& operation, Slot& slot) {
  operation.sent = true;
  SetDue(operation, operation.deadline);
  const size_t extra = (operation.script != nullptr ? 2 : 0) + (operation.run_id_last ? 1 : 0);
  std::string command = CommandHead(operation.words + extra);
  if (operation.script != nullptr) {
    AppendWord(command, operation.by_text ? "EVAL" : "EVALSHA");
    AppendWord(command, operation.by_text ? operation.script->text() : operation.script->sha1());
  }
  command += operation.tail;
  if (operation.run_id_last) AppendWord(command, slot.connection->run_id());
  slot.connection->Send(command, [this, &operation, &slot](absl::StatusOr<Reply> answer) {
    OnAnswer(operation, slot, std::move(answer));
  });
}

void Loop::OnAnswer(Operation& operation, Slot& slot, absl::StatusOr<Reply> answer) {
  if (!answer.ok()) {
    slot.busy = false;
    Finish(operation, CommandOutcome::kConnectionLost, MarkMayHaveRun(answer.status()));
    return;
  }
  const std::string_view code = ErrorCode(*answer);
  if (code == "NOSCRIPT" && operation.script != nullptr && !operation.by_text && operation.done) {
    operation.by_text = true;
    return Transmit(operation, slot);
  }
  if (code == "READONLY") {
    slot.connection->Close(Unavailable("Redis at " + slot.connection->endpoint().ToString() +
                                       ": is no master any more (" + answer->text + ")"));
  }
  if (answer->kind != Reply::Kind::kError && operation.wait_replicas > 0 && operation.done) {
    return AskReplicas(operation, slot, *std::move(answer));
  }
  slot.busy = false;
  if (answer->kind == Reply::Kind::kError) {
    Finish(operation, CommandOutcome::kErrorReply,
           ErrorStatus(*answer, operation.script != nullptr));
  } else {
    Finish(operation, CommandOutcome::kAnswered, std::move(answer));
  }
  Dispatch();
}

void Loop::AskReplicas(Operation& operation, Slot& slot, Reply answer) {
  // A tenth of what is left is for the answer's way back. WAIT takes 0 for "forever".
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::max(operation.deadline - base::SteadyNow(), base::SteadyDuration{}));
  const auto wait = std::max(left - left / 10, std::chrono::milliseconds(1));
  const std::vector<std::string> words = {"WAIT", std::to_string(operation.wait_replicas),
                                          std::to_string(wait.count())};
  slot.connection->Send(
      EncodeCommand(words),
      [this, &operation, &slot, answer = std::move(answer)](const absl::StatusOr<Reply>& waited) {
        slot.busy = false;
        if (!waited.ok()) {
          Finish(operation, CommandOutcome::kConnectionLost, MarkMayHaveRun(waited.status()));
          return;
        }
        if (waited->is_integer() && waited->integer >= operation.wait_replicas) {
          Finish(operation, CommandOutcome::kAnswered, answer);
        } else {
          Finish(operation, CommandOutcome::kTooFewReplicas,
                 MarkMayHaveRun(Unavailable(
                     "Redis: the script ran, but of the replicas that must confirm it, " +
                     std::to_string(operation.wait_replicas) + ", answered in time " +
                     (waited->is_integer() ? std::to_string(waited->integer) : waited->text))));
        }
        Dispatch();
      },
      wait);
}

void Loop::ExpireOperations(base::SteadyTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Operation& operation = *timers_.begin()->second;
    if (operation.sent) {
      Answer(operation, CommandOutcome::kTimeout,
             MarkMayHaveRun(Unavailable("Redis: no answer in time")));
      continue;
    }
    absl::Status failure;
    {
      base::MutexLock lock(mutex_);
      failure = last_failure_;
    }
    Answer(operation, CommandOutcome::kNotSent,
           Unavailable("Redis: no connection was free in time; nothing was sent. " +
                       std::string(failure.message())));
  }
  DropAbandoned(queue_);
  DropAbandoned(wait_queue_);
}

void Loop::SetDue(Operation& operation, base::SteadyTime due) {
  if (operation.due == due) return;
  timers_.erase({operation.due, &operation});
  operation.due = due;
  if (operation.done) timers_.emplace(due, &operation);
}

void Loop::Answer(Operation& operation, CommandOutcome outcome, absl::StatusOr<Reply> answer) {
  if (!operation.done) return;
  // Not in the set if it never came to the loop.
  if (operation.due != base::SteadyTime{}) timers_.erase({operation.due, &operation});
  dependencies_.observer.OnCommand(outcome, absl::FromChrono(base::SteadyNow() - operation.began),
                                   pending_);
  std::exchange(operation.done, nullptr)(std::move(answer));
}

void Loop::Finish(Operation& operation, CommandOutcome outcome, absl::StatusOr<Reply> answer) {
  const std::unique_ptr<Operation> owned(&operation);
  pending_.fetch_sub(1);
  Answer(operation, outcome, std::move(answer));
}

}  // namespace musubi::redis
