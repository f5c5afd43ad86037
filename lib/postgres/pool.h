// A bounded number of connections to one database, shared by all threads of a process. Waiting for
// one is bounded by the call's deadline, and so is what is then done with it. Lost connections are
// replaced when the next one is asked for.
#ifndef MUSUBI_LIB_POSTGRES_POOL_H_
#define MUSUBI_LIB_POSTGRES_POOL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/postgres/connection.h"
#include "lib/postgres/migration.h"

namespace musubi::postgres {

struct PoolOptions {
  // libpq's keywords or URI, without a password: that is in the file that `passfile` or `service`
  // names, which only its owner may open. Several hosts are several candidates for the master.
  std::string conninfo;
  Connection::Setup setup;
  size_t connections = 16;  // 1 to kMaxConnections.
  // Calls that wait for a connection, at most. At 2 ms a transaction and 16 connections, 64 are 8
  // ms of delay.
  size_t waiting = 64;
  // For threads without a deadline of their own (base::CallDeadline), and the longest for others.
  absl::Duration timeout = absl::Seconds(10);
};

// PostgreSQL's own default for all clients together is 100.
inline constexpr size_t kMaxConnections = 1000;

// INVALID_ARGUMENT, without repeating any of it, if the text is not a conninfo or has a password;
// FAILED_PRECONDITION if its passfile is missing or open to others, which libpq would ignore.
absl::Status CheckConninfo(const std::string& conninfo);

// Pool is thread-safe, and outlives its leases.
class Pool {
 public:
  // Connects nothing yet. Errors of CheckConninfo, and INVALID_ARGUMENT for an option out of range.
  static absl::StatusOr<std::unique_ptr<Pool>> Create(PoolOptions options);
  ~Pool();

  // Open is Create, and fails too if there is no connection to be had now, or if the schema's
  // version is not the newest (CheckVersion).
  static absl::StatusOr<std::unique_ptr<Pool>> Open(PoolOptions options, const Schema& schema);

  // Lease is a connection until it goes. Movable; for the thread that took it.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // Acquire takes a connection with the thread's deadline set. OVERLOADED if all are in use and too
  // many wait already, or none came free in time; else as Connection::Open.
  absl::StatusOr<Lease> Acquire();

  // Connections that there are now, in use and not; those made since the beginning.
  size_t open() const;
  size_t opened() const;

 private:
  explicit Pool(PoolOptions options) : options_(std::move(options)) {}
  void Return(std::unique_ptr<Connection> connection);
  // One that is idle and alive, or null, with its place taken, for one that is to be made.
  absl::StatusOr<std::unique_ptr<Connection>> Take(Deadline deadline);

  const PoolOptions options_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t opened_ ABSL_GUARDED_BY(mutex_) = 0;
};

// How often one piece of work is begun at most: what is lost or conflicts so often is no accident.
inline constexpr int kMaxAttempts = 5;

// Whether the same work again, from its beginning, may end otherwise, and did nothing so far.
bool MayRunAgain(const absl::Status& status);

// Read calls `work(Connection&)`, which returns a StatusOr and changes nothing, and calls it again
// on another connection if that one was lost.
template <typename Work>
auto Read(Pool& pool, Work work) -> std::invoke_result_t<Work, Connection&> {
  for (int attempt = 1;; ++attempt) {
    const auto once = [&]() -> std::invoke_result_t<Work, Connection&> {
      MUSUBI_ASSIGN_OR_RETURN(Pool::Lease lease, pool.Acquire());
      return work(*lease);
    };
    auto result = once();
    if (result.ok() || attempt == kMaxAttempts || !MayRunAgain(result.status())) return result;
  }
}

// Transact calls `work` within a transaction, which commits if it returns a value and rolls back if
// it returns an error. A transaction that met a conflict with another one, or lost its connection
// before COMMIT, is run again: then the other one's rows are there to be read, so that `work` can
// say what the conflict was. So `work` has no effect but the transaction's. A status of
// kOutcomeUnknown is the caller's.
template <typename Work>
auto Transact(Pool& pool, Work work) -> std::invoke_result_t<Work, Connection&> {
  return Read(pool, [&](Connection& connection) -> std::invoke_result_t<Work, Connection&> {
    Transaction transaction = Transaction::Begin(connection);
    MUSUBI_ASSIGN_OR_RETURN(auto result, work(connection));
    MUSUBI_RETURN_IF_ERROR(transaction.Commit());
    return result;
  });
}

}  // namespace musubi::postgres

#endif  // MUSUBI_LIB_POSTGRES_POOL_H_
