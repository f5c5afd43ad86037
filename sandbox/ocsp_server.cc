#include "sandbox/ocsp_server.h"

#include <httplib.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "sandbox/json.h"

namespace musubi::sandbox {

struct OcspServer::Impl {
  std::unique_ptr<OcspResponder> responder;
  httplib::Server http;
  int port = 0;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<OcspServer>> OcspServer::Start(
    std::unique_ptr<OcspResponder> responder, int port) {
  auto impl = std::make_unique<Impl>();
  impl->responder = std::move(responder);
  impl->http.set_payload_max_length(kMaxOcspRequestSize);
  impl->http.Post(R"(/((?:auth|sign)-\d\d))", [responder = impl->responder.get()](
                                                  const httplib::Request& request,
                                                  httplib::Response& response) {
    const auto answer = responder->Answer(request.matches[1].str(), base::AsBytes(request.body));
    if (!answer.ok()) {
      response.status = 404;
      return;
    }
    response.set_content(base::ToString(*answer), "application/ocsp-response");
  });
  if (port == 0) {
    impl->port = impl->http.bind_to_any_port("127.0.0.1");
  } else if (impl->http.bind_to_port("127.0.0.1", port)) {
    impl->port = port;
  }
  if (impl->port <= 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on 127.0.0.1:", port, ": use --port=0 for a free one"));
  }
  // The socket listens already: a client that comes before the thread is served waits in its queue.
  impl->thread = std::thread([http = &impl->http] { http->listen_after_bind(); });
  return std::unique_ptr<OcspServer>(new OcspServer(std::move(impl)));
}

OcspServer::OcspServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

OcspServer::~OcspServer() {
  // Stopping before the loop began would be lost.
  while (!impl_->http.is_running()) std::this_thread::yield();
  impl_->http.stop();
  impl_->thread.join();
}

int OcspServer::port() const { return impl_->port; }

std::string OcspServer::Url(const std::string& anchor) const {
  return absl::StrCat("http://127.0.0.1:", impl_->port, "/", anchor);
}

absl::Status OcspServer::WriteRespondersFile(const std::string& directory) const {
  Json responders = Json::array();
  for (const std::string& anchor : impl_->responder->anchors()) {
    responders.push_back({{"anchor", anchor},
                          {"urls", Json::array({Url(anchor)})},
                          {"nonce", "OPTIONAL"},
                          {"hash", "SHA1"},
                          {"max_age_seconds", absl::ToInt64Seconds(kOcspLifetime)},
                          {"timeout_ms", 2000}});
  }
  return base::WriteFileAtomically(
      directory + "/responders.json",
      Json({{"version", 1}, {"responders", std::move(responders)}}).dump(2) + "\n", 0644);
}

}  // namespace musubi::sandbox
