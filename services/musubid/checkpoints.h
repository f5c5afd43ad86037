// Checkpoints of the audit, made while a server runs: when, and who hears of it. What they are is
// in lib/link/audit_checkpoint.h.
#ifndef MUSUBI_SERVICES_MUSUBID_CHECKPOINTS_H_
#define MUSUBI_SERVICES_MUSUBID_CHECKPOINTS_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/link/audit_checkpointer.h"
#include "lib/link/link_store.h"
#include "lib/telemetry/log.h"
#include "services/musubid/config.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// Checkpoints is thread-safe.
class Checkpoints {
 public:
  // All outlive the object.
  struct Dependencies {
    const base::Clock& clock;
    musubi::link::LinkStore& links;
    telemetry::Log& log;
    Metrics& metrics;
  };

  // Open opens the file that the config names, and makes the first round; null, with a warning in
  // the log, if it names none. Errors name the flag, the rule and the fix.
  static absl::StatusOr<std::unique_ptr<Checkpoints>> Open(Dependencies dependencies,
                                                           const Config& config);

  // Write makes a checkpoint of every chain that has moved since its last one: in the file and, so
  // that it leaves the machine with the log, in the log. A failure is logged and counted, and no
  // more: the chain is whole without it, and the next round makes up for it.
  void Write();

 private:
  Checkpoints(Dependencies dependencies,
              std::unique_ptr<musubi::link::AuditCheckpointer> checkpointer);
  void Fail(const absl::Status& status);

  const Dependencies dependencies_;
  base::Mutex mutex_;
  const std::unique_ptr<musubi::link::AuditCheckpointer> checkpointer_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_CHECKPOINTS_H_
