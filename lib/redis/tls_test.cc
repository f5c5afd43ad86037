// Through a real stunnel, with the configuration of deploy/redis-tls, to a Redis that speaks TLS
// only.
#include <gtest/gtest.h>

#include "lib/redis/client_fixture.h"
#include "tests/fakes/redis_tls.h"

namespace musubi::redis {
namespace {

using fakes::TlsAuthority;
using fakes::TlsRedis;
using fakes::Tunnel;

class RedisTls : public testing::Test {
 protected:
  RedisTls() : authority_("Musubi test CA") {
    authority_.Certify("redis", "redis.example");
    authority_.Certify("client", "musubid.example");
  }
  TlsAuthority authority_;
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
  TlsAuthority other("Another CA");
  other.Certify("redis", "redis.example");
  const auto server = TlsRedis(other, authority_);
  Tunnel tunnel(authority_, *server);
  Subject subject({.server = tunnel.address()});
  EXPECT_TRUE(tunnel.WaitForLog("CERT: Pre-verification error"));
  subject.observer.WaitFor("failed", 1);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

TEST_F(RedisTls, AServerOfAnotherNameIsRefused) {
  authority_.Certify("redis", "elsewhere.example");
  const auto server = TlsRedis(authority_, authority_);
  Tunnel tunnel(authority_, *server);
  Subject subject({.server = tunnel.address()});
  EXPECT_TRUE(tunnel.WaitForLog("CERT: Subject checks failed"));
  subject.observer.WaitFor("failed", 1);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

TEST_F(RedisTls, AClientOfAnotherAuthorityIsRefused) {
  TlsAuthority other("Another CA");
  const auto server = TlsRedis(authority_, other);
  Tunnel tunnel(authority_, *server);
  Subject subject({.server = tunnel.address()});
  subject.observer.WaitFor("failed", 3);
  EXPECT_FALSE(subject->WaitUntilReady(absl::ZeroDuration()).ok());
}

}  // namespace
}  // namespace musubi::redis
