#include "sandbox/ocsp_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/mutex.h"
#include "lib/base/steady_time.h"
#include "sandbox/json.h"

namespace musubi::sandbox {
namespace {

// As many requests are held back at once as a verifier under load asks; httplib's own number is
// that of cores.
constexpr size_t kThreads = 64;

std::string UrlOf(int port, const std::string& anchor) {
  return absl::StrCat("http://127.0.0.1:", port, "/", anchor);
}

// Lets a port be bound by several sockets of ours, of which one listens. httplib's own choice,
// SO_REUSEPORT, would let several listen.
void AllowReuse(int socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

// PortHolder keeps a port of 127.0.0.1 bound without listening: connections are refused, and
// nobody else is given the port.
class PortHolder {
 public:
  // port() is 0 if it could not be had.
  explicit PortHolder(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    AllowReuse(socket_);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_, generic, size) == 0 && getsockname(socket_, generic, &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
  }
  ~PortHolder() { close(socket_); }
  PortHolder(const PortHolder&) = delete;
  PortHolder& operator=(const PortHolder&) = delete;

  int port() const { return port_; }

 private:
  const int socket_;
  int port_ = 0;
};

// Listener serves while it lives.
class Listener {
 public:
  // Nothing if somebody else listens.
  static std::unique_ptr<Listener> Start(int port, httplib::Server::Handler handler) {
    std::unique_ptr<Listener> listener(new Listener());
    httplib::Server& http = listener->http_;
    http.set_tcp_nodelay(true);  // Or the client waits 40 ms for the second write.
    http.set_socket_options(AllowReuse);
    http.set_payload_max_length(kMaxOcspRequestSize);
    // A connection that idles would keep the server from stopping.
    http.set_keep_alive_max_count(1);
    http.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    http.Post(R"(/((?:auth|sign)-\d\d))", std::move(handler));
    if (!http.bind_to_port("127.0.0.1", port)) return nullptr;
    // The socket listens already: a client that comes before the thread is served waits in its
    // queue.
    listener->thread_ = std::thread([&http] { http.listen_after_bind(); });
    return listener;
  }
  ~Listener() {
    if (!thread_.joinable()) return;
    // Stopping before the loop began would be lost.
    while (!http_.is_running()) std::this_thread::yield();
    http_.stop();
    thread_.join();
  }

 private:
  Listener() = default;

  httplib::Server http_;
  std::thread thread_;
};

}  // namespace

struct OcspServer::Impl {
  Impl(std::unique_ptr<OcspResponder> given, int port, absl::Duration hold_back)
      : responder(std::move(given)), port_holder(port), delay(hold_back) {}

  std::unique_ptr<Listener> Listen() {
    return Listener::Start(port_holder.port(),
                           [this](const httplib::Request& request, httplib::Response& response) {
                             Handle(request, response);
                           });
  }

  void Handle(const httplib::Request& request, httplib::Response& response) {
    const OcspMisbehaviour now = WhenDue();
    if (now == OcspMisbehaviour::kDead) {
      response.status = 503;
      return;
    }
    const auto answer =
        responder->Answer(request.matches[1].str(), base::AsBytes(request.body), now);
    if (!answer.ok()) {
      response.status = absl::IsNotFound(answer.status()) ? 404 : 500;
      return;
    }
    response.set_content(base::ToString(*answer), "application/ocsp-response");
  }

  // After the delay, while alive, and once it is not slow.
  OcspMisbehaviour WhenDue() {
    const auto due = base::SteadyNow() + base::ToSteady(delay);
    base::MutexLock lock(mutex);
    while (misbehaviour != OcspMisbehaviour::kDead && base::SteadyNow() < due) {
      changed.WaitUntil(mutex, due);
    }
    while (misbehaviour == OcspMisbehaviour::kSlow) changed.Wait(mutex);
    return misbehaviour;
  }

  const std::unique_ptr<OcspResponder> responder;
  const PortHolder port_holder;
  const absl::Duration delay;
  base::Mutex listener_mutex;  // Held for a whole Misbehave: requests take the other one only.
  base::Mutex mutex;
  base::CondVar changed;
  OcspMisbehaviour misbehaviour ABSL_GUARDED_BY(mutex) = OcspMisbehaviour::kNone;
  // Last, since its threads use all above. Nothing while kDead.
  std::unique_ptr<Listener> listener ABSL_GUARDED_BY(listener_mutex);
};

absl::StatusOr<std::unique_ptr<OcspServer>> OcspServer::Start(
    std::unique_ptr<OcspResponder> responder, int port, absl::Duration delay) {
  auto impl = std::make_unique<Impl>(std::move(responder), port, delay);
  base::MutexLock lock(impl->listener_mutex);
  if (impl->port_holder.port() != 0) impl->listener = impl->Listen();
  if (impl->listener == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on 127.0.0.1:", port, ": use --port=0 for a free one"));
  }
  return std::unique_ptr<OcspServer>(new OcspServer(std::move(impl)));
}

OcspServer::OcspServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

OcspServer::~OcspServer() { Misbehave(OcspMisbehaviour::kDead); }

int OcspServer::port() const { return impl_->port_holder.port(); }

std::string OcspServer::Url(const std::string& anchor) const { return UrlOf(port(), anchor); }

void OcspServer::Misbehave(OcspMisbehaviour misbehaviour) {
  base::MutexLock listener_lock(impl_->listener_mutex);
  {
    base::MutexLock lock(impl_->mutex);
    impl_->misbehaviour = misbehaviour;
    impl_->changed.NotifyAll();
  }
  if (misbehaviour == OcspMisbehaviour::kDead) {
    impl_->listener.reset();
  } else if (impl_->listener == nullptr) {
    impl_->listener = impl_->Listen();
    MUSUBI_CHECK(impl_->listener != nullptr, "the port was kept, yet somebody else listens on it");
  }
}

absl::Status OcspServer::WriteRespondersFile(const std::string& directory,
                                             const RespondersFileOptions& options) const {
  return sandbox::WriteRespondersFile(directory, impl_->responder->anchors(), port(), options);
}

absl::Status WriteRespondersFile(const std::string& directory,
                                 const std::vector<std::string>& anchors, int port,
                                 const RespondersFileOptions& options) {
  Json responders = Json::array();
  for (const std::string& anchor : anchors) {
    responders.push_back({{"anchor", anchor},
                          {"urls", Json::array({UrlOf(port, anchor)})},
                          {"nonce", options.nonce},
                          {"hash", "SHA1"},
                          {"max_age_seconds", absl::ToInt64Seconds(kOcspLifetime)},
                          {"timeout_ms", absl::ToInt64Milliseconds(options.timeout)}});
  }
  return base::WriteFileAtomically(
      directory + "/responders.json",
      Json({{"version", 1}, {"responders", std::move(responders)}}).dump(2) + "\n", 0644);
}

}  // namespace musubi::sandbox
