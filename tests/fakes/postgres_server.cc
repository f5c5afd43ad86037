#include "tests/fakes/postgres_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "lib/base/check.h"
#include "lib/postgres/connection.h"

namespace musubi::fakes {
namespace {

constexpr char kBinaries[] = "/usr/lib/postgresql/15/bin/";

int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  MUSUBI_CHECK(bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                   getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0,
               "no free port");
  close(probe);
  return ntohs(address.sin_port);
}

// `program` as the server's user. It ends with this process, whatever that dies of.
std::vector<std::string> As(const std::string& user, std::vector<std::string> program) {
  std::vector<std::string> command = {"/usr/bin/setpriv", "--pdeathsig", "QUIT"};
  if (!user.empty()) {
    const passwd* entry = getpwnam(user.c_str());
    command.insert(command.end(), {"--reuid", std::to_string(entry->pw_uid), "--regid",
                                   std::to_string(entry->pw_gid), "--clear-groups"});
  }
  program[0] = kBinaries + program[0];
  command.insert(command.end(), program.begin(), program.end());
  return command;
}

}  // namespace

PostgresServer::PostgresServer() {
  MUSUBI_CHECK(access((std::string(kBinaries) + "postgres").c_str(), X_OK) == 0,
               "PostgreSQL 15 is not installed: apt-get install postgresql-15");
  directory_ = std::filesystem::temp_directory_path() / "musubi-postgres-XXXXXX";
  MUSUBI_CHECK(mkdtemp(directory_.data()) != nullptr, "cannot make a temporary directory");
  if (getuid() == 0) {
    user_ = getpwnam("postgres") != nullptr ? "postgres" : "nobody";
    const passwd* entry = getpwnam(user_.c_str());
    MUSUBI_CHECK(chown(directory_.c_str(), entry->pw_uid, entry->pw_gid) == 0, "cannot chown");
  }
  sandbox::ChildProcess initdb(
      As(user_, {"initdb", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C",
                 "--username=postgres", "--auth=trust", "--pgdata=" + directory_ + "/data"}),
      {}, {});
  MUSUBI_CHECK(initdb.Wait() == 0, "initdb failed: " + initdb.output());
  std::ofstream(directory_ + "/data/pg_hba.conf")
      << "local all all trust\nhost all postgres 127.0.0.1/32 trust\n"
         "host all all 127.0.0.1/32 scram-sha-256\n";
  Start();
}

PostgresServer::~PostgresServer() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

PostgresServer& PostgresServer::Shared() {
  static PostgresServer server;
  return server;
}

void PostgresServer::Start() {
  // Another process may take a port between its choice and its use: the same one is wanted again
  // after a Stop, any other the first time.
  const bool again = port_ != 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (!again) port_ = FreePort();
    std::vector<std::string> command = {"postgres", "-D", directory_ + "/data"};
    for (const std::string& setting :
         {"port=" + std::to_string(port_), std::string("listen_addresses=127.0.0.1"),
          "unix_socket_directories=" + directory_, std::string("fsync=off"),
          std::string("full_page_writes=off"), std::string("shared_buffers=16MB"),
          std::string("max_connections=150"), std::string("jit=off"),
          std::string("max_prepared_transactions=0"), std::string("log_checkpoints=off")}) {
      command.insert(command.end(), {"-c", setting});
    }
    process_ = std::make_unique<sandbox::ChildProcess>(
        As(user_, command), std::map<std::string, std::string>{{"LC_ALL", "C"}},
        std::vector<int>{});
    if (process_->WaitForText("database system is ready to accept connections")) return;
  }
  MUSUBI_CHECK(false, "PostgreSQL does not start: " + log());
}

void PostgresServer::Stop() {
  process_->Signal(SIGQUIT);
  process_->Wait();
}

std::string PostgresServer::Conninfo(const std::string& database) const {
  return ConninfoOf("postgres", database);
}

std::string PostgresServer::ConninfoOf(const std::string& login,
                                       const std::string& database) const {
  return "host=" + directory_ + " port=" + std::to_string(port_) + " user=" + login +
         " dbname=" + database + " sslmode=disable gssencmode=disable";
}

std::string PostgresServer::TcpConninfo(const std::string& database, int port) const {
  return "host=127.0.0.1 port=" + std::to_string(port) + " user=postgres dbname=" + database +
         " sslmode=disable gssencmode=disable";
}

std::string PostgresServer::NewDatabase() {
  const std::string name = "test_" + std::to_string(++databases_);
  Run("postgres", "CREATE DATABASE " + name);
  return name;
}

void PostgresServer::Run(const std::string& database, const std::string& sql) const {
  const auto connection = postgres::Connection::Open(Conninfo(database), {});
  MUSUBI_CHECK(connection.ok(), connection.status().ToString());
  const absl::Status done = (*connection)->Run(sql).status();
  MUSUBI_CHECK(done.ok(), done.ToString());
}

}  // namespace musubi::fakes
