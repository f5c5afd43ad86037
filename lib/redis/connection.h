// One connection to a Redis server or a Sentinel, by hiredis. Does not reconnect and does not wait:
// whoever owns it polls. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_CONNECTION_H_
#define MUSUBI_LIB_REDIS_CONNECTION_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/steady_time.h"
#include "lib/redis/endpoint.h"
#include "lib/redis/reply.h"

struct redisAsyncContext;

namespace musubi::redis {

// Connection is used on the loop's thread alone. Its callbacks may not destroy it.
class Connection {
 public:
  enum class State { kIdle, kConnecting, kReady };
  enum class Server { kMaster, kSentinel };
  struct Options {
    Server server = Server::kMaster;
    std::string user_file = {};  // As in Client::Options.
    std::string password_file = {};
    base::SteadyDuration connect_timeout = {};
    base::SteadyDuration stall_timeout = {};
  };
  // Called once per Send: the answer, which may be an error reply, or why none will come.
  using Answer = std::function<void(absl::StatusOr<Reply>)>;
  struct Events {
    // The connection can serve: signed in and, for Server::kMaster, checked to be a master.
    std::function<void(Connection&)> ready;
    // It is kIdle again. Called after every Begin, at the latest by the destructor's caller.
    std::function<void(Connection&, const absl::Status&)> closed;
    // What came to a subscriber.
    std::function<void(Connection&, const Reply&)> pushed = {};
  };

  Connection(Options options, Events events);
  // Close must have been called, or the state is kIdle.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begin connects. An error closes. Resolving a host's name blocks: name hosts that the machine
  // knows, or addresses.
  void Begin(const Endpoint& endpoint);
  // Send adds a command to what goes out. `patience` is how long the server may take beyond the
  // stall timeout.
  void Send(const std::string& command, Answer answer, base::SteadyDuration patience = {});
  // SubscribeTo and UnsubscribeFrom change what comes to Events::pushed.
  void SubscribeTo(const std::string& command);
  void UnsubscribeFrom(const std::string& command);
  // CheckRole asks whether the server is still a master, and closes if not.
  void CheckRole();
  // Close ends the connection with `why`: at once, or after the event that is being handled.
  void Close(absl::Status why);

  // For poll: -1 without a connection.
  int descriptor() const;
  short wanted_events() const;
  // Handle does what poll found.
  void Handle(short found);
  // When an answer is due at the latest; CloseIfStalled closes once that has passed.
  base::SteadyTime due() const { return due_; }
  void CloseIfStalled(base::SteadyTime now);

  State state() const { return state_; }
  size_t unanswered() const { return unanswered_; }
  const Endpoint& endpoint() const { return endpoint_; }
  // Of the server, once kReady.
  const std::string& run_id() const { return run_id_; }

 private:
  struct Pending;
  struct Hooks;

  void SignIn();
  void Identify();
  void OnAnswered();
  // The context has gone, or goes now.
  void Finish();
  absl::Status Blame(std::string_view what) const;

  const Options options_;
  const Events events_;
  Endpoint endpoint_;
  redisAsyncContext* context_ = nullptr;
  State state_ = State::kIdle;
  bool handling_ = false;
  bool wants_read_ = false;
  bool wants_write_ = false;
  size_t unanswered_ = 0;
  base::SteadyTime due_ = base::SteadyTime::max();
  std::string run_id_;
  absl::Status error_;  // Why it ends.
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_CONNECTION_H_
