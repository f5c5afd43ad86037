// The house put together: from a Config to a server that listens. Nothing listens until everything
// else has been opened and checked.
#ifndef MUSUBI_SERVICES_MUSUBID_ASSEMBLY_H_
#define MUSUBI_SERVICES_MUSUBID_ASSEMBLY_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/timer.h"
#include "lib/telemetry/log.h"
#include "services/musubid/config.h"

namespace musubi::rpc {
class Server;
}

namespace musubi::services::musubid {

// Assembly owns everything that a server needs, and the server.
class Assembly {
 public:
  struct Dependencies {
    const base::Clock& clock;  // Of journeys and validation.
    base::Timer& timer;        // Of the same time.
    // Stores::Dependencies::store_time_offset.
    std::function<absl::Duration()> store_time_offset;
    telemetry::Log& log;
  };

  // Create opens what the config names, and listens last. Errors name the flag or file, the rule
  // and the fix. `dependencies` must outlive the assembly.
  static absl::StatusOr<std::unique_ptr<Assembly>> Create(Dependencies dependencies,
                                                          const Config& config);
  // Stops without grace what Drain has not stopped.
  ~Assembly();

  rpc::Server& server();
  // Drain is Server::Drain, and readiness says so from its beginning.
  void Drain(absl::Duration grace);
  // The ports of metrics, and of probes; nothing if there is none.
  std::optional<int> metrics_port() const;
  std::optional<int> health_port() const;

 private:
  struct Parts;
  explicit Assembly(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_ASSEMBLY_H_
