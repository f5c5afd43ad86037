// An HttpClient whose server is a function. Follows every rule of the interface.
#ifndef MUSUBI_TESTS_FAKES_FAKE_HTTP_CLIENT_H_
#define MUSUBI_TESTS_FAKES_FAKE_HTTP_CLIENT_H_

#include <functional>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/http/http_client.h"

namespace musubi::fakes {

// FakeHttpClient hands each request to its handler, on the caller's thread and without a lock held:
// a handler may block, and must be thread-safe if the test is not alone.
class FakeHttpClient final : public http::HttpClient {
 public:
  using Handler = std::function<absl::StatusOr<http::Response>(const http::Request&)>;

  explicit FakeHttpClient(Handler handler) : handler_(std::move(handler)) {}

  void SendAsync(http::Request request, Done done) override { done(Answer(request)); }

  // What was sent so far.
  std::vector<http::Request> requests() const {
    base::MutexLock lock(mutex_);
    return requests_;
  }

 private:
  absl::StatusOr<http::Response> Answer(const http::Request& request) {
    MUSUBI_RETURN_IF_ERROR(http::CheckRequest(request));
    {
      base::MutexLock lock(mutex_);
      requests_.push_back(request);
    }
    auto response = handler_(request);
    if (response.ok() && response->body.size() > request.max_response_size) {
      return absl::ResourceExhaustedError("fake HTTP: too large");
    }
    if (response.ok() && request.body_sink && response->status_code == 200) {
      if (!request.body_sink(response->body)) return absl::AbortedError("fake HTTP: ended");
      response->body.clear();
    }
    return response;
  }

  const Handler handler_;
  mutable base::Mutex mutex_;
  std::vector<http::Request> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_FAKE_HTTP_CLIENT_H_
