#include "lib/postgres/pool.h"

#include <libpq-fe.h>
#include <sys/stat.h>

#include <string_view>

#include "lib/base/call_deadline.h"
#include "lib/base/check.h"
#include "lib/base/error.h"

namespace musubi::postgres {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

absl::Status CheckPassfile(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    return absl::FailedPreconditionError("cannot open the passfile " + path +
                                         ": give one that this user may read");
  }
  if ((status.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(path +
                                         " holds a password but others may open it: chmod "
                                         "600 " +
                                         path);
  }
  return absl::OkStatus();
}

absl::Status Overloaded(std::string_view why) {
  return base::Error(base::ErrorReason::kOverloaded,
                     "all connections to PostgreSQL are in use, and " + std::string(why));
}

}  // namespace

absl::Status CheckConninfo(const std::string& conninfo) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(conninfo.c_str(), &error));
  // libpq's own words quote what it met, which may be the password.
  PQfreemem(error);
  if (options == nullptr || conninfo.empty()) {
    return absl::InvalidArgumentError(
        "not a conninfo: give libpq's keywords or URI, as in 'host=db.example dbname=musubi "
        "user=musubi-link passfile=/run/secrets/pgpass'");
  }
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "password" || keyword == "sslpassword") {
      return absl::InvalidArgumentError(
          "a conninfo with a password shows it to everybody who lists processes: put it into a "
          "file "
          "of mode 600 and give passfile=FILE, or service=NAME");
    }
    if (keyword == "passfile") MUSUBI_RETURN_IF_ERROR(CheckPassfile(option->val));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Pool>> Pool::Create(PoolOptions options) {
  MUSUBI_RETURN_IF_ERROR(CheckConninfo(options.conninfo));
  if (options.connections == 0 || options.connections > kMaxConnections) {
    return absl::InvalidArgumentError("a pool has 1 to " + std::to_string(kMaxConnections) +
                                      " connections");
  }
  return std::unique_ptr<Pool>(new Pool(std::move(options)));
}

absl::StatusOr<std::unique_ptr<Pool>> Pool::Open(PoolOptions options, const Schema& schema) {
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Pool> pool, Create(std::move(options)));
  MUSUBI_ASSIGN_OR_RETURN(Lease lease, pool->Acquire());
  MUSUBI_RETURN_IF_ERROR(CheckVersion(*lease, schema));
  return pool;
}

Pool::~Pool() {
  base::MutexLock lock(mutex_);
  MUSUBI_CHECK(open_ == idle_.size(), "a pool outlives its leases");
}

absl::StatusOr<Pool::Lease> Pool::Acquire() {
  const Deadline deadline = base::CallDeadline::AtMost(options_.timeout);
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Take(deadline));
  if (connection == nullptr) {
    auto opened = Connection::Open(options_.conninfo, options_.setup);
    base::MutexLock lock(mutex_);
    if (!opened.ok()) {
      --open_;
      changed_.NotifyOne();
      return opened.status();
    }
    ++opened_;
    connection = *std::move(opened);
  }
  Lease lease(*this, std::move(connection));
  MUSUBI_RETURN_IF_ERROR(lease->SetDeadline(deadline));
  return lease;
}

absl::StatusOr<std::unique_ptr<Connection>> Pool::Take(Deadline deadline) {
  base::MutexLock lock(mutex_);
  while (true) {
    while (!idle_.empty()) {
      // The one used last: a peak's connections are not kept alive by turns.
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->Idle()) return connection;
      --open_;
    }
    if (open_ < options_.connections) {
      ++open_;
      return nullptr;
    }
    if (waiting_ >= options_.waiting) return Overloaded("as many calls wait as may");
    if (base::CallDeadline::Left(deadline) == absl::ZeroDuration()) {
      return Overloaded("none came free before the call's deadline");
    }
    ++waiting_;
    changed_.WaitUntil(mutex_, deadline);
    --waiting_;
  }
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  base::MutexLock lock(mutex_);
  if (connection->broken()) {
    --open_;
  } else {
    idle_.push_back(std::move(connection));
  }
  changed_.NotifyOne();
}

size_t Pool::open() const {
  base::MutexLock lock(mutex_);
  return open_;
}

size_t Pool::opened() const {
  base::MutexLock lock(mutex_);
  return opened_;
}

bool MayRunAgain(const absl::Status& status) {
  const Failure failure = FailureOf(status);
  return failure == Failure::kUniqueViolation || failure == Failure::kSerialization ||
         failure == Failure::kConnectionLost;
}

}  // namespace musubi::postgres
