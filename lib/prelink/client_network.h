// The network from which a browser comes, as front states it. Only for counting: who is behind an
// address is nobody's business here.
#ifndef MUSUBI_LIB_PRELINK_CLIENT_NETWORK_H_
#define MUSUBI_LIB_PRELINK_CLIENT_NETWORK_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::prelink {

// ClientNetwork is the first 24 bits of an IPv4 address or the first 48 of an IPv6 address: what
// one household or campus is usually given.
class ClientNetwork {
 public:
  // Parse takes an address, or a network as in "192.0.2.0/24" or "2001:db8:1::/48", and drops what
  // is beyond those bits. An IPv4 address in an IPv6 one is the IPv4 address. FIELD_INVALID, naming
  // client_network, for anything else, a shorter prefix too.
  static absl::StatusOr<ClientNetwork> Parse(std::string_view text);

  // 3 or 6 octets.
  base::ByteView octets() const { return octets_; }

 private:
  explicit ClientNetwork(base::ByteView octets) : octets_(base::ToBytes(octets)) {}

  base::Bytes octets_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_CLIENT_NETWORK_H_
