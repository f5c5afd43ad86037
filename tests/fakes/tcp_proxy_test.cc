#include "tests/fakes/tcp_proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>

namespace musubi::fakes {
namespace {

// What one end of a connection may do, waiting as long as it takes.
class Peer {
 public:
  explicit Peer(int descriptor) : descriptor_(descriptor) {}
  ~Peer() { close(descriptor_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Send(const std::string& octets) {
    ASSERT_EQ(send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(octets.size()));
  }
  void End() { shutdown(descriptor_, SHUT_WR); }
  std::string Receive(size_t octets) {
    std::string all(octets, '\0');
    const ssize_t n = recv(descriptor_, all.data(), all.size(), MSG_WAITALL);
    return n < 0 ? std::string() : all.substr(0, static_cast<size_t>(n));
  }
  // Whether the other end is gone without a goodbye.
  bool IsReset() {
    char octet;
    return recv(descriptor_, &octet, 1, 0) < 0 && errno == ECONNRESET;
  }
  bool HasNothing() {
    char octet;
    return recv(descriptor_, &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

 private:
  const int descriptor_;
};

class TcpProxyTest : public testing::Test {
 protected:
  TcpProxyTest() {
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, SOMAXCONN), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    proxy_.emplace(ntohs(address.sin_port));
  }
  ~TcpProxyTest() override { close(listener_); }

  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }
  int Connect() const {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(proxy_->port());
    EXPECT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return descriptor;
  }
  int Accept() const { return accept(listener_, nullptr, nullptr); }

  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::optional<TcpProxy> proxy_;
};

TEST_F(TcpProxyTest, ForwardsBothWaysAndEachEnd) {
  Peer client(Connect());
  Peer server(Accept());
  client.Send("question");
  client.End();
  EXPECT_EQ(server.Receive(100), "question");
  server.Send("answer");
  server.End();
  EXPECT_EQ(client.Receive(100), "answer");
}

TEST_F(TcpProxyTest, HoldsAnswersUntilTold) {
  Peer client(Connect());
  Peer server(Accept());
  proxy_->HoldAnswers();
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  server.Send("answer");
  proxy_->WaitUntilHeld();
  EXPECT_TRUE(client.HasNothing());
  proxy_->Release();
  EXPECT_EQ(client.Receive(6), "answer");
}

TEST_F(TcpProxyTest, CutsBothSidesAndLosesWhatWasHeld) {
  Peer client(Connect());
  Peer server(Accept());
  proxy_->HoldAnswers();
  server.Send("answer");
  proxy_->WaitUntilHeld();
  proxy_->Cut();
  EXPECT_TRUE(client.IsReset());
  EXPECT_TRUE(server.IsReset());
  Peer next_client(Connect());
  Peer next_server(Accept());
  next_server.Send("whole");
  EXPECT_EQ(next_client.Receive(5), "whole");
}

TEST_F(TcpProxyTest, SwallowsBothWaysUntilCut) {
  Peer client(Connect());
  Peer server(Accept());
  proxy_->Swallow();
  client.Send("question");
  server.Send("answer");
  server.End();
  // Another connection is accepted, and as deaf.
  Peer late_client(Connect());
  Peer late_server(Accept());
  late_client.Send("question");
  EXPECT_TRUE(client.HasNothing());
  EXPECT_TRUE(server.HasNothing());
  EXPECT_TRUE(late_server.HasNothing());
  proxy_->Cut();
  EXPECT_TRUE(client.IsReset());
  EXPECT_TRUE(late_server.IsReset());
  Peer next_client(Connect());
  Peer next_server(Accept());
  next_client.Send("whole");
  EXPECT_EQ(next_server.Receive(5), "whole");
}

TEST_F(TcpProxyTest, CutsOnAWordOfEitherSide) {
  proxy_->CutOn("COMMIT");
  Peer client(Connect());
  Peer server(Accept());
  client.Send("INSERT");
  EXPECT_EQ(server.Receive(6), "INSERT");
  server.Send("a COMMIT of the other side");
  EXPECT_EQ(client.Receive(26), "a COMMIT of the other side");
  client.Send("the COMMIT");
  EXPECT_TRUE(client.IsReset());
  EXPECT_TRUE(server.IsReset());
  proxy_->CutOn("COMMIT", /*in_answers=*/true);
  Peer next_client(Connect());
  Peer next_server(Accept());
  next_client.Send("COMMIT");
  EXPECT_EQ(next_server.Receive(6), "COMMIT");
  next_server.Send("COMMIT");
  EXPECT_TRUE(next_client.IsReset());
  proxy_->CutOn("");
  Peer last_client(Connect());
  Peer last_server(Accept());
  last_server.Send("COMMIT");
  EXPECT_EQ(last_client.Receive(6), "COMMIT");
}

TEST_F(TcpProxyTest, DripsAFewOctetsAtATime) {
  proxy_->Drip(3);
  Peer client(Connect());
  Peer server(Accept());
  const std::string question(3000, 'q');
  client.Send(question);
  EXPECT_EQ(server.Receive(question.size()), question);
  EXPECT_GE(proxy_->forwards(), 1000u);
  server.Send("answer");
  EXPECT_EQ(client.Receive(6), "answer");
  EXPECT_GE(proxy_->forwards(), 1002u);
}

TEST_F(TcpProxyTest, CarriesMoreThanItsBufferHolds) {
  Peer client(Connect());
  Peer server(Accept());
  const std::string much(size_t{1} << 20, 'm');
  std::thread sender([&] { server.Send(much); });
  EXPECT_EQ(client.Receive(much.size()), much);
  sender.join();
}

}  // namespace
}  // namespace musubi::fakes
