// An HttpClient that holds every request until the test answers it.
#ifndef MUSUBI_TESTS_FAKES_HELD_HTTP_CLIENT_H_
#define MUSUBI_TESTS_FAKES_HELD_HTTP_CLIENT_H_

#include <algorithm>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "lib/http/http_client.h"

namespace musubi::fakes {

// HeldHttpClient is thread-safe. An answer is handed on by the thread that gives it. What is held
// in the end is CANCELLED.
class HeldHttpClient final : public http::HttpClient {
 public:
  using Server = std::function<absl::StatusOr<http::Response>(const http::Request&)>;

  ~HeldHttpClient() override {
    while (held() > 0) {
      Answer("", [](const auto&) { return absl::CancelledError("fake HTTP: the end"); });
    }
  }

  void AddTrace(http::Request& request) const override { request.traceparent = "of-the-caller"; }
  void SendAsync(http::Request request, Done done) override {
    const absl::Status status = http::CheckRequest(request);
    if (!status.ok()) return done(status);
    base::MutexLock lock(mutex_);
    sent_.push_back(request.url);
    held_.push_back({std::move(request), std::move(done)});
    changed_.NotifyAll();
  }

  // Answers the oldest request for `url` (empty: for any), which must be there.
  void Answer(const std::string& url, const Server& server) {
    const Held held = Take(url);
    held.done(server(held.request));
  }
  // The same, once it is there. False: Close was called, and nothing is held.
  bool AnswerNext(const Server& server) {
    {
      base::MutexLock lock(mutex_);
      while (held_.empty() && !closed_) changed_.Wait(mutex_);
      if (held_.empty()) return false;
    }
    Answer("", server);
    return true;
  }
  void Close() {
    base::MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }

  size_t held() const {
    base::MutexLock lock(mutex_);
    return held_.size();
  }
  // The newest.
  http::Request last() const {
    base::MutexLock lock(mutex_);
    MUSUBI_CHECK(!held_.empty(), "no request is held");
    return held_.back().request;
  }
  // The URLs of all that was sent.
  std::vector<std::string> sent() const {
    base::MutexLock lock(mutex_);
    return sent_;
  }

 private:
  struct Held {
    http::Request request;
    Done done;
  };

  Held Take(const std::string& url) {
    base::MutexLock lock(mutex_);
    const auto found = std::ranges::find_if(
        held_, [&](const Held& held) { return url.empty() || held.request.url == url; });
    MUSUBI_CHECK(found != held_.end(), "no such request is held");
    Held held = std::move(*found);
    held_.erase(found);
    return held;
  }

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Held> held_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> sent_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_HELD_HTTP_CLIENT_H_
