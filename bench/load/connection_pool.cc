#include "bench/load/connection_pool.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace musubi::bench::load {
namespace {

// gRPC's own connection backoff starts at a second; a replica that restarts is back sooner.
constexpr base::SteadyDuration kFirstBackoff = std::chrono::milliseconds(50);
constexpr base::SteadyDuration kLargestBackoff = std::chrono::seconds(2);
// While everybody connects.
constexpr base::SteadyDuration kLongestWait = std::chrono::milliseconds(100);

}  // namespace

ConnectionPool::ConnectionPool(Options options, int epoll, base::SecureRandom& random)
    : options_(std::move(options)),
      epoll_(epoll),
      backoff_(kFirstBackoff, kLargestBackoff, random),
      endpoints_(options_.connections) {
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    endpoints_[i].address = &options_.targets[i % options_.targets.size()];
  }
}

ConnectionPool::~ConnectionPool() {
  endpoints_.clear();
  draining_.clear();
  close(epoll_);
}

absl::StatusOr<std::unique_ptr<ConnectionPool>> ConnectionPool::Create(Options options,
                                                                       base::SecureRandom& random) {
  // An open loop sends to the microsecond: by default the kernel wakes 50 us late.
  prctl(PR_SET_TIMERSLACK, 1);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return absl::UnavailableError(std::string("no epoll: ") + std::strerror(errno));
  std::unique_ptr<ConnectionPool> pool(new ConnectionPool(std::move(options), epoll, random));
  for (Endpoint& endpoint : pool->endpoints_) {
    if (absl::Status status = pool->Connect(endpoint); !status.ok()) return status;
  }
  return pool;
}

absl::Status ConnectionPool::WaitForAll(absl::Duration timeout) {
  const base::SteadyTime end = base::SteadyNow() + base::ToSteady(timeout);
  while (true) {
    Flush();
    const auto waiting = std::find_if(endpoints_.begin(), endpoints_.end(),
                                      [](const Endpoint& endpoint) { return !endpoint.ready; });
    if (waiting == endpoints_.end()) return absl::OkStatus();
    const base::SteadyTime now = base::SteadyNow();
    if (now >= end) {
      return absl::UnavailableError("no HTTP/2 server answers at " + waiting->address->text);
    }
    Turn(std::min(end, now + kLongestWait));
  }
}

ConnectionPool::Endpoint* ConnectionPool::EndpointOf(const Http2Connection& connection) {
  const auto found =
      std::find_if(endpoints_.begin(), endpoints_.end(),
                   [&](const Endpoint& endpoint) { return endpoint.current.get() == &connection; });
  return found == endpoints_.end() ? nullptr : &*found;
}

absl::Status ConnectionPool::Connect(Endpoint& endpoint) {
  endpoint.ready = false;
  absl::StatusOr<std::unique_ptr<Socket>> socket = Socket::Connect(*endpoint.address, options_.tls);
  if (!socket.ok()) return socket.status();
  absl::StatusOr<std::unique_ptr<Http2Connection>> connection =
      Http2Connection::Create(*std::move(socket), *this);
  if (!connection.ok()) return connection.status();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = connection->get();
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, (*connection)->fd(), &event) != 0) {
    return absl::UnavailableError(std::string("epoll takes no more: ") + std::strerror(errno));
  }
  endpoint.current = *std::move(connection);
  OnDirty(*endpoint.current);
  return absl::OkStatus();
}

void ConnectionPool::Reconnect(base::SteadyTime now) {
  for (Endpoint& endpoint : endpoints_) {
    if (endpoint.current != nullptr || endpoint.connect_at > now || Connect(endpoint).ok())
      continue;
    ++counts_.failed;
    endpoint.connect_at = now + backoff_.After(++endpoint.failures);
  }
}

void ConnectionPool::Turn(base::SteadyTime until) {
  const base::SteadyTime now = base::SteadyNow();
  if (reap_) {
    const auto closed = [](const auto& connection) { return connection->closed(); };
    std::erase_if(dirty_, [](const Http2Connection* connection) { return connection->closed(); });
    std::erase_if(draining_, closed);
    reap_ = false;
  }
  // A place without a connection waits for its time to make one.
  for (const Endpoint& endpoint : endpoints_) {
    if (endpoint.current == nullptr) until = std::min(until, endpoint.connect_at);
  }
  // `until` may be the beginning of time, from which no difference is to be taken.
  const std::chrono::nanoseconds wait =
      until > now ? std::chrono::nanoseconds(until - now) : std::chrono::nanoseconds(0);
  const timespec timeout{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
  std::array<epoll_event, 64> events;
  const int count = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    static_cast<Http2Connection*>(event.data.ptr)->HandleEvents(event.events);
  }
  Reconnect(base::SteadyNow());
}

void ConnectionPool::Flush() {
  // What is flushed may make others dirty, at the end of the same list.
  for (size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->Flush();
  dirty_.clear();
}

void ConnectionPool::OnDirty(Http2Connection& connection) { dirty_.push_back(&connection); }

void ConnectionPool::OnReady(Http2Connection& connection) {
  Endpoint* const endpoint = EndpointOf(connection);
  if (endpoint == nullptr || endpoint->ready) return;
  ++counts_.connected;
  endpoint->ready = true;
  endpoint->failures = 0;
}

void ConnectionPool::OnDraining(Http2Connection& connection) {
  ++counts_.goaways;
  Endpoint* const endpoint = EndpointOf(connection);
  if (endpoint == nullptr) return;
  draining_.push_back(std::move(endpoint->current));
  endpoint->connect_at = base::SteadyNow();
}

void ConnectionPool::OnClosed(Http2Connection& connection) {
  reap_ = true;
  Endpoint* const endpoint = EndpointOf(connection);
  if (endpoint == nullptr) return;
  ++(endpoint->ready ? counts_.lost : counts_.failed);
  draining_.push_back(std::move(endpoint->current));
  // One that worked is made anew at once: its server may be there. Then with patience.
  endpoint->connect_at = base::SteadyNow();
  if (!endpoint->ready) endpoint->connect_at += backoff_.After(++endpoint->failures);
}

}  // namespace musubi::bench::load
