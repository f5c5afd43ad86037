// One caller of a server of `scripts/bench peers`: puts one card after the other to it, and tells
// what it found. Counts and times nothing: see load.h.
#ifndef MUSUBI_BENCH_PEERS_SERVERS_ASKER_H_
#define MUSUBI_BENCH_PEERS_SERVERS_ASKER_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/peers/servers/inputs.h"

namespace musubi::bench {

// Asker is for one thread, and blocks.
class Asker {
 public:
  virtual ~Asker() = default;
  // Ask returns what the server found wrong with that card of the inputs. UNAVAILABLE if it does
  // not answer, INTERNAL with its words if they are none of a Finding's.
  virtual absl::StatusOr<Finding> Ask(size_t card) = 0;
};

// AskerFactory makes callers of the server on that port of 127.0.0.1; thread-safe.
using AskerFactory = std::function<std::unique_ptr<Asker>(int port)>;

// A TLS 1.3 connection for each card, which presents its certificate and signs with its key, and on
// it one GET. The server answers 200, or 400 and $ssl_client_verify of nginx. No session is ever
// resumed; the server's certificate is not verified, its signature is. `cards` outlive all askers.
AskerFactory HandshakeAskers(const std::vector<PeerCard>& cards);

// A kept connection, plain HTTP/1.1, and a POST for each card: certificate, message and signature,
// each after its length in 4 octets. The answer is what JdkServer.java writes.
AskerFactory HttpAskers(const std::vector<PeerCard>& cards);

// ValidateCertificate of a musubid, over mutual TLS as the platform; revocation by the CRL, or not
// asked about. `fresh_connections`: one for each card. UNAVAILABLE if a TLS file cannot be read.
struct MusubidOptions {
  std::string tls_directory;
  bool ask_crl = true;
  bool fresh_connections = false;
};
absl::StatusOr<AskerFactory> MusubidAskers(const std::vector<PeerCard>& cards,
                                           const MusubidOptions& options);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PEERS_SERVERS_ASKER_H_
