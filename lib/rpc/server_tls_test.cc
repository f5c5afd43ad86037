// The server over real mutual TLS: versions, who is let in as whom, certificates that are replaced.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "lib/rpc/server_fixture.h"
#include "lib/rpc/tls_credentials.h"
#include "lib/rpc/tls_identity.h"
#include "tests/fakes/tls_probe.h"

namespace musubi::rpc {
namespace {

using base::ErrorReason;

// Before main, as RequireTls13 demands.
const bool kTls13Required = [] {
  RequireTls13();
  return true;
}();

class MutualTlsTest : public ServerTest {
 protected:
  MutualTlsTest() { Start(OptionsWith(identity_), {"127.0.0.1:0"}); }

  MutualTls TlsOf(const TlsIdentity& identity) const {
    return {.certificate_chain = identity.certificate,
            .private_key = base::Secret<std::string>(identity.private_key),
            .client_ca = ca_.certificate()};
  }
  Calls::Options OptionsWith(const TlsIdentity& identity) const {
    Calls::Options options;
    options.security.tls = TlsOf(identity);
    return options;
  }
  int port() const { return server_->ports()[0]; }

  // Calls GetSession with this client certificate; without one if `identity` is absent.
  absl::Status GetAs(const std::optional<TlsIdentity>& identity, CallOptions options = {}) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ca_.certificate();
    if (identity.has_value()) {
      tls.pem_private_key = identity->private_key;
      tls.pem_cert_chain = identity->certificate;
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("musubi.example");
    stub_ = v1::SessionService::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port()), grpc::SslCredentials(tls), arguments));
    return Get(options);
  }

  TlsCa ca_;
  TlsIdentity identity_ = ca_.Issue("DNS:musubi.example");
  TlsIdentity front_ = ca_.Issue("URI:musubi://role/front");
};

TEST_F(MutualTlsTest, SpeaksTls13AndNothingOlder) {
  fakes::TlsProbe probe{.certificate = front_.certificate, .private_key = front_.private_key};
  EXPECT_EQ(fakes::HandshakeWith(port(), probe).value(), identity_.certificate);
  probe.version = fakes::TlsVersion::k12;
  for (const bool pre_shared_key : {false, true}) {
    probe.pre_shared_key = pre_shared_key;
    EXPECT_EQ(fakes::HandshakeWith(port(), probe).status().code(), absl::StatusCode::kAborted);
  }
}

TEST_F(MutualTlsTest, DoesNotStartWhereTls12IsNotRuledOut) {
  unsetenv("GRPC_SSL_CIPHER_SUITES");
  const auto made = TlsCredentials::Create(TlsOf(identity_));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kFailedPrecondition);
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-ECDSA-AES128-GCM-SHA256", 1);
  EXPECT_EQ(Server::Create(*calls_, {}, {}).status().code(), absl::StatusCode::kFailedPrecondition);
  RequireTls13();
  EXPECT_TRUE(TlsCredentials::Create(TlsOf(identity_)).ok());
}

TEST_F(MutualTlsTest, TakesTheRoleFromTheCertificate) {
  EXPECT_TRUE(GetAs(front_).ok());
  EXPECT_EQ(observer_.Next().role, "front");
  EXPECT_TRUE(
      GetAs(ca_.Issue("DNS:web.example,URI:spiffe://example/web,URI:musubi://role/front")).ok());
  observer_.Next();
  EXPECT_EQ(base::ReasonOf(GetAs(ca_.Issue("URI:musubi://role/relying-party/demo"))),
            ErrorReason::kRoleNotAllowed);
  EXPECT_EQ(observer_.Next().relying_party_id, "demo");
}

TEST_F(MutualTlsTest, WhatOnlyLooksLikeARoleIsNone) {
  struct Case {
    const char* what;
    std::string names;
    std::string common_name = "Musubi test";
  };
  const Case cases[] = {
      {"no name", ""},
      {"another scheme", "URI:https://role/front"},
      {"a longer scheme", "URI:xmusubi://role/front"},
      {"an upper-case scheme", "URI:MUSUBI://role/front"},
      {"another host", "URI:musubi://roles/front"},
      {"an upper-case host", "URI:musubi://Role/front"},
      {"a host with a dot", "URI:musubi://role./front"},
      {"a host with a port", "URI:musubi://role:443/front"},
      {"a host with a user", "URI:musubi://front@role/front"},
      {"no host", "URI:musubi:role/front"},
      {"an upper-case role", "URI:musubi://role/Front"},
      {"an upper-case role all through", "URI:musubi://role/FRONT"},
      {"an unknown role", "URI:musubi://role/admin"},
      {"no role", "URI:musubi://role/"},
      {"a suffix", "URI:musubi://role/frontier"},
      {"a prefix", "URI:musubi://role/the-front"},
      {"a slash behind", "URI:musubi://role/front/"},
      {"two slashes", "URI:musubi://role//front"},
      {"a dot segment", "URI:musubi://role/./front"},
      {"a query", "URI:musubi://role/front?role=front"},
      {"a fragment", "URI:musubi://role/front#front"},
      {"percent-encoding", "URI:musubi://role/%66ront"},
      {"a percent-encoded end", "URI:musubi://role/front%00"},
      {"a NUL behind",
       "DER:30:16:86:14:6d:75:73:75:62:69:3a:2f:2f:72:6f:6c:65:2f:66:72:6f:6e:"
       "74:00"},
      {"two roles", "URI:musubi://role/front,URI:musubi://role/platform"},
      {"one role twice", "URI:musubi://role/front,URI:musubi://role/front"},
      {"a role and an unknown one", "URI:musubi://role/front,URI:musubi://role/admin"},
      {"the role as a DNS name", "DNS:musubi://role/front"},
      {"the role as an e-mail address", "email:musubi://role/front"},
      {"the role as common name", "", "musubi://role/front"},
      {"the role as common name beside a DNS name", "DNS:front", "musubi://role/front"},
      {"a relying party without an id", "URI:musubi://role/relying-party"},
      {"a relying party with an empty id", "URI:musubi://role/relying-party/"},
      {"an upper-case id", "URI:musubi://role/relying-party/Demo"},
      {"an id with an underscore", "URI:musubi://role/relying-party/demo_university"},
      {"an id with a dot", "URI:musubi://role/relying-party/demo.university"},
      {"an id with a space", "URI:musubi://role/relying-party/demo university"},
      {"an id with a slash", "URI:musubi://role/relying-party/demo/university"},
      {"an id with percent-encoding", "URI:musubi://role/relying-party/dem%6f"},
      {"an id that is too long",
       "URI:musubi://role/relying-party/" + std::string(kMaxRelyingPartyIdLength + 1, 'a')},
  };
  for (const Case& c : cases) {
    const TlsIdentity identity = ca_.Issue(c.names, {.common_name = c.common_name});
    EXPECT_EQ(base::ReasonOf(GetAs(identity)), ErrorReason::kCallerUnauthenticated) << c.what;
    EXPECT_EQ(observer_.Next().role, "") << c.what;
  }
}

TEST_F(MutualTlsTest, NoHandshakeWithoutAGoodCertificateOfTheClientCa) {
  const std::string front = "URI:musubi://role/front";
  const std::pair<const char*, std::optional<TlsIdentity>> cases[] = {
      {"none", std::nullopt},
      {"another CA of the same name", TlsCa().Issue(front)},
      {"expired", ca_.Issue(front, {.not_after = "20200102000000Z"})},
      {"for servers only", ca_.Issue(front, {.extended_key_usage = "serverAuth"})},
  };
  for (const auto& [what, identity] : cases) {
    EXPECT_EQ(GetAs(identity).code(), absl::StatusCode::kUnavailable) << what;
  }
}

TEST_F(MutualTlsTest, NewHandshakesGetAReplacedCertificateAndConnectionsGoOn) {
  ASSERT_TRUE(GetAs(front_).ok());
  EXPECT_FALSE(server_->ReplaceTls(TlsOf(identity_)).value());
  const TlsIdentity next = ca_.Issue("DNS:musubi.example");
  EXPECT_TRUE(server_->ReplaceTls(TlsOf(next)).value());
  EXPECT_TRUE(Get().ok());
  const fakes::TlsProbe probe{.certificate = front_.certificate, .private_key = front_.private_key};
  std::string seen;
  do {
    seen = fakes::HandshakeWith(port(), probe).value();
    ASSERT_TRUE(seen == identity_.certificate || seen == next.certificate);
  } while (seen != next.certificate);
  EXPECT_TRUE(Get().ok());
  EXPECT_TRUE(GetAs(front_).ok());
  EXPECT_FALSE(server_->ReplaceTls(TlsOf(next)).value());
}

TEST_F(MutualTlsTest, NewHandshakesGetAReplacedClientCa) {
  const TlsCa other;
  MutualTls tls = TlsOf(identity_);
  tls.client_ca = other.certificate();
  ASSERT_TRUE(server_->ReplaceTls(tls).value());
  const TlsIdentity others_front = other.Issue("URI:musubi://role/front");
  while (!GetAs(others_front).ok()) {
  }
  EXPECT_EQ(GetAs(front_).code(), absl::StatusCode::kUnavailable);
}

TEST(MemoryFile, IsReplacedAsAWhole) {
  const auto file = MemoryFile::Create("first").value();
  std::ifstream reader(file->path());
  ASSERT_TRUE(file->Replace("the second").ok());
  const auto all = [](std::ifstream& from) {
    return std::string(std::istreambuf_iterator<char>(from), {});
  };
  EXPECT_EQ(all(reader), "first");
  std::ifstream later(file->path());
  EXPECT_EQ(all(later), "the second");
}

}  // namespace
}  // namespace musubi::rpc
