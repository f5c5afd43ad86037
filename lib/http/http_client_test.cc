#include "lib/http/http_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/http/curl_http_client.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/loopback_server.h"

namespace musubi::http {
namespace {

constexpr size_t kBigSize = 5000;

// What both servers of the contract do.
fakes::LoopbackServer::Answer Serve(const Request& request, const std::string& path) {
  if (path == "/echo") return {.body = request.content_type + "|" + request.body};
  if (path == "/get") return {.body = request.method == Method::kGet ? "GET" : "POST"};
  if (path == "/trace") return {.body = request.traceparent};
  if (path == "/big") return {.body = std::string(kBigSize, 'x')};
  if (path == "/tagged") {
    if (request.if_none_match == "\"a tag\"") return {.status_code = 304};
    return {.body = "tagged", .etag = "\"a tag\""};
  }
  if (path == "/moved") return {.status_code = 302, .location = "/get"};
  if (path == "/broken") return {.status_code = 500, .body = "sorry"};
  return {.status_code = 404};
}

// A client and the URL of a server that it reaches.
struct Subject {
  std::unique_ptr<fakes::LoopbackServer> server;
  std::unique_ptr<HttpClient> client;
  std::string url;
};

Subject CurlSubject() {
  Subject subject;
  subject.server = std::make_unique<fakes::LoopbackServer>(
      [](const Request& request) { return Serve(request, request.url); });
  subject.client = *CurlHttpClient::Create();
  subject.url = subject.server->url();
  return subject;
}

Subject FakeSubject() {
  Subject subject;
  subject.url = "http://responder.example";
  const size_t prefix = subject.url.size();
  subject.client = std::make_unique<fakes::FakeHttpClient>(
      [prefix](const Request& request) -> absl::StatusOr<Response> {
        const auto answer = Serve(request, request.url.substr(prefix));
        return Response{answer.status_code, answer.body, answer.etag};
      });
  return subject;
}

struct Implementation {
  const char* name;
  std::function<Subject()> make;
};

class HttpClientContract : public testing::TestWithParam<Implementation> {
 protected:
  absl::StatusOr<Response> Get(const std::string& path) {
    return subject_.client->Send({.url = subject_.url + path});
  }

  Subject subject_ = GetParam().make();
};

TEST_P(HttpClientContract, PostsABodyWithItsContentType) {
  const auto response = subject_.client->Send({.method = Method::kPost,
                                               .url = subject_.url + "/echo",
                                               .content_type = "application/ocsp-request",
                                               .body = std::string("a\0b", 3)});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status_code, 200);
  EXPECT_EQ(response->body, std::string("application/ocsp-request|a\0b", 28));
}

TEST_P(HttpClientContract, SendsATraceparentIfThereIsOne) {
  EXPECT_EQ(Get("/trace")->body, "");
  const auto response =
      subject_.client->Send({.url = subject_.url + "/trace", .traceparent = "00-ab-cd-01"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "00-ab-cd-01");
  EXPECT_EQ(subject_.client->Send({.url = subject_.url + "/trace", .traceparent = "x\r\nY: z"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(HttpClientContract, Gets) {
  const auto response = Get("/get");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "GET");
}

TEST_P(HttpClientContract, AnswersOtherThan2xxAreAnswers) {
  EXPECT_EQ(Get("/nowhere")->status_code, 404);
  const auto response = Get("/broken");
  EXPECT_EQ(response->status_code, 500);
  EXPECT_EQ(response->body, "sorry");
}

TEST_P(HttpClientContract, FollowsNoRedirect) { EXPECT_EQ(Get("/moved")->status_code, 302); }

TEST_P(HttpClientContract, TakesAnAnswerOfExactlyTheAllowedSizeAndNoMore) {
  Request request{.url = subject_.url + "/big", .max_response_size = kBigSize};
  const auto response = subject_.client->Send(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body.size(), kBigSize);
  request.max_response_size = kBigSize - 1;
  EXPECT_EQ(subject_.client->Send(request).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_P(HttpClientContract, SendsTheTagOfWhatItHasAndTellsTheNewOne) {
  const auto first = Get("/tagged");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->etag, "\"a tag\"");
  EXPECT_EQ(Get("/get")->etag, "");
  const auto again =
      subject_.client->Send({.url = subject_.url + "/tagged", .if_none_match = first->etag});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->status_code, 304);
  EXPECT_EQ(subject_.client->Send({.url = subject_.url + "/tagged", .if_none_match = "\"\r\nX: y"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(HttpClientContract, ASinkGetsTheBodyOfA200AndNoOther) {
  std::string received;
  Request request{.url = subject_.url + "/big",
                  .max_response_size = kBigSize,
                  .body_sink = [&received](std::string_view piece) {
                    received += piece;
                    return true;
                  }};
  const auto response = subject_.client->Send(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(received.size(), kBigSize);
  request.max_response_size = kBigSize - 1;
  EXPECT_EQ(subject_.client->Send(request).status().code(), absl::StatusCode::kResourceExhausted);
  received.clear();
  request.url = subject_.url + "/broken";
  EXPECT_EQ(subject_.client->Send(request)->body, "sorry");
  EXPECT_EQ(received, "");
  request.url = subject_.url + "/get";
  request.body_sink = [](std::string_view) { return false; };
  EXPECT_EQ(subject_.client->Send(request).status().code(), absl::StatusCode::kAborted);
}

TEST_P(HttpClientContract, RefusesWhatIsNoPlainHttpRequest) {
  const std::string bad[] = {"",
                             "/path",
                             "ftp://responder.example/",
                             "file:///etc/hostname",
                             "http://",
                             "http:///path",
                             "http://:80/",
                             "http://user:word@responder.example/",
                             "http://responder.example/a b",
                             "http://responder.example/\r\nX: y",
                             "http://responder.example/" + std::string(2048, 'x')};
  for (const std::string& url : bad) {
    EXPECT_EQ(subject_.client->Send({.url = url}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << url;
  }
  EXPECT_EQ(subject_.client
                ->Send({.method = Method::kPost,
                        .url = subject_.url + "/echo",
                        .content_type = "text/plain\r\nX: y"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(subject_.client->Send({.url = subject_.url + "/get", .body = "GETs have none"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(HttpClientContract, WithoutTimeItAsksNothing) {
  EXPECT_EQ(subject_.client->Send({.url = subject_.url + "/get", .timeout = absl::ZeroDuration()})
                .status()
                .code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_P(HttpClientContract, AskedWithoutWaitingItHandsOnAnswersAndErrorsOnceEach) {
  std::vector<std::promise<absl::StatusOr<Response>>> promises(3);  // A second answer throws.
  const std::string urls[] = {subject_.url + "/get", "no URL", subject_.url + "/broken"};
  for (size_t i = 0; i < promises.size(); ++i) {
    subject_.client->SendAsync({.url = urls[i]}, [&, i](absl::StatusOr<Response> response) {
      promises[i].set_value(std::move(response));
    });
  }
  EXPECT_EQ(promises[0].get_future().get()->body, "GET");
  EXPECT_EQ(promises[1].get_future().get().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(promises[2].get_future().get()->status_code, 500);
}

TEST_P(HttpClientContract, WhoGetsAnAnswerMaySendAgain) {
  std::promise<absl::StatusOr<Response>> promise;
  subject_.client->SendAsync({.url = subject_.url + "/moved"}, [&](absl::StatusOr<Response>) {
    subject_.client->SendAsync(
        {.url = subject_.url + "/get"},
        [&](absl::StatusOr<Response> response) { promise.set_value(std::move(response)); });
  });
  EXPECT_EQ(promise.get_future().get()->body, "GET");
}

INSTANTIATE_TEST_SUITE_P(All, HttpClientContract,
                         testing::Values(Implementation{"Curl", CurlSubject},
                                         Implementation{"Fake", FakeSubject}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(CurlHttpClient, AServerThatNeverAnswersIsDeadlineExceeded) {
  base::Mutex mutex;
  base::CondVar changed;
  bool over = false;
  fakes::LoopbackServer server([&](const Request&) -> fakes::LoopbackServer::Answer {
    base::MutexLock lock(mutex);
    while (!over) changed.Wait(mutex);
    return {};
  });
  auto client = *CurlHttpClient::Create();
  EXPECT_EQ(
      client->Send({.url = server.url() + "/", .timeout = absl::Milliseconds(50)}).status().code(),
      absl::StatusCode::kDeadlineExceeded);
  base::MutexLock lock(mutex);
  over = true;
  changed.NotifyAll();
}

TEST(CurlHttpClient, APortWhereNobodyListensIsUnavailable) {
  fakes::UnservedUrl nobody;
  auto client = *CurlHttpClient::Create();
  EXPECT_EQ(client->Send({.url = nobody.url() + "/"}).status().code(),
            absl::StatusCode::kUnavailable);
}

// Whether what Send is doing when `end` comes is CANCELLED.
void ExpectEnds(const std::function<void(std::unique_ptr<CurlHttpClient>&)>& end) {
  base::Mutex mutex;
  base::CondVar changed;
  bool arrived = false, over = false;
  fakes::LoopbackServer server([&](const Request&) -> fakes::LoopbackServer::Answer {
    base::MutexLock lock(mutex);
    arrived = true;
    changed.NotifyAll();
    while (!over) changed.Wait(mutex);
    return {};
  });
  auto client = *CurlHttpClient::Create();
  absl::StatusCode code = absl::StatusCode::kOk;
  HttpClient* shared = client.get();
  std::thread sender([&] {
    code = shared->Send({.url = server.url() + "/", .timeout = absl::Minutes(5)}).status().code();
  });
  {
    base::MutexLock lock(mutex);
    while (!arrived) changed.Wait(mutex);
  }
  end(client);
  sender.join();
  EXPECT_EQ(code, absl::StatusCode::kCancelled);
  base::MutexLock lock(mutex);
  over = true;
  changed.NotifyAll();
}

TEST(CurlHttpClient, ItsEndEndsRunningTransfers) {
  ExpectEnds([](std::unique_ptr<CurlHttpClient>& client) { client.reset(); });
}

TEST(CurlHttpClient, StopEndsRunningTransfersAndAllThatComeLater) {
  ExpectEnds([](std::unique_ptr<CurlHttpClient>& client) {
    client->Stop();
    client->Stop();
    EXPECT_EQ(client->Send({.url = "http://127.0.0.1/"}).status().code(),
              absl::StatusCode::kCancelled);
  });
}

TEST(CurlHttpClient, IgnoresTheProxyOfTheEnvironment) {
  fakes::UnservedUrl nobody;
  setenv("http_proxy", nobody.url().c_str(), 1);
  Subject subject = CurlSubject();
  EXPECT_TRUE(subject.client->Send({.url = subject.url + "/get"}).ok());
  unsetenv("http_proxy");
}

// A server that says nothing until it is let go.
class SilentServer {
 public:
  ~SilentServer() { Release(); }

  void Release() {
    base::MutexLock lock(mutex_);
    silent_ = false;
    changed_.NotifyAll();
  }
  void WaitForRequests(int count) {
    base::MutexLock lock(mutex_);
    while (in_work_ < count) changed_.Wait(mutex_);
  }
  int max_in_work() const {
    base::MutexLock lock(mutex_);
    return max_in_work_;
  }
  const std::string& url() const { return server_.url(); }

 private:
  fakes::LoopbackServer::Answer Serve(const Request& request) {
    if (request.url == "/at-once") return {};
    base::MutexLock lock(mutex_);
    max_in_work_ = std::max(max_in_work_, ++in_work_);
    changed_.NotifyAll();
    while (silent_) changed_.Wait(mutex_);
    --in_work_;
    return {};
  }

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool silent_ ABSL_GUARDED_BY(mutex_) = true;
  int in_work_ ABSL_GUARDED_BY(mutex_) = 0;
  int max_in_work_ ABSL_GUARDED_BY(mutex_) = 0;
  fakes::LoopbackServer server_{[this](const Request& request) { return Serve(request); }};
};

size_t Threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST(CurlHttpClient, AThousandRequestsAtASilentServerNeedNoThreadEach) {
  constexpr int kRequests = 1000;
  SilentServer server;
  auto client = *CurlHttpClient::Create();
  // The server has all its threads now.
  ASSERT_TRUE(client->Send({.url = server.url() + "/at-once"}).ok());
  const size_t threads = Threads();
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < kRequests; ++i) {
    client->SendAsync({.url = server.url() + "/", .timeout = absl::Minutes(5)},
                      [&](const absl::StatusOr<Response>& response) {
                        if (absl::IsCancelled(response.status())) ++cancelled;
                      });
  }
  server.WaitForRequests(2);
  EXPECT_EQ(Threads(), threads);
  EXPECT_EQ(cancelled, 0);
  client.reset();
  EXPECT_EQ(cancelled, kRequests);
}

TEST(CurlHttpClient, WhatExceedsItsConnectionsWaitsForOne) {
  for (const CurlHttpClient::Options options :
       {CurlHttpClient::Options{.max_connections_per_host = 2},
        CurlHttpClient::Options{.max_connections = 2}}) {
    SilentServer server;
    auto client = *CurlHttpClient::Create(options);
    std::vector<std::promise<absl::StatusOr<Response>>> promises(6);
    for (auto& promise : promises) {
      client->SendAsync(
          {.url = server.url() + "/", .timeout = absl::Minutes(5)},
          [&](absl::StatusOr<Response> response) { promise.set_value(std::move(response)); });
    }
    server.WaitForRequests(2);
    server.Release();
    for (auto& promise : promises) EXPECT_TRUE(promise.get_future().get().ok());
    EXPECT_EQ(server.max_in_work(), 2);
  }
}

TEST(CurlHttpClient, ServesManyThreadsAtOnce) {
  Subject subject = CurlSubject();
  std::vector<std::thread> threads;
  std::vector<int> codes(8, 0);
  for (size_t i = 0; i < codes.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const auto response = subject.client->Send({.url = subject.url + "/get"});
        codes[i] = response.ok() ? response->status_code : -1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(codes, std::vector<int>(8, 200));
}

}  // namespace
}  // namespace musubi::http
