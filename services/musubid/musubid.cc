#include "services/musubid/musubid.h"

#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/synchronization/mutex.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/rpc/server.h"
#include "lib/rpc/tls_credentials.h"
#include "lib/telemetry/log.h"
#include "services/musubid/assembly.h"
#include "services/musubid/config.h"

namespace musubi::services::musubid {
namespace {

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int Refuse(const absl::Status& status) {
  const std::string message(status.message());
  std::fprintf(stderr, "musubid: %s\n", message.c_str());
  return 1;
}

std::string PortLines(const rpc::Server& server) {
  std::string lines;
  for (const int port : server.ports()) lines += std::to_string(port) + "\n";
  return lines;
}

absl::Status WriteOperatorsPorts(const Assembly& assembly, const Config& config) {
  struct File {
    const char* flag;
    const std::string& path;
    std::optional<int> port;
  };
  for (const File& file : std::initializer_list<File>{
           {"--metrics_port_file", config.metrics_port_file, assembly.metrics_port()},
           {"--health_port_file", config.health_port_file, assembly.health_port()}}) {
    if (file.path.empty()) continue;
    const absl::Status written =
        base::WriteFileAtomically(file.path, std::to_string(file.port.value_or(0)) + "\n", 0644);
    if (!written.ok()) return base::Annotate(written, file.flag);
  }
  return absl::OkStatus();
}

}  // namespace

void PrepareProcess() {
  rpc::RequireTls13();
  // It looks for deadlocks at each lock of gRPC's: a twentieth of a short call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void ParseFlags(int argc, char** argv) {
  absl::SetProgramUsageMessage(Usage());
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](absl::string_view file) {
    return base::ToStd(file).find("musubid") != std::string_view::npos;
  };
  // The path below the repository, wherever that was built.
  usage.normalize_filename = [](absl::string_view file) {
    const size_t folder = base::ToStd(file).rfind("services/");
    return std::string(folder == std::string_view::npos ? file : file.substr(folder));
  };
  usage.version_string = [] { return std::string("musubid 0.1.0\n"); };
  absl::SetFlagsUsageConfig(usage);
  absl::ParseCommandLine(argc, argv);
}

int Run(const base::Clock& clock, base::Timer& timer,
        std::function<absl::Duration()> store_time_offset) {
  const absl::StatusOr<Config> config = ReadFlags();
  if (!config.ok()) return Refuse(config.status());
  telemetry::Log log(clock);
  auto assembly = Assembly::Create({.clock = clock,
                                    .timer = timer,
                                    .store_time_offset = std::move(store_time_offset),
                                    .log = log},
                                   *config);
  if (!assembly.ok()) return Refuse(assembly.status());
  rpc::Server& server = (*assembly)->server();
  if (!config->port_file.empty()) {
    const absl::Status written =
        base::WriteFileAtomically(config->port_file, PortLines(server), 0644);
    if (!written.ok()) return Refuse(base::Annotate(written, "--port_file"));
  }
  if (const absl::Status written = WriteOperatorsPorts(**assembly, *config); !written.ok()) {
    return Refuse(written);
  }
  log.Write(telemetry::Severity::kInfo, "listening", {{"notice", server.notice()}});
  const sigset_t signals = EndSignals();
  int signal = 0;
  sigwait(&signals, &signal);
  log.Write(telemetry::Severity::kInfo, "draining",
            {{"grace", absl::FormatDuration(config->drain_grace)}});
  (*assembly)->Drain(config->drain_grace);
  log.Write(telemetry::Severity::kInfo, "stopped", {});
  return 0;
}

}  // namespace musubi::services::musubid
