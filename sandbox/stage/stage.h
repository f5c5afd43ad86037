// A whole Musubi on one machine, for one run: keys, a relying-party file, stores, an OCSP
// responder, mutual TLS, and a musubid_testclock as a process on a free port, whose time the owner
// moves. For tests, and for musubi-journey when it misbehaves. Not for production, nor for
// measuring.
#ifndef MUSUBI_SANDBOX_STAGE_STAGE_H_
#define MUSUBI_SANDBOX_STAGE_STAGE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "sandbox/journey/connection.h"
#include "sandbox/journey/journey.h"
#include "sandbox/ocsp_server.h"
#include "sandbox/stage/child_process.h"
#include "sandbox/stage/server_files.h"
#include "sandbox/world.h"

namespace musubi::sandbox {

// Stage is for one thread; its connections are thread-safe.
class Stage {
 public:
  using Flags = ServerFlags;

  static constexpr const char* kRelyingParty = kDemoRelyingParty;
  static constexpr const char* kCardFirstRelyingParty = sandbox::kCardFirstRelyingParty;
  // Where the app is connected to, where VERIFY returns to, and how people sign in.
  static constexpr char kOrigin[] = "https://link.mihon.example";
  static constexpr char kReturnUri[] = "https://account.mihon.example/recovery/return";
  static constexpr char kAcr[] = "urn:example:acr:mfa";

  struct Dependencies {
    World& world;
    const base::Clock& clock;  // The world's.
    // Moves that clock.
    std::function<void(absl::Duration)> advance_clock;
    base::SecureRandom& random;
  };
  struct Options {
    std::string world_directory;  // The world's.
    std::string directory;  // Empty and closed to others: keys, stores and TLS files go there.
    std::string musubid;    // Path of musubid_testclock.
  };

  // Create publishes CRLs, starts the responder and writes the files. Nothing serves yet. All
  // dependencies outlive the stage.
  static absl::StatusOr<std::unique_ptr<Stage>> Create(Dependencies dependencies, Options options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // The flags of a good start; whoever changes some does so before Start.
  Flags& flags() { return flags_; }

  // Start runs the server and waits until it listens. INTERNAL, with what it said, if it ends
  // before.
  absl::Status Start();
  // StartAndFail runs a server that must refuse to start, and returns what it said. INTERNAL if it
  // serves after all, or ends with another exit code than 1.
  absl::StatusOr<std::string> StartAndFail();
  // Stop drains the server and returns its exit code.
  int Stop();
  // Kill ends the server as SIGKILL does; Start starts another.
  void Kill();
  // Restart stops and starts: sessions are gone, links stay, CRLs are read anew.
  absl::Status Restart();

  // Advance moves the server's time, and that of the world; timers that are due have run when it
  // returns.
  absl::Status Advance(absl::Duration step);

  // Connect opens a channel in a role: "front", "platform", "operator", "relying-party/ID". Dies if
  // there are no TLS files of that role.
  std::unique_ptr<Connection> Connect(const std::string& role) const;

  // JourneyOf is the options of a journey that this server allows.
  JourneyOptions JourneyOf(v1::Act act, v1::Flow flow,
                           const std::string& account = "shiken-001") const;
  // Run plays one journey from end to end.
  absl::StatusOr<JourneyResult> Run(v1::Act act, v1::Flow flow, VirtualCard& card,
                                    const std::string& account = "shiken-001");

  std::string File(const std::string& name) const { return options_.directory + "/" + name; }
  // What the server has written so far; survives Restart.
  std::string output();
  // WaitForOutput blocks until the server has written `text` since its start. INTERNAL if it ends
  // before.
  absl::Status WaitForOutput(const std::string& text);
  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  World& world() { return dependencies_.world; }
  const base::Clock& clock() const { return dependencies_.clock; }
  base::SecureRandom& random() const { return dependencies_.random; }
  OcspServer& ocsp() { return *ocsp_; }

 private:
  Stage(Dependencies dependencies, Options options);

  absl::Status WriteFiles();
  void Spawn();

  const Dependencies dependencies_;
  const Options options_;
  const base::RealClock machine_clock_;  // gRPC's deadlines and TLS are on it.
  std::unique_ptr<OcspServer> ocsp_;
  Flags flags_;
  int commands_[2] = {-1, -1};
  int acks_[2] = {-1, -1};
  std::unique_ptr<ChildProcess> process_;
  std::string earlier_output_;
  int port_ = 0;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_STAGE_STAGE_H_
