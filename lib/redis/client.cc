#include "lib/redis/client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/redis/loop.h"
#include "lib/redis/wire.h"

namespace musubi::redis {
namespace {

// Longer than any call of ours lives: so that adding it to now never overflows.
constexpr absl::Duration kMaxTimeout = absl::Hours(1);

// What would change, or hold up, a connection that others share.
constexpr std::array<std::string_view, 12> kNotShared = {
    "BLPOP", "BRPOP",      "DISCARD",      "EXEC",      "HELLO",       "MONITOR",
    "MULTI", "PSUBSCRIBE", "PUNSUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE", "WAIT"};

absl::Status CheckCommand(const std::vector<std::string>& args) {
  if (args.empty() || args[0].empty()) return absl::InvalidArgumentError("an empty Redis command");
  std::string name = args[0];
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (std::find(kNotShared.begin(), kNotShared.end(), name) == kNotShared.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("Redis command " + name +
                                    ": not on a connection that others share");
}

absl::Status CheckRange(const char* option, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(option) + " is " + std::to_string(value) +
                                    ": it must be " + std::to_string(low) + " to " +
                                    std::to_string(high));
}

absl::Status CheckDuration(const char* option, absl::Duration value) {
  if (value > absl::ZeroDuration() && value <= kMaxTimeout) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(option) + " is " +
                                    std::string(absl::FormatDuration(value)) +
                                    ": it must be positive and at most 1h");
}

absl::Status CheckLogin(const std::string& user_file, const std::string& password_file) {
  if (password_file.empty() && !user_file.empty()) {
    return absl::InvalidArgumentError("user_file is " + user_file +
                                      ", but there is no password_file: give both or neither");
  }
  if (!user_file.empty()) MUSUBI_RETURN_IF_ERROR(base::ReadFile(user_file).status());
  if (!password_file.empty()) {
    MUSUBI_RETURN_IF_ERROR(base::ReadSecretFile(password_file).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<MasterFinder::Options> CheckServers(const Client::Options& options) {
  if (options.server.empty() == options.sentinels.empty()) {
    return absl::InvalidArgumentError(
        "give either server or sentinels: both or neither leaves open where the master is");
  }
  MasterFinder::Options finder;
  if (!options.server.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(finder.fixed, ParseEndpoint("server", options.server));
    return finder;
  }
  if (options.master_name.empty()) {
    return absl::InvalidArgumentError(
        "master_name is empty: with sentinels it must be the name of their \"sentinel monitor\"");
  }
  finder.master_name = options.master_name;
  for (const std::string& sentinel : options.sentinels) {
    MUSUBI_ASSIGN_OR_RETURN(Endpoint endpoint, ParseEndpoint("sentinels", sentinel));
    finder.sentinels.push_back(std::move(endpoint));
  }
  for (const auto& [from, to] : options.routes) {
    MUSUBI_ASSIGN_OR_RETURN(const Endpoint said, ParseEndpoint("routes", from));
    MUSUBI_ASSIGN_OR_RETURN(finder.routes[said.ToString()], ParseEndpoint("routes", to));
  }
  finder.connection = {
      .server = Connection::Server::kSentinel,
      .user_file = options.sentinel_user_file,
      .password_file = options.sentinel_password_file,
      .connect_timeout = base::ToSteady(options.connect_timeout),
      .stall_timeout = base::ToSteady(options.stall_timeout),
  };
  return finder;
}

std::unique_ptr<Operation> MakeOperation(absl::Duration timeout, Client::Callback done) {
  auto operation = std::make_unique<Operation>();
  operation->began = base::SteadyNow();
  operation->deadline =
      operation->began + base::ToSteady(std::clamp(timeout, absl::ZeroDuration(), kMaxTimeout));
  operation->done = std::move(done);
  return operation;
}

// Waits on a caller's stack for a callback on the loop's thread.
class Waiter {
 public:
  Client::Callback Callback() {
    return [this](absl::StatusOr<Reply> answer) {
      base::MutexLock lock(mutex_);
      answer_ = std::move(answer);
      // Under the lock: the caller may take the condition away right after.
      answered_.NotifyOne();
    };
  }
  absl::StatusOr<Reply> Wait() {
    base::MutexLock lock(mutex_);
    while (!answer_.has_value()) answered_.Wait(mutex_);
    return *std::move(answer_);
  }

 private:
  base::Mutex mutex_;
  base::CondVar answered_;
  std::optional<absl::StatusOr<Reply>> answer_ ABSL_GUARDED_BY(mutex_);
};

class LoopSubscription final : public Subscription {
 public:
  LoopSubscription(Loop& loop, std::shared_ptr<Subscriptions::Listener> listener)
      : loop_(loop), listener_(std::move(listener)) {}
  ~LoopSubscription() override {
    listener_->active = false;
    loop_.Forget(listener_);
  }

 private:
  Loop& loop_;
  const std::shared_ptr<Subscriptions::Listener> listener_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(Dependencies dependencies, Options options) {
  MUSUBI_RETURN_IF_ERROR(CheckRange("connections", options.connections, 1, kMaxConnections));
  MUSUBI_RETURN_IF_ERROR(
      CheckRange("wait_connections", options.wait_connections, 0, kMaxConnections));
  MUSUBI_RETURN_IF_ERROR(CheckRange("max_pending", static_cast<int64_t>(options.max_pending), 1,
                                    static_cast<int64_t>(kMaxPending)));
  MUSUBI_RETURN_IF_ERROR(CheckDuration("connect_timeout", options.connect_timeout));
  MUSUBI_RETURN_IF_ERROR(CheckDuration("stall_timeout", options.stall_timeout));
  MUSUBI_RETURN_IF_ERROR(CheckDuration("queue_timeout", options.queue_timeout));
  MUSUBI_RETURN_IF_ERROR(CheckDuration("check_interval", options.check_interval));
  MUSUBI_RETURN_IF_ERROR(CheckDuration("min_backoff", options.min_backoff));
  MUSUBI_RETURN_IF_ERROR(CheckDuration("max_backoff", options.max_backoff));
  MUSUBI_RETURN_IF_ERROR(CheckLogin(options.user_file, options.password_file));
  MUSUBI_RETURN_IF_ERROR(CheckLogin(options.sentinel_user_file, options.sentinel_password_file));
  MUSUBI_ASSIGN_OR_RETURN(MasterFinder::Options finder, CheckServers(options));
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Loop>(dependencies, std::move(options), std::move(finder))));
}

Client::Client(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Client::~Client() = default;

absl::Status Client::WaitUntilReady(absl::Duration timeout) {
  return loop_->WaitUntilReady(std::clamp(timeout, absl::ZeroDuration(), kMaxTimeout));
}

std::string Client::run_id() const { return loop_->run_id(); }

void Client::CommandAsync(std::vector<std::string> args, absl::Duration timeout, Callback done) {
  if (const absl::Status status = CheckCommand(args); !status.ok()) return done(status);
  std::unique_ptr<Operation> operation = MakeOperation(timeout, std::move(done));
  operation->words = args.size();
  for (const std::string& arg : args) AppendWord(operation->tail, arg);
  loop_->Submit(std::move(operation));
}

absl::StatusOr<Reply> Client::Command(std::vector<std::string> args, absl::Duration timeout) {
  Waiter waiter;
  CommandAsync(std::move(args), timeout, waiter.Callback());
  return waiter.Wait();
}

void Client::EvalAsync(const Script& script, Call call, absl::Duration timeout, Callback done) {
  if (call.wait_replicas > 0 && loop_->options().wait_connections == 0) {
    done(absl::InvalidArgumentError("wait_replicas needs wait_connections of 1 or more"));
    return;
  }
  std::unique_ptr<Operation> operation = MakeOperation(timeout, std::move(done));
  operation->script = &script;
  operation->run_id_last = call.run_id_last;
  operation->wait_replicas = call.wait_replicas;
  operation->words = 1 + call.keys.size() + call.args.size();
  AppendWord(operation->tail, std::to_string(call.keys.size()));
  for (const std::string& key : call.keys) AppendWord(operation->tail, key);
  for (const std::string& arg : call.args) AppendWord(operation->tail, arg);
  loop_->Submit(std::move(operation));
}

absl::StatusOr<Reply> Client::Eval(const Script& script, Call call, absl::Duration timeout) {
  Waiter waiter;
  EvalAsync(script, std::move(call), timeout, waiter.Callback());
  return waiter.Wait();
}

std::unique_ptr<Subscription> Client::Subscribe(const std::string& channel,
                                                MessageCallback on_message,
                                                MissedCallback on_missed) {
  auto listener = std::make_shared<Subscriptions::Listener>();
  listener->channel = channel;
  listener->on_message = std::move(on_message);
  listener->on_missed = std::move(on_missed);
  loop_->Listen(listener);
  return std::make_unique<LoopSubscription>(*loop_, std::move(listener));
}

}  // namespace musubi::redis
