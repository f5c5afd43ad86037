#include "lib/redis/endpoint.h"

#include <charconv>

#include "lib/base/status.h"

namespace musubi::redis {
namespace {

constexpr std::string_view kUnix = "unix:";

}  // namespace

std::string Endpoint::ToString() const {
  if (!path.empty()) return std::string(kUnix) + path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view option, std::string_view text) {
  const absl::Status refused = absl::InvalidArgumentError(
      std::string(option) + " is \"" + std::string(text) +
      "\": it must be host:port with a port of 1 to 65535, [IPv6 address]:port or unix:/path");
  Endpoint endpoint;
  if (text.substr(0, kUnix.size()) == kUnix) {
    endpoint.path = std::string(text.substr(kUnix.size()));
    return endpoint.path.empty() || endpoint.path[0] != '/' ? absl::StatusOr<Endpoint>(refused)
                                                            : endpoint;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return refused;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return refused;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || host.empty() ||
      endpoint.port < 1 || endpoint.port > 65535) {
    return refused;
  }
  endpoint.host = std::string(host);
  return endpoint;
}

}  // namespace musubi::redis
