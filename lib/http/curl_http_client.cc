#include "lib/http/curl_http_client.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"

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

// One request on its way. Lives on the stack of Send; the event thread owns `easy` between Start
// and Finish.
struct Transfer {
  std::unique_ptr<CURL, EasyDeleter> easy;
  std::unique_ptr<curl_slist, ListDeleter> headers;
  const Request* request = nullptr;
  size_t received = 0;
  Response response;
  bool too_large = false;
  bool sink_refused = false;
  bool done = false;  // Guarded by the loop's mutex, as is `status`.
  absl::Status status;
  base::CondVar finished;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const size_t length = size * count;
  if (length > transfer->request->max_response_size - transfer->received) {
    transfer->too_large = true;
    return 0;  // Ends the transfer with CURLE_WRITE_ERROR.
  }
  transfer->received += length;
  long status = 0;
  curl_easy_getinfo(transfer->easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (!transfer->request->body_sink || status != 200) {
    transfer->response.body.append(data, length);
    return length;
  }
  transfer->sink_refused = !transfer->request->body_sink({data, length});
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
absl::Status Prepare(const Request& request, absl::Duration connect_timeout, Transfer& transfer) {
  transfer.easy.reset(curl_easy_init());
  transfer.request = &request;
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
    // Callers whose transfers ended are still on their way out.
    base::MutexLock lock(mutex_);
    while (callers_ > 0) left_.Wait(mutex_);
  }

  void Stop() {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_.get());
  }

  // Do blocks until `transfer` is done.
  absl::Status Do(Transfer& transfer) {
    base::MutexLock lock(mutex_);
    if (stopping_) return Stopped();
    ++callers_;
    waiting_.push_back(&transfer);
    curl_multi_wakeup(multi_.get());
    while (!transfer.done) transfer.finished.Wait(mutex_);
    if (--callers_ == 0) left_.NotifyAll();
    return transfer.status;
  }

  const Options& options() const { return options_; }

 private:
  void Run() {
    std::vector<Transfer*> running;
    while (Start(running)) {
      int still_running = 0;
      curl_multi_perform(multi_.get(), &still_running);
      int left = 0;
      while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        Transfer* transfer = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        std::erase(running, transfer);
        Finish(*transfer, ToStatus(message->data.result, *transfer));
      }
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr);
    }
    for (Transfer* transfer : running) {
      Finish(*transfer, Stopped());
    }
  }

  static absl::Status Stopped() { return absl::CancelledError("HTTP: the client has stopped"); }

  // Hands what waits to libcurl. False when the loop is to stop.
  bool Start(std::vector<Transfer*>& running) {
    std::vector<Transfer*> fresh;
    bool stopping = false;
    {
      base::MutexLock lock(mutex_);
      fresh.swap(waiting_);
      stopping = stopping_;
    }
    for (Transfer* transfer : fresh) {
      curl_multi_add_handle(multi_.get(), transfer->easy.get());
      running.push_back(transfer);
    }
    return !stopping;
  }

  void Finish(Transfer& transfer, absl::Status status) {
    long code = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &code);
    curl_multi_remove_handle(multi_.get(), transfer.easy.get());
    base::MutexLock lock(mutex_);
    transfer.response.status_code = static_cast<int>(code);
    transfer.status = std::move(status);
    transfer.done = true;
    // Under the lock: the waiter owns the condition and may take it away right after.
    transfer.finished.NotifyOne();
  }

  const Options options_;
  const std::unique_ptr<CURLM, MultiDeleter> multi_;
  base::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int callers_ ABSL_GUARDED_BY(mutex_) = 0;
  base::CondVar left_;
  std::vector<Transfer*> waiting_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

CurlHttpClient::CurlHttpClient(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
CurlHttpClient::~CurlHttpClient() = default;

void CurlHttpClient::Stop() { loop_->Stop(); }

absl::StatusOr<std::unique_ptr<CurlHttpClient>> CurlHttpClient::Create(Options options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) return absl::InternalError("HTTP: curl_global_init failed");
  std::unique_ptr<CURLM, MultiDeleter> multi(curl_multi_init());
  if (multi == nullptr || curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS,
                                            long{options.max_idle_connections}) != CURLM_OK) {
    return absl::InternalError("HTTP: curl_multi_init failed");
  }
  return std::unique_ptr<CurlHttpClient>(
      new CurlHttpClient(std::make_unique<Loop>(std::move(multi), options)));
}

absl::StatusOr<Response> CurlHttpClient::Send(const Request& request) {
  MUSUBI_RETURN_IF_ERROR(CheckRequest(request));
  if (request.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("HTTP: no time left");
  }
  Transfer transfer;
  MUSUBI_RETURN_IF_ERROR(Prepare(request, loop_->options().connect_timeout, transfer));
  MUSUBI_RETURN_IF_ERROR(loop_->Do(transfer));
  return std::move(transfer.response);
}

}  // namespace musubi::http
