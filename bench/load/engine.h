// The engine alone on the questions that a server is loaded with: what a server on one core is held
// against. No RPC, no threads of its own.
#ifndef MUSUBI_BENCH_LOAD_ENGINE_H_
#define MUSUBI_BENCH_LOAD_ENGINE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/load/question.pb.h"
#include "lib/base/clock.h"
#include "lib/crypto/signature_verifier.h"

namespace musubi::bench {

// LoadEngine is what musubid builds from the files of a directory that MakeInputs made. For one
// thread.
class LoadEngine {
 public:
  // `clock` outlives the engine. Fails as what it loads does.
  static absl::StatusOr<std::unique_ptr<LoadEngine>> Create(const base::Clock& clock,
                                                            const std::string& directory,
                                                            crypto::SignatureDispatch dispatch);
  ~LoadEngine();
  LoadEngine(const LoadEngine&) = delete;
  LoadEngine& operator=(const LoadEngine&) = delete;

  // Judge asks all questions, jpki::kCardsAtOnce in one call. INTERNAL, naming the first, if any
  // verdict is not the one that is due.
  absl::Status Judge(std::span<const v1::LoadQuestion> questions) const;

  // ReloadCrls reads the folder again. The epoch counts how often that changed something.
  absl::Status ReloadCrls();
  uint64_t crl_epoch() const;

  bool uses_lanes() const;

 private:
  struct Parts;
  explicit LoadEngine(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_LOAD_ENGINE_H_
