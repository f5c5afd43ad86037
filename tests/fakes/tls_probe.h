// A TLS client that asks a server on loopback for one handshake, with whatever version and ciphers
// a test wants. Verifies nothing and sends nothing.
#ifndef MUSUBI_TESTS_FAKES_TLS_PROBE_H_
#define MUSUBI_TESTS_FAKES_TLS_PROBE_H_

#include <string>

#include "absl/status/statusor.h"

namespace musubi::fakes {

enum class TlsVersion { k12, k13 };

struct TlsProbe {
  TlsVersion version = TlsVersion::k13;  // The only one that is offered.
  // The client's pair, in PEM; empty for none. A server of TLS 1.3 judges it after the handshake.
  std::string certificate;
  std::string private_key;
  // Offers, beside every cipher that OpenSSL has, those of a pre-shared key.
  bool pre_shared_key = false;
};

// HandshakeWith returns the server's certificate in PEM. UNAVAILABLE if there is no connection,
// ABORTED if the handshake fails.
absl::StatusOr<std::string> HandshakeWith(int port, const TlsProbe& probe);

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_TLS_PROBE_H_
