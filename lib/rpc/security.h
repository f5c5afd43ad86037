// How connections are secured: mutual TLS, or plaintext on loopback for a demo. Speaks no TLS
// itself: see tls_credentials.h.
#ifndef MUSUBI_LIB_RPC_SECURITY_H_
#define MUSUBI_LIB_RPC_SECURITY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/secret.h"
#include "lib/rpc/caller.h"

namespace musubi::rpc {

// MutualTls holds PEM. Clients must present a certificate that chains to client_ca.
struct MutualTls {
  std::string certificate_chain;
  base::Secret<std::string> private_key;
  std::string client_ca;

  bool operator==(const MutualTls&) const = default;
};

// LoadMutualTls reads the three files. FAILED_PRECONDITION or a file error, naming file and fix, if
// one cannot be read or parsed (as when it is half written), the key's file is open to others, or
// the key is not the certificate's.
absl::StatusOr<MutualTls> LoadMutualTls(const std::string& certificate_file,
                                        const std::string& private_key_file,
                                        const std::string& client_ca_file);

// Security is exactly one of the two.
struct Security {
  std::optional<MutualTls> tls;
  // Plaintext: the roles that a caller may state in the metadata musubi-role. Anybody who reaches
  // the port has them.
  std::vector<Caller> insecure_loopback_roles;
};

// ParseInsecureRoles reads "front,platform,relying-party/demo". INVALID_ARGUMENT names the bad
// entry.
absl::StatusOr<std::vector<Caller>> ParseInsecureRoles(std::string_view text);

// CheckListenAddress takes "HOST:PORT". INVALID_ARGUMENT if it is malformed, or if `loopback_only`
// and HOST is not an address in 127.0.0.0/8 or [::1]. Names do not count: they may come to resolve
// to something else.
absl::Status CheckListenAddress(std::string_view address, bool loopback_only);

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_SECURITY_H_
