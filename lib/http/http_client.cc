#include "lib/http/http_client.h"

#include <algorithm>
#include <future>
#include <memory>
#include <string_view>
#include <utility>

namespace musubi::http {
namespace {

// Far above any responder's URL.
constexpr size_t kMaxUrlSize = 2048;

bool HasControlOrSpace(std::string_view text, bool space_allowed) {
  return std::any_of(text.begin(), text.end(), [space_allowed](unsigned char c) {
    return c < 0x20 || c == 0x7f || (c == ' ' && !space_allowed);
  });
}

}  // namespace

absl::StatusOr<Response> HttpClient::Send(Request request) {
  const auto promise = std::make_shared<std::promise<absl::StatusOr<Response>>>();
  SendAsync(std::move(request), [promise](absl::StatusOr<Response> response) {
    promise->set_value(std::move(response));
  });
  return promise->get_future().get();
}

absl::Status CheckRequest(const Request& request) {
  std::string_view rest = request.url;
  if (rest.size() > kMaxUrlSize) return absl::InvalidArgumentError("URL: longer than 2048 octets");
  if (HasControlOrSpace(rest, /*space_allowed=*/false)) {
    return absl::InvalidArgumentError("URL: holds a space or a control character");
  }
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return absl::InvalidArgumentError("URL: must begin with http:// or https://");
  }
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || authority.front() == ':') {
    return absl::InvalidArgumentError("URL: names no host");
  }
  if (authority.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("URL: must not hold a user or password");
  }
  if (HasControlOrSpace(request.content_type, /*space_allowed=*/true)) {
    return absl::InvalidArgumentError("content type: holds a control character");
  }
  if (HasControlOrSpace(request.traceparent, /*space_allowed=*/false)) {
    return absl::InvalidArgumentError("traceparent: holds a space or a control character");
  }
  if (HasControlOrSpace(request.if_none_match, /*space_allowed=*/true)) {
    return absl::InvalidArgumentError("if_none_match: holds a control character");
  }
  if (request.method == Method::kGet && !request.body.empty()) {
    return absl::InvalidArgumentError("body: a GET has none");
  }
  if (request.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("HTTP: no time left");
  }
  return absl::OkStatus();
}

}  // namespace musubi::http
