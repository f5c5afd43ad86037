// Through a real stunnel, with the configuration of deploy/redis-tls, to a Redis that speaks TLS
// only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_replace.h"
#include "lib/base/file.h"
#include "lib/redis/client_fixture.h"
#include "sandbox/stage/child_process.h"
#include "tests/fakes/redis_server.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::redis {
namespace {

using testing::HasSubstr;

void Run(const std::vector<std::string>& command) {
  sandbox::ChildProcess process(command, {}, {});
  ASSERT_EQ(process.Wait(), 0) << process.output();
}

// An authority, and what it certifies.
class Authority {
 public:
  explicit Authority(const std::string& name) {
    Run({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", File("ca.key"), "-out",
         File("ca.pem"), "-addext", "keyUsage=critical,keyCertSign"});
  }
  // NAME.pem and NAME.key, for a host.
  void Certify(const std::string& name, const std::string& host) {
    Run({"/usr/bin/openssl",
         "req",
         "-x509",
         "-newkey",
         "ec",
         "-pkeyopt",
         "ec_paramgen_curve:P-256",
         "-nodes",
         "-days",
         "2",
         "-subj",
         "/CN=" + name,
         "-CA",
         File("ca.pem"),
         "-CAkey",
         File("ca.key"),
         "-keyout",
         File(name + ".key"),
         "-out",
         File(name + ".pem"),
         "-addext",
         "basicConstraints=critical,CA:FALSE",
         "-addext",
         "subjectAltName=DNS:" + host});
  }
  std::string File(const std::string& name) const { return directory_.File(name); }
  const std::string& path() const { return directory_.path(); }

 private:
  const fakes::TempDir directory_;
};

std::string Deployed(const std::string& name) {
  const absl::StatusOr<std::string> text = base::ReadFile("deploy/redis-tls/" + name);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

// A TLS-only Redis that takes clients of `clients`, with the certificate redis.pem of `servers`.
std::unique_ptr<fakes::RedisServer> TlsRedis(const Authority& servers, const Authority& clients) {
  return std::make_unique<fakes::RedisServer>(std::vector<std::string>{absl::StrReplaceAll(
      Deployed("redis.conf"), {{"tls-port 6379", "tls-port {port}"},
                               {"/etc/redis/tls/ca.pem", clients.File("ca.pem")},
                               {"/etc/redis/tls/", servers.path() + "/"}})});
}

// stunnel on a free port, for clients with client.pem of `authority`, which it trusts too.
class Tunnel {
 public:
  Tunnel(const Authority& authority, const fakes::RedisServer& server) {
    EXPECT_EQ(access("/usr/bin/stunnel4", X_OK), 0)
        << "this test needs a real stunnel: install the package stunnel4";
    do {
      port_ = fakes::SomeFreePort();
      const std::string path = directory_.File("stunnel.conf");
      EXPECT_TRUE(base::WriteFileAtomically(
                      path,
                      absl::StrReplaceAll(
                          Deployed("stunnel.conf"),
                          {{"127.0.0.1:6380", address()},
                           {"connect = redis.example:6379", "connect = " + server.address()},
                           {"/etc/musubi/redis-tls", authority.path()}}),
                      0600)
                      .ok());
      process_ = std::make_unique<sandbox::ChildProcess>(
          std::vector<std::string>{"/usr/bin/stunnel4", path}, std::map<std::string, std::string>{},
          std::vector<int>{});
    } while (!process_->WaitForText("Configuration successful"));
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void WaitForText(const std::string& text) {
    EXPECT_TRUE(process_->WaitForText(text)) << process_->output();
  }

 private:
  const fakes::TempDir directory_;
  int port_ = 0;
  std::unique_ptr<sandbox::ChildProcess> process_;
};

class RedisTls : public testing::Test {
 protected:
  RedisTls() : authority_("Musubi test CA") {
    authority_.Certify("redis", "redis.example");
    authority_.Certify("client", "musubid.example");
  }
  Authority authority_;
};

TEST_F(RedisTls, AllGoesThroughATunnelAndHealsWhenTheServerComesBack) {
  const auto server = TlsRedis(authority_, authority_);
  Tunnel tunnel(authority_, *server);
  const auto subject = ReadySubject({.server = tunnel.address()});
  const std::string value(100000, 'x');
  EXPECT_EQ(subject->client->Command({"SET", "a", value}, kLong)->text, "OK");
  EXPECT_EQ(subject->client->Command({"GET", "a"}, kLong)->text, value);
  server->Kill();
  subject->observer.WaitFor("failed", 3);
  server->Start();
  subject->observer.WaitFor("changed", 1);
  EXPECT_TRUE(subject->client->WaitUntilReady(kLong).ok());
  EXPECT_TRUE(subject->client->Command({"GET", "a"}, kLong)->is_nil());
}

TEST_F(RedisTls, ThereIsNoWayWithoutATunnel) {
  const auto server = TlsRedis(authority_, authority_);
  Subject subject({.server = server->address()});
  subject.observer.WaitFor("failed", 3);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

TEST_F(RedisTls, AServerOfAnotherAuthorityIsRefused) {
  Authority other("Another CA");
  other.Certify("redis", "redis.example");
  const auto server = TlsRedis(other, authority_);
  Tunnel tunnel(authority_, *server);
  Subject subject({.server = tunnel.address()});
  tunnel.WaitForText("CERT: Pre-verification error");
  subject.observer.WaitFor("failed", 1);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

TEST_F(RedisTls, AServerOfAnotherNameIsRefused) {
  authority_.Certify("redis", "elsewhere.example");
  const auto server = TlsRedis(authority_, authority_);
  Tunnel tunnel(authority_, *server);
  Subject subject({.server = tunnel.address()});
  tunnel.WaitForText("CERT: Subject checks failed");
  subject.observer.WaitFor("failed", 1);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

TEST_F(RedisTls, AClientOfAnotherAuthorityIsRefused) {
  Authority other("Another CA");
  const auto server = TlsRedis(authority_, other);
  Tunnel tunnel(authority_, *server);
  Subject subject({.server = tunnel.address()});
  subject.observer.WaitFor("failed", 3);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

}  // namespace
}  // namespace musubi::redis
