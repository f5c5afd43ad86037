// Commands and scripts for a Redis server, single or found by Sentinels, and its pub/sub. Knows
// nothing of what is stored. No TLS: hiredis 0.14 has none, so stunnel stands beside it in
// production (deploy/redis-tls). No Redis Cluster.
#ifndef MUSUBI_LIB_REDIS_CLIENT_H_
#define MUSUBI_LIB_REDIS_CLIENT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/secure_random.h"
#include "lib/redis/observer.h"
#include "lib/redis/reply.h"
#include "lib/redis/script.h"

namespace musubi::redis {

// MayHaveRun tells whether the command that failed with `status` may have taken effect: it was
// sent, and what became of it is unknown. False: it has not run, and never will.
bool MayHaveRun(const absl::Status& status);

// WithReason is `status` as a store's callers know failures: with the base::ErrorReason that it
// has, or UNAVAILABLE where there was no answer, or INTERNAL. `what` names the store in the
// message.
absl::Status WithReason(const absl::Status& status, std::string_view what);

// Subscription ends when it is destroyed; a callback that is running then may still finish.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

class Loop;

// Client sends what all its callers ask over few connections, without waiting for one answer
// before the next command. Thread-safe. One thread of its own reads the answers.
//
// Failures, of all commands:
// - OVERLOADED (base::ErrorReason): more commands are pending than Options::max_pending. Not run.
// - UNAVAILABLE (reason): no answer within `timeout`, no connection within Options::queue_timeout,
//   the connection broke, the client is at its end, or the server cannot do it now (READONLY,
//   LOADING, OOM and their like). MayHaveRun says whether the command had been sent; nothing that
//   had been is ever sent again.
// - FAILED_PRECONDITION: Redis does not let this user do that; the message names the fix.
// - INTERNAL: any other error reply. A script that failed half-way has done its first half.
// A timeout runs on the machine's steady clock; one of nothing is UNAVAILABLE at once, not run.
class Client {
 public:
  struct Dependencies {
    Observer& observer;
    base::SecureRandom& random;  // Spreads reconnects.
  };
  struct Options {
    // "host:port", "[v6]:port", or "unix:/path". Empty with Sentinels.
    std::string server;
    // Or the Sentinels, "host:port" each, and the name by which they know the master.
    std::vector<std::string> sentinels;
    std::string master_name;
    // Files of the ACL user's name and password, read again at each connect. Without a user file
    // the user is "default"; without a password file nobody signs in. White space at the end is not
    // part of either.
    std::string user_file;
    std::string password_file;
    // The same for the Sentinels.
    std::string sentinel_user_file;
    std::string sentinel_password_file;
    // Where to connect for what the Sentinels call the master, if not there: behind stunnel each
    // server has a port of this machine. "host:port" to
    // what `server` takes.
    std::map<std::string, std::string> routes;

    int connections = 2;       // Shared, 1 to kMaxConnections.
    int wait_connections = 1;  // For Call::wait_replicas, up to kMaxConnections; 0: not offered.
    // Commands without an answer, queued or sent, also those whose callers no longer wait.
    size_t max_pending = 4096;
    // From the beginning of a connect until it can serve.
    absl::Duration connect_timeout = absl::Seconds(2);
    // A connection on which an answer is due for so long is given up.
    absl::Duration stall_timeout = absl::Seconds(5);
    // A command that finds no connection waits at most so long for one, that callers' threads are
    // not all held by a server that is gone.
    absl::Duration queue_timeout = absl::Seconds(1);
    // An idle connection is checked so often: is it alive, is it still the master's.
    absl::Duration check_interval = absl::Seconds(5);
    // Between tries to connect: doubles from the first to the second, less a random half of it.
    absl::Duration min_backoff = absl::Milliseconds(50);
    absl::Duration max_backoff = absl::Seconds(1);
  };
  static constexpr int kMaxConnections = 64;
  static constexpr size_t kMaxPending = size_t{1} << 20;

  // What a script is called with, and how.
  struct Call {
    std::vector<std::string> keys = {};
    std::vector<std::string> args = {};
    // Adds the run id of the server that runs the script, as the last of ARGV. run_id() may be that
    // of a server before or after it; this is the one of the very connection.
    bool run_id_last = false;
    // Replicas that must confirm the script's writes (WAIT) within `timeout`. 0: none. On a
    // connection of its own, because WAIT holds up what comes after it. Fewer: UNAVAILABLE,
    // MayHaveRun.
    int wait_replicas = 0;
  };

  // On the client's thread, or on the caller's before the call returns, if it is refused at
  // once. Must not block, nor call Command or Eval.
  using Callback = std::function<void(absl::StatusOr<Reply>)>;

  // Reads the files, starts the thread and begins to connect, but waits for no server.
  // INVALID_ARGUMENT names the option that breaks a rule; errors of base::ReadSecretFile.
  static absl::StatusOr<std::unique_ptr<Client>> Create(Dependencies dependencies, Options options);
  // What is pending ends as CANCELLED; no callback runs afterwards.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // WaitUntilReady blocks until a connection can serve. UNAVAILABLE after `timeout`, with what the
  // last try failed on.
  absl::Status WaitUntilReady(absl::Duration timeout);

  // The run id of the server that connected last; empty before the first. 40 hex digits, new with
  // each start of a server.
  std::string run_id() const;

  // Command sends one command. INVALID_ARGUMENT: one that would change or hold up a connection that
  // others share (MULTI, WAIT, SUBSCRIBE and their like). Blocks.
  absl::StatusOr<Reply> Command(std::vector<std::string> args, absl::Duration timeout);
  void CommandAsync(std::vector<std::string> args, absl::Duration timeout, Callback done);

  // Eval runs a script by its SHA-1; if Redis does not know it, by its text. Blocks. `script` must
  // outlive the call.
  absl::StatusOr<Reply> Eval(const Script& script, Call call, absl::Duration timeout);
  // `script` must live until `done` was called.
  void EvalAsync(const Script& script, Call call, absl::Duration timeout, Callback done);

  // Subscribe calls `on_message` with what is published on `channel`, and `on_missed` whenever
  // something may have been published that was not delivered: once when the subscription begins to
  // hold, and again each time that it does after a connection was lost. Both on the client's
  // thread: they must not block. The client must outlive what is returned.
  using MessageCallback = std::function<void(const std::string& message)>;
  using MissedCallback = std::function<void()>;
  std::unique_ptr<Subscription> Subscribe(const std::string& channel, MessageCallback on_message,
                                          MissedCallback on_missed);

 private:
  explicit Client(std::unique_ptr<Loop> loop);

  const std::unique_ptr<Loop> loop_;
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_CLIENT_H_
