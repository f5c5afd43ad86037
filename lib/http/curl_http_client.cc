#include "lib/http/curl_http_client.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"

namespace musubi::http {
namespace {

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// The event thread sleeps at most this long without a socket event or a wake-up.
constexpr int kPollMilliseconds = 1000;

long Milliseconds(absl::Duration duration) {
  // libcurl takes 0 for "no limit".
  return static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(duration)));
}

// One request on its way. The event thread owns it from Loop::Start on.
struct Transfer {
  Request request;
  HttpClient::Done done;
  std::unique_ptr<CURL, EasyDeleter> easy = {};
  std::unique_ptr<curl_slist, ListDeleter> headers = {};
  size_t received = 0;
  Response response = {};
  bool too_large = false;
  bool sink_refused = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const size_t length = size * count;
  if (length > transfer->request.max_response_size - transfer->received) {
    transfer->too_large = true;
    return 0;  // Ends the transfer with CURLE_WRITE_ERROR.
  }
  transfer->received += length;
  long status = 0;
  curl_easy_getinfo(transfer->easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (!transfer->request.body_sink || status != 200) {
    transfer->response.body.append(data, length);
    return length;
  }
  transfer->sink_refused = !transfer->request.body_sink({data, length});
  return transfer->sink_refused ? 0 : length;
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  constexpr std::string_view kName = "etag:";
  const std::string_view line(data, size * count);
  if (line.size() <= kName.size() || strncasecmp(data, kName.data(), kName.size()) != 0) {
    return line.size();
  }
  std::string_view value = line.substr(kName.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) {
    value.remove_suffix(1);
  }
  static_cast<Transfer*>(user)->response.etag = std::string(value);
  return line.size();
}

absl::Status ToStatus(CURLcode code, const Transfer& transfer) {
  if (transfer.too_large) {
    return absl::ResourceExhaustedError("HTTP: the answer is larger than allowed");
  }
  if (transfer.sink_refused) return absl::AbortedError("HTTP: the receiver ended the request");
  if (code == CURLE_OK) return absl::OkStatus();
  const std::string text = std::string("HTTP: ") + curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(text);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// Prepare is INTERNAL if libcurl refuses an option.
absl::Status Prepare(absl::Duration connect_timeout, Transfer& transfer) {
  const Request& request = transfer.request;
  transfer.easy.reset(curl_easy_init());
  CURL* easy = transfer.easy.get();
  if (easy == nullptr) return absl::InternalError("HTTP: curl_easy_init failed");
  bool ok = true;
  auto set = [&ok, easy](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");  // Not even the one of the environment.
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, Milliseconds(request.timeout));
  set(CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(std::min(connect_timeout, request.timeout)));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_WRITEFUNCTION, &OnBody);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, &OnHeader);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_PRIVATE, static_cast<void*>(&transfer));
  auto add_header = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(transfer.headers.get(), line.c_str());
    ok = ok && longer != nullptr;
    if (longer != nullptr) {
      (void)transfer.headers.release();
      transfer.headers.reset(longer);
    }
  };
  if (request.method == Method::kPost) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    add_header("Expect:");  // One round trip, whatever the size.
    // An empty value takes away the form type that libcurl would send.
    add_header("Content-Type:" + (request.content_type.empty() ? "" : " " + request.content_type));
  }
  if (!request.traceparent.empty()) add_header("traceparent: " + request.traceparent);
  if (!request.if_none_match.empty()) add_header("If-None-Match: " + request.if_none_match);
  set(CURLOPT_HTTPHEADER, transfer.headers.get());
  return ok ? absl::OkStatus() : absl::InternalError("HTTP: libcurl refuses an option");
}

}  // namespace

// Loop owns the multi handle: only its thread touches it, but for curl_multi_wakeup.
class CurlHttpClient::Loop {
 public:
  Loop(std::unique_ptr<CURLM, MultiDeleter> multi, Options options)
      : options_(options), multi_(std::move(multi)), thread_([this] { Run(); }) {}

  ~Loop() {
    Stop();
    thread_.join();
  }

  void Stop() {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_.get());
  }

  void Start(std::unique_ptr<Transfer> transfer) {
    if (!Enqueue(transfer)) return transfer->done(Stopped());
    curl_multi_wakeup(multi_.get());
  }

  const Options& options() const { return options_; }

 private:
  void Run() {
    while (AddWaiting()) {
      int still_running = 0;
      curl_multi_perform(multi_.get(), &still_running);
      int left = 0;
      while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;  // Gone with the handle.
        Finish(message->easy_handle, [code](const Transfer& t) { return ToStatus(code, t); });
      }
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr);
    }
    while (!running_.empty()) {
      Finish(running_.begin()->first, [](const Transfer&) { return Stopped(); });
    }
  }

  // False, and `transfer` stays, when the loop is to stop.
  bool Enqueue(std::unique_ptr<Transfer>& transfer) {
    base::MutexLock lock(mutex_);
    if (stopping_) return false;
    waiting_.push_back(std::move(transfer));
    return true;
  }

  static absl::Status Stopped() { return absl::CancelledError("HTTP: the client has stopped"); }

  // Hands what waits to libcurl. False when the loop is to stop.
  bool AddWaiting() {
    std::vector<std::unique_ptr<Transfer>> fresh;
    bool stopping = false;
    {
      base::MutexLock lock(mutex_);
      fresh.swap(waiting_);
      stopping = stopping_;
    }
    for (std::unique_ptr<Transfer>& transfer : fresh) {
      CURL* easy = transfer->easy.get();
      curl_multi_add_handle(multi_.get(), easy);
      running_.emplace(easy, std::move(transfer));
    }
    return !stopping;
  }

  template <typename StatusFn>
  void Finish(CURL* easy, StatusFn status_of) {
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    curl_multi_remove_handle(multi_.get(), easy);
    const std::unique_ptr<Transfer> transfer = std::move(running_.extract(easy).mapped());
    transfer->response.status_code = static_cast<int>(code);
    const absl::Status status = status_of(*transfer);
    if (!status.ok()) return transfer->done(status);
    transfer->done(std::move(transfer->response));
  }

  const Options options_;
  const std::unique_ptr<CURLM, MultiDeleter> multi_;
  base::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Transfer>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> running_;  // The thread's.
  std::thread thread_;
};

CurlHttpClient::CurlHttpClient(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
CurlHttpClient::~CurlHttpClient() = default;

void CurlHttpClient::Stop() { loop_->Stop(); }

absl::StatusOr<std::unique_ptr<CurlHttpClient>> CurlHttpClient::Create(Options options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) return absl::InternalError("HTTP: curl_global_init failed");
  std::unique_ptr<CURLM, MultiDeleter> multi(curl_multi_init());
  bool ok = multi != nullptr;
  auto set = [&](CURLMoption option, int value) {
    ok = ok && curl_multi_setopt(multi.get(), option, long{value}) == CURLM_OK;
  };
  set(CURLMOPT_MAXCONNECTS, options.max_idle_connections);
  set(CURLMOPT_MAX_HOST_CONNECTIONS, options.max_connections_per_host);
  set(CURLMOPT_MAX_TOTAL_CONNECTIONS, options.max_connections);
  if (!ok) return absl::InternalError("HTTP: curl_multi_init failed");
  return std::unique_ptr<CurlHttpClient>(
      new CurlHttpClient(std::make_unique<Loop>(std::move(multi), options)));
}

void CurlHttpClient::SendAsync(Request request, Done done) {
  auto transfer = std::make_unique<Transfer>(Transfer{std::move(request), std::move(done)});
  absl::Status status = CheckRequest(transfer->request);
  if (status.ok()) status = Prepare(loop_->options().connect_timeout, *transfer);
  if (!status.ok()) return transfer->done(std::move(status));
  loop_->Start(std::move(transfer));
}

}  // namespace musubi::http
