#include "lib/prelink/client_network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::prelink {
namespace {

constexpr size_t kIpv4Octets = 3;  // /24.
constexpr size_t kIpv6Octets = 6;  // /48.
// ::ffff:0:0/96.
constexpr std::array<uint8_t, 12> kMappedIpv4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

absl::Status Invalid() {
  return base::FieldError(base::ErrorReason::kFieldInvalid, "client_network",
                          "an IPv4 /24 or IPv6 /48, as in 192.0.2.0/24");
}

}  // namespace

absl::StatusOr<ClientNetwork> ClientNetwork::Parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Invalid();  // Where C would stop reading.
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  std::optional<uint32_t> length;
  if (slash != std::string_view::npos) {
    uint32_t value = 0;
    if (!absl::SimpleAtoi(base::ToAbsl(text.substr(slash + 1)), &value)) return Invalid();
    length = value;
  }
  std::array<uint8_t, 16> octets{};
  if (inet_pton(AF_INET, address.c_str(), octets.data()) == 1) {
    if (length.value_or(32) < 24 || length.value_or(32) > 32) return Invalid();
    return ClientNetwork(base::ByteView(octets).first(kIpv4Octets));
  }
  if (inet_pton(AF_INET6, address.c_str(), octets.data()) != 1) return Invalid();
  if (std::equal(kMappedIpv4.begin(), kMappedIpv4.end(), octets.begin())) {
    if (length.value_or(128) < 96 + 24 || length.value_or(128) > 128) return Invalid();
    return ClientNetwork(base::ByteView(octets).subspan(kMappedIpv4.size(), kIpv4Octets));
  }
  if (length.value_or(128) < 48 || length.value_or(128) > 128) return Invalid();
  return ClientNetwork(base::ByteView(octets).first(kIpv6Octets));
}

}  // namespace musubi::prelink
