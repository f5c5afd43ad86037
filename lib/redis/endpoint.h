// Where a server listens. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_ENDPOINT_H_
#define MUSUBI_LIB_REDIS_ENDPOINT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace musubi::redis {

// Endpoint is a host and a port, or the path of a unix socket.
struct Endpoint {
  std::string host = {};
  int port = 0;
  std::string path = {};

  // As in ParseEndpoint.
  std::string ToString() const;
  bool operator==(const Endpoint&) const = default;
};

// ParseEndpoint reads "host:port", "[v6]:port" or "unix:/path". INVALID_ARGUMENT names `option`.
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view option, std::string_view text);

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_ENDPOINT_H_
