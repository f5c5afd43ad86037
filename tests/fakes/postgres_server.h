// A real PostgreSQL 15 for tests: a cluster of its own in a temporary directory, reached over a
// unix socket in it or over a free port of 127.0.0.1. Goes with the process.
#ifndef MUSUBI_TESTS_FAKES_POSTGRES_SERVER_H_
#define MUSUBI_TESTS_FAKES_POSTGRES_SERVER_H_

#include <memory>
#include <string>

#include "sandbox/stage/child_process.h"

namespace musubi::fakes {

// PostgresServer is for the thread that made it, but for the members that are const. Dies, naming
// the package, if PostgreSQL is not installed. As root it runs as the user `postgres`, or `nobody`:
// PostgreSQL refuses root.
class PostgresServer {
 public:
  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // One for all tests of a process: making a cluster takes a second. Each test makes a database.
  static PostgresServer& Shared();

  int port() const { return port_; }
  // conninfo of a superuser. Passwords are asked for over TCP, but of the superuser.
  std::string Conninfo(const std::string& database) const;
  std::string TcpConninfo(const std::string& database, int port) const;
  // The same of another login.
  std::string ConninfoOf(const std::string& login, const std::string& database) const;

  // An empty database of a name that no other has.
  std::string NewDatabase();
  // What psql would do as the superuser. Dies on an error.
  void Run(const std::string& database, const std::string& sql) const;

  // Stop ends the server in the way of an immediate shutdown: connections are cut, nothing is
  // flushed. Start starts it again on the same port, with what was committed.
  void Stop();
  void Start();
  // What the server wrote to its log since the last Start.
  std::string log() const { return process_->output(); }

 private:
  std::string directory_;
  std::string user_;  // Empty: this process's own.
  int port_ = 0;
  std::unique_ptr<sandbox::ChildProcess> process_;
  int databases_ = 0;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_POSTGRES_SERVER_H_
