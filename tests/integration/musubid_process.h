// A musubid of a test's own: a world, keys, stores and a real process on a free port, whose time
// the test moves.
#ifndef MUSUBI_TESTS_INTEGRATION_MUSUBID_PROCESS_H_
#define MUSUBI_TESTS_INTEGRATION_MUSUBID_PROCESS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "sandbox/journey/connection.h"
#include "sandbox/journey/journey.h"
#include "sandbox/ocsp_server.h"
#include "tests/fakes/child_process.h"
#include "tests/fakes/sandbox_world.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::integration {

// Flags are by name, without dashes.
using Flags = std::map<std::string, std::string>;

// MusubidProcess is for one test's thread.
class MusubidProcess {
 public:
  MusubidProcess();
  ~MusubidProcess();

  // The flags of a good start; a test changes some and calls Start or StartAndFail.
  Flags& flags() { return flags_; }

  // Start runs musubid_testclock and waits until it listens.
  void Start();
  // StartAndFail expects that it refuses to start, and returns what it said.
  std::string StartAndFail();
  // Stop drains it and returns the exit code.
  int Stop();
  // Advance moves the server's time, and that of the world.
  void Advance(absl::Duration step);

  std::unique_ptr<sandbox::Connection> Connect(const std::string& role) const;
  absl::StatusOr<sandbox::JourneyResult> Run(v1::Act act, v1::Flow flow, sandbox::VirtualCard& card,
                                             const std::string& account = "shiken-001");
  // Where the app is connected to.
  static constexpr char kOrigin[] = "https://link.mihon.example";

  std::string File(const std::string& name) const { return directory_.File(name); }
  std::string log() { return process_->errors(); }
  int port() const { return port_; }
  fakes::SandboxWorld& world() { return world_; }
  base::SecureRandom& random() { return world_.random; }

 private:
  void Spawn();

  fakes::SandboxWorld& world_ = fakes::SandboxWorld::Get();
  fakes::TempDir directory_;
  base::RealClock machine_clock_;  // gRPC's deadlines are on it.
  std::unique_ptr<sandbox::OcspServer> ocsp_server_;
  Flags flags_;
  int commands_[2];
  int acks_[2];
  std::unique_ptr<fakes::ChildProcess> process_;
  int port_ = 0;
};

}  // namespace musubi::integration

#endif  // MUSUBI_TESTS_INTEGRATION_MUSUBID_PROCESS_H_
