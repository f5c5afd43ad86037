// What every validator of `scripts/bench validation` is given: card certificates in the layout of
// JPKI-SIM, each with a proof of possession, their CA, its CRL, and cards that must be refused.
// Times nothing and validates nothing.
#ifndef MUSUBI_BENCH_VALIDATION_WORKLOAD_H_
#define MUSUBI_BENCH_VALIDATION_WORKLOAD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::bench {

// A certificate, what its card signed (PKCS #1 v1.5, SHA-256), and the signature.
struct SignedCard {
  base::Bytes certificate;
  base::Bytes message;
  base::Bytes signature;
};

// A card that must be refused.
struct BadCard {
  std::string why;  // One of the names below.
  SignedCard card;
};

// Whoever asks no CRL accepts this one.
inline constexpr char kRevoked[] = "revoked";
// Whoever knows no certificate policies accepts this one.
inline constexpr char kWrongPolicy[] = "wrong_policy";

// Entries of the CRL: what validation rules assume of a large municipality's partition.
inline constexpr size_t kCrlEntries = 5300;

struct Workload {
  absl::Time validation_time;
  base::Bytes issuer_certificate;
  base::Bytes distribution_point;  // The Name in the certificates' CRLDP and the CRL's IDP.
  base::Bytes crl;                 // Of that partition; kCrlEntries entries.
  std::vector<SignedCard> cards;   // All good, no two of one serial.
  std::vector<BadCard> bad_cards;  // Of each reason one.
};

// MakeWorkload makes `cards` certificates over `keys` RSA-2048 keys: making a key takes as long as
// thousands of validations, and no validator here remembers keys. Real signatures.
Workload MakeWorkload(size_t cards, size_t keys);

// The form in which peers read it: fields, each 4 octets of length (big-endian) and its octets:
// kWorkloadMagic, Unix seconds in decimal, issuer's certificate, Name of the distribution point,
// CRL, number of cards in decimal, then certificate, message and signature of each, number of bad
// cards in decimal, then reason, certificate, message and signature of each.
inline constexpr char kWorkloadMagic[] = "musubi validation workload 1";
base::Bytes EncodeWorkload(const Workload& workload);
// INVALID_ARGUMENT unless it is exactly one workload.
absl::StatusOr<Workload> DecodeWorkload(base::ByteView encoded);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_VALIDATION_WORKLOAD_H_
