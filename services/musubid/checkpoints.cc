#include "services/musubid/checkpoints.h"

#include <string>
#include <utility>

#include "lib/base/status.h"
#include "lib/crypto/ed25519.h"
#include "services/musubid/material.h"

namespace musubi::services::musubid {

using musubi::link::AuditCheckpointer;
using telemetry::Severity;

Checkpoints::Checkpoints(Dependencies dependencies, std::unique_ptr<AuditCheckpointer> checkpointer)
    : dependencies_(dependencies), checkpointer_(std::move(checkpointer)) {}

absl::StatusOr<std::unique_ptr<Checkpoints>> Checkpoints::Open(Dependencies dependencies,
                                                               const Config& config) {
  if (config.audit_checkpoints.empty()) {
    dependencies.log.Write(
        Severity::kWarning, "audit_checkpoints_off",
        {{"notice",
          "without --audit_checkpoints nothing outside the database shows later that its "
          "audit chain was not cut or rewritten"}});
    return nullptr;
  }
  MUSUBI_ASSIGN_OR_RETURN(
      auto key,
      ForFlag("audit_signing_key", crypto::Ed25519PrivateKey::Load(config.audit_signing_key)));
  MUSUBI_ASSIGN_OR_RETURN(
      auto checkpointer,
      ForFlag("audit_checkpoints",
              AuditCheckpointer::Open(std::move(key), config.audit_checkpoints)));
  std::unique_ptr<Checkpoints> made(new Checkpoints(dependencies, std::move(checkpointer)));
  made->Write();
  return made;
}

void Checkpoints::Write() {
  base::MutexLock lock(mutex_);
  const auto heads = dependencies_.links.ListHeads();
  if (!heads.ok()) return Fail(heads.status());
  const AuditCheckpointer::Round round = checkpointer_->Append(*heads, dependencies_.clock.Now());
  for (const AuditCheckpointer::Regression& regression : round.regressions) {
    dependencies_.metrics.audit_regressions.Increment();
    dependencies_.log.Write(Severity::kError, "audit_went_back",
                            {{"relying_party", regression.was.relying_party_id},
                             {"was", regression.was.head.ToHex()},
                             {"is", regression.is.head.ToHex()}});
  }
  for (const musubi::link::AuditCheckpoint& checkpoint : round.checkpoints) {
    dependencies_.log.Write(Severity::kInfo, "audit_checkpoint",
                            {{"checkpoint", checkpoint.ToJson()}});
  }
  if (!round.written.ok()) return Fail(round.written);
  dependencies_.metrics.audit_checkpoints.Add(static_cast<double>(round.checkpoints.size()));
}

void Checkpoints::Fail(const absl::Status& status) {
  dependencies_.metrics.audit_checkpoint_failures.Increment();
  dependencies_.log.Write(Severity::kError, "audit_checkpoint_failed",
                          {{"error", std::string(status.message())}});
}

}  // namespace musubi::services::musubid
