// What the servers of `scripts/bench peers` are given, as files: one simulated JPKI, user-
// authentication cards of one of its CAs with keys and proofs, CRLs of two sizes, TLS files. Good
// cards and cards that must be refused lie among one another. Starts nothing.
#ifndef MUSUBI_BENCH_PEERS_SERVERS_INPUTS_H_
#define MUSUBI_BENCH_PEERS_SERVERS_INPUTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/validation_workload.h"
#include "lib/base/clock.h"
#include "sandbox/private_key.h"

namespace musubi::bench {

// The CRL that a server judges by: none, a large municipality's, or one of a million entries.
enum class CrlSize { kNone, k5300, k1m };
inline constexpr CrlSize kCrlSizes[] = {CrlSize::kNone, CrlSize::k5300, CrlSize::k1m};
// "no_crl", "crl_5300", "crl_1m": the end of a row's name.
std::string_view Name(CrlSize size);

// What is wrong with a card. kPhone: it is a phone's certificate, of the same CA and another
// policy.
enum class Finding { kNothing, kRevocation, kExpiry, kForgedProof, kPhone };
inline constexpr Finding kFindings[] = {Finding::kNothing, Finding::kRevocation, Finding::kExpiry,
                                        Finding::kForgedProof, Finding::kPhone};
std::string_view Name(Finding finding);

struct PeerCard {
  SignedCard signed_card;
  sandbox::PrivateKey key;
  Finding finding = Finding::kNothing;
};

// ServerInputs is immutable; its files lie in `directory`.
struct ServerInputs {
  std::string directory;
  // Most are good; each other Finding has its share.
  std::vector<PeerCard> cards;

  std::string world() const { return directory + "/world"; }
  std::string tls_directory() const { return directory + "/tls"; }
  // The cards' CA. In PEM, or in DER.
  std::string issuer_pem() const { return directory + "/issuer.pem"; }
  std::string issuer_der() const { return directory + "/issuer.der"; }
  // The CRL of the cards' distribution point in DER; in PEM with the CA's own after it, which
  // OpenSSL asks for where it checks every certificate of the path; in a folder as musubid reads
  // it. Empty for kNone; the folder is then that of another size, since musubid wants one.
  std::string crl_der(CrlSize size) const;
  std::string crl_pem(CrlSize size) const;
  std::string crl_directory(CrlSize size) const;
};

// MakeServerInputs makes `directory` anew, and whatever was there is gone. `cards` are over `keys`
// RSA-2048 keys, in turn. All are judged at clock.Now(), for about a day.
absl::StatusOr<ServerInputs> MakeServerInputs(const base::Clock& clock,
                                              const std::string& directory, size_t cards,
                                              size_t keys);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PEERS_SERVERS_INPUTS_H_
