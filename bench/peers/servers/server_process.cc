#include "bench/peers/servers/server_process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "lib/crypto/keyring.h"

namespace musubi::bench {
namespace {

namespace fs = std::filesystem;

constexpr char kTaskset[] = "/usr/bin/taskset";
constexpr char kListening[] = "\"event\":\"listening\"";
constexpr int kReadingsOfChildren = 100;
// Of the repository, where scripts/bench runs.
constexpr char kRelyingParties[] = "deploy/demo/relying-parties.json";

std::vector<std::string> OnCore(int core, std::vector<std::string> command) {
  command.insert(command.begin(), {kTaskset, "--cpu-list", absl::StrCat(core)});
  return command;
}

// A port that was free a moment ago: nginx does not tell which one it got.
absl::StatusOr<int> FreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool got = bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                   getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(descriptor);
  if (!got) return absl::UnavailableError("no free port");
  return ntohs(address.sin_port);
}

absl::StatusOr<std::string> FreshDirectory(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  fs::create_directory(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + path);
  return path;
}

std::string NginxConfiguration(const ServerInputs& inputs, const std::string& own, int port,
                               CrlSize crl) {
  std::string text = absl::StrCat(geteuid() == 0 ? "user www-data;\n" : "",
                                  "daemon off;\n"
                                  "worker_processes 1;\n"
                                  "pid ",
                                  own, "/nginx.pid;\n",
                                  "error_log stderr crit;\n"
                                  "events { worker_connections 1024; }\n"
                                  "http {\n"
                                  "  access_log off;\n"
                                  "  keepalive_timeout 0;\n");
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    absl::StrAppend(&text, "  ", kind, "_temp_path ", own, "/", kind, ";\n");
  }
  absl::StrAppend(&text, "  server {\n    listen 127.0.0.1:", port,
                  " ssl backlog=1024;\n"
                  "    ssl_certificate ",
                  inputs.tls_directory() + "/server.crt", ";\n    ssl_certificate_key ",
                  inputs.tls_directory() + "/server.key",
                  ";\n"
                  "    ssl_protocols TLSv1.3;\n"
                  "    ssl_session_cache off;\n"
                  "    ssl_session_tickets off;\n"
                  "    ssl_verify_client on;\n"
                  "    ssl_verify_depth 1;\n"
                  "    ssl_client_certificate ",
                  inputs.issuer_pem(), ";\n");
  if (crl != CrlSize::kNone) absl::StrAppend(&text, "    ssl_crl ", inputs.crl_pem(crl), ";\n");
  // 495: the client's certificate was refused. Else the answer would not say why.
  absl::StrAppend(&text,
                  "    error_page 495 /refused;\n"
                  "    location = /refused { internal; return 400 \"$ssl_client_verify\"; }\n"
                  "    location / { return 200 \"$ssl_client_verify\"; }\n"
                  "  }\n"
                  "}\n");
  return text;
}

absl::Status WriteMusubidFiles(const std::string& own) {
  base::SystemRandom random;
  std::error_code error;
  fs::create_directory(own + "/keys", error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + own + "/keys");
  for (const std::string key : {"service", "card", "audit", "account", "person-index",
                                "person-data", "evidence", "demo-university.subject"}) {
    MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(
        absl::StrCat(own, "/keys/", key, ".keyring"),
        crypto::Keyring::Generate("k1", random).Serialize().Reveal(), 0600));
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string parties, base::ReadFile(kRelyingParties));
  return base::WriteFileAtomically(own + "/relying-parties.json", parties, 0644);
}

absl::Status Ended(ServerProcess& server) {
  return absl::InternalError("the server did not start: " + server.process().output());
}

}  // namespace

absl::StatusOr<ProcessUsage> UsageOf(pid_t pid) {
  const std::string directory = absl::StrCat("/proc/", pid);
  // After the name, which is in parentheses and may hold anything: state is the first field, utime
  // and stime are the 12th and 13th, and rss the 22nd.
  std::ifstream file(directory + "/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  text.erase(0, text.rfind(')') + 1);
  std::istringstream words(text);
  std::vector<int64_t> fields;
  for (std::string word; words >> word;) {
    int64_t number = 0;
    (void)absl::SimpleAtoi(word, &number);  // The state is a letter.
    fields.push_back(number);
  }
  if (fields.size() < 22) return absl::UnavailableError("there is no " + directory);
  return ProcessUsage{.cpu = absl::Seconds(1) * (fields[11] + fields[12]) / sysconf(_SC_CLK_TCK),
                      .resident = fields[21] * sysconf(_SC_PAGESIZE)};
}

ServerProcess::~ServerProcess() {
  if (process_ == nullptr) return;
  process_->Signal(SIGTERM);
  process_->Wait();
}

pid_t ServerProcess::worker() const {
  const pid_t pid = process_->pid();
  // proc(5): the list may lack a child that is there, while others come and go.
  for (int left = forks ? kReadingsOfChildren : 0; left > 0; --left) {
    std::ifstream children(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
    if (pid_t child = 0; children >> child) return child;
  }
  return pid;
}

absl::StatusOr<ServerProcess> StartNginx(const std::string& nginx, const ServerInputs& inputs,
                                         const ServerOptions& options) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string own, FreshDirectory(inputs.directory + "/nginx"));
  MUSUBI_ASSIGN_OR_RETURN(const int port, FreePort());
  const std::string configuration = own + "/nginx.conf";
  MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(
      configuration, NginxConfiguration(inputs, own, port, options.crl), 0644));
  ServerProcess server(
      OnCore(options.core, {nginx, "-e", "stderr", "-p", own, "-c", configuration}));
  server.port = port;
  server.forks = true;
  return server;
}

absl::StatusOr<ServerProcess> StartJdk(const JdkOptions& jdk, const ServerInputs& inputs,
                                       const ServerOptions& options) {
  std::vector<std::string> command = {
      jdk.java,
      "-Xmx" + jdk.heap,
      "-XX:+UseSerialGC",  // What a JVM that sees one core takes anyway.
      "-Dsun.net.httpserver.nodelay=true",
      "-cp",
      jdk.classes,
      "JdkServer",
      absl::StrCat(jdk.threads),
      inputs.issuer_der()};
  if (options.crl != CrlSize::kNone) command.push_back(inputs.crl_der(options.crl));
  ServerProcess server(OnCore(options.core, std::move(command)));
  constexpr char kPort[] = "port ";
  if (!server.process().WaitForText("\n")) return Ended(server);
  const std::string said = server.process().output();
  const size_t at = said.find(kPort);
  if (at != 0 ||
      !absl::SimpleAtoi(said.substr(sizeof(kPort) - 1, said.find('\n') - sizeof(kPort) + 1),
                        &server.port)) {
    return absl::InternalError("JdkServer says: " + said);
  }
  return server;
}

absl::StatusOr<ServerProcess> StartMusubid(const std::string& musubid, const ServerInputs& inputs,
                                           const ServerOptions& options) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string own, FreshDirectory(inputs.directory + "/musubid"));
  MUSUBI_RETURN_IF_ERROR(WriteMusubidFiles(own));
  std::vector<std::string> command = {
      musubid,
      "--listen=127.0.0.1:0",
      "--environment=SIM",
      "--revocation_mode=CRL_ONLY",
      absl::StrCat("--port_file=", own, "/port"),
      "--tls_certificate=" + inputs.tls_directory() + "/server.crt",
      "--tls_private_key=" + inputs.tls_directory() + "/server.key",
      "--tls_client_ca=" + inputs.tls_directory() + "/ca.crt",
      "--crl_directory=" + inputs.crl_directory(options.crl),
      absl::StrCat("--relying_parties=", own, "/relying-parties.json"),
      absl::StrCat("--link_db=", own, "/links.db"),
      absl::StrCat("--person_db=", own, "/persons.db"),
      absl::StrCat("--evidence_key=", own, "/keys/evidence.keyring")};
  for (const std::string file : {"anchors", "hierarchy", "name-issuers"}) {
    const std::string flag = file == "name-issuers" ? "name_issuers" : file;
    command.push_back(absl::StrCat("--", flag, "=", inputs.world(), "/", file, ".json"));
  }
  for (const auto& [flag, key] :
       std::vector<std::pair<std::string, std::string>>{{"service", "service"},
                                                        {"card", "card"},
                                                        {"audit", "audit"},
                                                        {"account", "account"},
                                                        {"person_index", "person-index"},
                                                        {"person_data", "person-data"}}) {
    command.push_back(absl::StrCat("--", flag, "_keyring=", own, "/keys/", key, ".keyring"));
  }
  ServerProcess server(OnCore(options.core, std::move(command)));
  if (!server.process().WaitForText(kListening)) return Ended(server);
  MUSUBI_ASSIGN_OR_RETURN(const std::string port, base::ReadFile(own + "/port"));
  if (!absl::SimpleAtoi(port, &server.port)) return absl::InternalError("musubid has no port");
  return server;
}

}  // namespace musubi::bench
