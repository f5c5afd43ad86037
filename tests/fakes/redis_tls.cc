#include "tests/fakes/redis_tls.h"

#include <unistd.h>

#include <map>
#include <vector>

#include "absl/strings/str_replace.h"
#include "lib/base/check.h"
#include "lib/base/file.h"

namespace musubi::fakes {
namespace {

constexpr char kStunnel[] = "/usr/bin/stunnel4";

// Runs openssl req -x509 for a new P-256 key: `rest` says what and where.
void MakeCertificate(const std::string& name, const std::vector<std::string>& rest) {
  std::vector<std::string> command = {
      "/usr/bin/openssl",        "req",    "-x509", "-newkey", "ec",    "-pkeyopt",
      "ec_paramgen_curve:P-256", "-nodes", "-days", "2",       "-subj", "/CN=" + name};
  command.insert(command.end(), rest.begin(), rest.end());
  sandbox::ChildProcess process(command, {}, {});
  MUSUBI_CHECK(process.Wait() == 0, process.output());
}

std::string Deployed(const std::string& name) {
  const absl::StatusOr<std::string> text = base::ReadFile("deploy/redis-tls/" + name);
  MUSUBI_CHECK(text.ok(), text.status().ToString());
  return *text;
}

}  // namespace

TlsAuthority::TlsAuthority(const std::string& name) {
  MakeCertificate(name, {"-keyout", File("ca.key"), "-out", File("ca.pem"), "-addext",
                         "keyUsage=critical,keyCertSign"});
}

void TlsAuthority::Certify(const std::string& name, const std::string& host) {
  MakeCertificate(name,
                  {"-CA", File("ca.pem"), "-CAkey", File("ca.key"), "-keyout", File(name + ".key"),
                   "-out", File(name + ".pem"), "-addext", "basicConstraints=critical,CA:FALSE",
                   "-addext", "subjectAltName=DNS:" + host});
}

std::unique_ptr<RedisServer> TlsRedis(const TlsAuthority& servers, const TlsAuthority& clients) {
  return std::make_unique<RedisServer>(std::vector<std::string>{absl::StrReplaceAll(
      Deployed("redis.conf"), {{"tls-port 6379", "tls-port {port}"},
                               {"/etc/redis/tls/ca.pem", clients.File("ca.pem")},
                               {"/etc/redis/tls/", servers.path() + "/"}})});
}

Tunnel::Tunnel(const TlsAuthority& authority, const RedisServer& server) {
  MUSUBI_CHECK(access(kStunnel, X_OK) == 0,
               "this test needs a real stunnel: install the package stunnel4");
  const std::string path = directory_.File("stunnel.conf");
  do {
    port_ = SomeFreePort();
    const std::string text =
        absl::StrReplaceAll(Deployed("stunnel.conf"),
                            {{":6380", ":" + std::to_string(port_)},
                             {"connect = redis.example:6379", "connect = " + server.address()},
                             {"/etc/musubi/redis-tls", authority.path()}});
    MUSUBI_CHECK(base::WriteFileAtomically(path, text, 0600).ok(), path);
    process_ = std::make_unique<sandbox::ChildProcess>(std::vector<std::string>{kStunnel, path},
                                                       std::map<std::string, std::string>{},
                                                       std::vector<int>{});
  } while (!process_->WaitForText("Configuration successful"));
}

}  // namespace musubi::fakes
