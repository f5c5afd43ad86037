#include "lib/rpc/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/file.h"
#include "lib/rpc/tls_identity.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::rpc {
namespace {

using testing::HasSubstr;

TEST(CheckListenAddress, TakesOnlyLoopbackAddressesInPlaintext) {
  for (const char* address : {"127.0.0.1:0", "127.255.0.3:65535", "[::1]:0"}) {
    EXPECT_TRUE(CheckListenAddress(address, true).ok()) << address;
  }
  for (const char* address : {"0.0.0.0:0", "[::]:0", "localhost:0", "127.0.0.1.example.com:0",
                              "10.0.0.1:0", "::1:0", "128.0.0.1:0", "unix:0", "127.1:0"}) {
    EXPECT_EQ(CheckListenAddress(address, true).code(), absl::StatusCode::kInvalidArgument)
        << address;
    EXPECT_TRUE(CheckListenAddress(address, false).ok()) << address;
  }
}

TEST(CheckListenAddress, RefusesWhatIsNoHostAndPort) {
  for (const char* address :
       {"", "127.0.0.1", "127.0.0.1:", ":0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:0x1",
        "127.0.0.1:http", "127.0.0.1: 1", "127.0.0.1:1 "}) {
    EXPECT_EQ(CheckListenAddress(address, false).code(), absl::StatusCode::kInvalidArgument)
        << address;
  }
}

TEST(ParseInsecureRoles, ReadsAListAndNamesABadEntry) {
  const auto roles = ParseInsecureRoles("front,platform,relying-party/demo");
  ASSERT_TRUE(roles.ok());
  ASSERT_EQ(roles->size(), 3u);
  EXPECT_EQ((*roles)[2].relying_party_id, "demo");
  EXPECT_TRUE(ParseInsecureRoles("").value().empty());
  const auto bad = ParseInsecureRoles("front,admin");
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("'admin'"));
}

class LoadMutualTlsTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content, unsigned mode = 0600) {
    EXPECT_TRUE(base::WriteFileAtomically(dir_.File(name), content, mode).ok());
    return dir_.File(name);
  }
  void ExpectRefused(const std::string& certificate, const std::string& key, const std::string& ca,
                     const std::string& named) {
    const auto tls = LoadMutualTls(certificate, key, ca);
    ASSERT_FALSE(tls.ok());
    EXPECT_THAT(std::string(tls.status().message()), HasSubstr(named));
  }

  fakes::TempDir dir_;
  TlsCa ca_;
  TlsIdentity identity_ = ca_.Issue("DNS:musubi.example");
  std::string certificate_ = Write("server.pem", identity_.certificate);
  std::string key_ = Write("server.key", identity_.private_key);
  std::string client_ca_ = Write("clients.pem", ca_.certificate());
};

TEST_F(LoadMutualTlsTest, ReadsAMatchingPair) {
  const auto tls = LoadMutualTls(certificate_, key_, client_ca_);
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_EQ(tls->certificate_chain, identity_.certificate);
  EXPECT_EQ(tls->private_key.Reveal(), identity_.private_key);
}

TEST_F(LoadMutualTlsTest, NamesTheFileThatIsWrong) {
  const std::string other_key = Write("other.key", ca_.Issue("").private_key);
  const std::string open_key = Write("open.key", identity_.private_key, 0644);
  const std::string text = Write("text.pem", "no PEM\n");
  ExpectRefused(dir_.File("absent.pem"), key_, client_ca_, "absent.pem");
  ExpectRefused(text, key_, client_ca_, "text.pem");
  ExpectRefused(certificate_, text, client_ca_, "text.pem");
  ExpectRefused(certificate_, open_key, client_ca_, "open.key");
  ExpectRefused(certificate_, other_key, client_ca_, "other.key");
  ExpectRefused(certificate_, key_, text, "text.pem");
}

TEST_F(LoadMutualTlsTest, RefusesAChainThatIsNotWhole) {
  const std::string& ca = ca_.certificate();
  for (const std::string& half :
       {ca.substr(0, ca.size() / 2), std::string("-----BEGIN CERT"), identity_.private_key}) {
    const std::string chain = Write("half.pem", identity_.certificate + half);
    ExpectRefused(chain, key_, client_ca_, "half.pem");
    ExpectRefused(certificate_, key_, Write("half-ca.pem", ca + half), "half-ca.pem");
  }
  EXPECT_TRUE(LoadMutualTls(Write("chain.pem", identity_.certificate + "an intermediate\n" + ca),
                            key_, client_ca_)
                  .ok());
}

}  // namespace
}  // namespace musubi::rpc
