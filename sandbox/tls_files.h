// Certificates for TLS on one machine: a CA, the server, one client for each role, and what
// browsers meet.
#ifndef MUSUBI_SANDBOX_TLS_FILES_H_
#define MUSUBI_SANDBOX_TLS_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace musubi::sandbox {

// How long the certificates hold: a demo's life, not a service's.
inline constexpr absl::Duration kTlsLifetime = absl::Hours(365 * 24);

// WriteTlsFiles makes D/tls/{ca,server,web,front,platform,operator,rp-ID...}.{crt,key}, PEM with
// P-256 keys (0600), in place of older ones. The server is localhost and 127.0.0.1; web is also
// link.localhost, app.localhost and account.localhost; clients carry their role as a SAN URI,
// musubi://role/front and so on.
absl::Status WriteTlsFiles(const std::string& directory, absl::Time now,
                           const std::vector<std::string>& relying_parties = {"demo-university"});

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_TLS_FILES_H_
