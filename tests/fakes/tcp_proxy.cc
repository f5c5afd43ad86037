#include "tests/fakes/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/check.h"

namespace musubi::fakes {
namespace {

// Octets that wait in one direction before no more are read, and that are forwarded at a time
// unless Drip says less.
constexpr size_t kBuffer = size_t{64} << 10;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int NewSocket(int flags) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  MUSUBI_CHECK(descriptor >= 0, "no socket");
  return descriptor;
}

// Octets are sent as they come, and a close is a reset.
void Prepare(int descriptor) {
  constexpr int kOn = 1;
  constexpr linger kReset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof(kOn));
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &kReset, sizeof(kReset));
}

}  // namespace

TcpProxy::TcpProxy(int server_port)
    : server_port_(server_port),
      listener_(NewSocket(SOCK_NONBLOCK)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      at_a_time_(kBuffer) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  MUSUBI_CHECK(wake_ >= 0 && bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                   listen(listener_, SOMAXCONN) == 0 &&
                   getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
               "no loopback port");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  close(listener_);
  close(wake_);
}

void TcpProxy::Wake() {
  const uint64_t one = 1;
  MUSUBI_CHECK(write(wake_, &one, sizeof(one)) == sizeof(one), "the event is ours");
}

void TcpProxy::HoldAnswers() {
  base::MutexLock lock(mutex_);
  holding_ = true;
}

void TcpProxy::WaitUntilHeld() {
  base::MutexLock lock(mutex_);
  const auto held = [](const Connection& one) { return !one.answer.octets.empty(); };
  while (!holding_ || std::none_of(connections_.begin(), connections_.end(), held)) {
    changed_.Wait(mutex_);
  }
}

void TcpProxy::Release() {
  {
    base::MutexLock lock(mutex_);
    holding_ = false;
  }
  Wake();
}

void TcpProxy::Swallow() {
  base::MutexLock lock(mutex_);
  swallowing_ = true;
}

void TcpProxy::Cut() {
  {
    base::MutexLock lock(mutex_);
    CutAll();
    holding_ = false;
    swallowing_ = false;
  }
  // A socket that is polled closes when the poll is over.
  Wake();
}

void TcpProxy::CutOn(std::string text, bool in_answers) {
  base::MutexLock lock(mutex_);
  cut_on_ = std::move(text);
  cut_on_answers_ = in_answers;
}

void TcpProxy::Drip(size_t octets) {
  base::MutexLock lock(mutex_);
  at_a_time_ = octets;
}

size_t TcpProxy::forwards() {
  base::MutexLock lock(mutex_);
  return forwards_;
}

void TcpProxy::CutAll() {
  for (const Connection& one : connections_) {
    close(one.request.from);
    close(one.request.to);
  }
  connections_.clear();
}

void TcpProxy::Run() {
  while (true) {
    Poll();
    base::MutexLock lock(mutex_);
    if (stopping_) {
      CutAll();
      return;
    }
    Accept();
    for (auto one = connections_.begin(); one != connections_.end();) {
      const bool whole = Receive(one->request) && Receive(one->answer) && Forward(one->request) &&
                         Forward(one->answer);
      const bool over = one->request.forwarded && one->answer.forwarded;
      if (whole && !over) {
        ++one;
        continue;
      }
      close(one->request.from);
      close(one->request.to);
      one = connections_.erase(one);
    }
    changed_.NotifyAll();
  }
}

void TcpProxy::Poll() {
  std::vector<pollfd> waiting = {{.fd = listener_, .events = POLLIN, .revents = 0},
                                 {.fd = wake_, .events = POLLIN, .revents = 0}};
  {
    base::MutexLock lock(mutex_);
    const auto wait_for = [&waiting](int descriptor, bool in, bool out) {
      const auto events = static_cast<int16_t>((in ? POLLIN : 0) | (out ? POLLOUT : 0));
      // With no events, poll would return at once for a socket that is reset.
      if (events != 0) waiting.push_back({.fd = descriptor, .events = events, .revents = 0});
    };
    const auto has_room = [](const Way& way) { return !way.ended && way.octets.size() < kBuffer; };
    for (const Connection& one : connections_) {
      wait_for(one.request.from, has_room(one.request), MayForward(one.answer));
      wait_for(one.request.to, has_room(one.answer), MayForward(one.request));
    }
  }
  MUSUBI_CHECK(poll(waiting.data(), waiting.size(), -1) > 0 || errno == EINTR, "poll fails");
  uint64_t wakes = 0;
  if (read(wake_, &wakes, sizeof(wakes)) < 0) MUSUBI_CHECK(errno == EAGAIN, "the event is ours");
}

void TcpProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = NewSocket(0);
  Prepare(client);
  Prepare(server);
  const sockaddr_in address = Loopback(server_port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(client);
    close(server);
    return;
  }
  connections_.push_back({.request = {.from = client, .to = server, .is_answer = false},
                          .answer = {.from = server, .to = client, .is_answer = true}});
}

bool TcpProxy::MayForward(const Way& way) const {
  if (swallowing_ || (way.is_answer && holding_)) return false;
  return !way.octets.empty() || (way.ended && !way.forwarded);
}

bool TcpProxy::Receive(Way& way) {
  if (way.ended || way.octets.size() >= kBuffer) return true;
  char buffer[kBuffer];
  const ssize_t n = recv(way.from, buffer, kBuffer - way.octets.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (!cut_on_.empty() && way.is_answer == cut_on_answers_ &&
      std::string_view(buffer, static_cast<size_t>(n)).find(cut_on_) != std::string_view::npos) {
    return false;
  }
  if (!swallowing_) way.octets.append(buffer, static_cast<size_t>(n));
  way.ended = n == 0;
  return true;
}

bool TcpProxy::Forward(Way& way) {
  if (!MayForward(way)) return true;
  if (way.octets.empty()) {
    way.forwarded = true;
    return shutdown(way.to, SHUT_WR) == 0;
  }
  const ssize_t n = send(way.to, way.octets.data(), std::min(way.octets.size(), at_a_time_),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  way.octets.erase(0, static_cast<size_t>(n));
  ++forwards_;
  return true;
}

}  // namespace musubi::fakes
