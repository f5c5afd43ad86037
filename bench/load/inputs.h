// What `scripts/bench rpc` loads a server with, as a directory: cards of the simulated JPKI of
// which a known share has to be refused, each with the verdict that is due, and all that a musubid
// needs to judge them. Real keys and signatures; measures nothing, and starts no server.
//
//   D/inputs.json          how it was made; made by nobody else, so that D may be made anew
//   D/keys/N.pem           the cards' keys, which outlive that: they take longest
//   D/questions.bin        LoadQuestion (question.proto), each behind its length; by CRL alone
//   D/questions-ocsp.bin   the same cards in the same order, by OCSP and then CRL; --ocsp_port
//   D/musubid.flags        a server on loopback in plaintext, with all roles
//   D/world/               sandbox/world.h: trust files, CRLs, the register that OCSP answers from
//   D/server/              sandbox/stage/server_files.h: keyrings, relying parties, stores
//   D/tls/                 sandbox/tls_files.h, for who wants TLS instead
//   D/swap/auth-03-full.crl   a newer list for world/crl that is far longer; swap_crl_entries
#ifndef MUSUBI_BENCH_LOAD_INPUTS_H_
#define MUSUBI_BENCH_LOAD_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace musubi::bench {

// Most cards: their questions are held in memory, 2.1 KB each.
inline constexpr size_t kMaxLoadCards = 1'000'000;
// Serials of one CA generation, which cards and entries of CRLs share: a prime, so that a multiple
// of the card's number goes through all of them.
inline constexpr uint64_t kLoadSerials = 65'899'993;
// A directory is made anew when its CRLs are so old: their next ones would be due.
inline constexpr absl::Duration kMaxInputsAge = absl::Hours(24);

struct InputsOptions {
  std::string directory;
  size_t cards = 100'000;
  size_t keys = 512;  // RSA-2048 key pairs that the cards share in turn.
  // Shares of the cards, which exclude each other.
  double revoked = 0.02;
  double expired = 0.02;
  double forged = 0.02;  // Of each kind a quarter: see inputs.cc.
  // Of the partition and of the full list, the revoked cards among them.
  size_t crl_entries = 5300;
  size_t swap_crl_entries = 0;  // 0: there is no list to swap.
  int ocsp_port = 0;            // Of a responder on 127.0.0.1; 0: there is none.
  uint64_t seed = 1;            // Of every choice but keys, which are OpenSSL's.
  int threads = 2;
};

// MakeInputs makes the directory, or finds it complete, made with the same options and young enough
// by `clock`; `say` gets a sentence about each. INVALID_ARGUMENT for options that contradict each
// other; FAILED_PRECONDITION for a directory that holds anything else, of which nothing is lost.
absl::Status MakeInputs(const base::Clock& clock, const InputsOptions& options,
                        const std::function<void(std::string_view)>& say);

// Where things lie in a directory.
std::string QuestionsPath(const std::string& directory);
std::string SwapPath(const std::string& directory);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_LOAD_INPUTS_H_
