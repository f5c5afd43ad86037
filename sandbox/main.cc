// musubi-sandbox: makes and runs the simulated outside world. Flags to library calls; see world.h.
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "sandbox/ocsp_responder.h"
#include "sandbox/ocsp_server.h"
#include "sandbox/tls_files.h"
#include "sandbox/world.h"

ABSL_FLAG(std::string, dir, "", "directory of the simulated world");
ABSL_FLAG(std::string, now, "",
          "time to act at, as 2026-04-01T00:00:00Z; empty: the system's clock");
ABSL_FLAG(int, count, 1, "issue-cards: how many");
ABSL_FLAG(std::string, municipality, "99001", "issue-cards: code of the municipality, 99001-99005");
ABSL_FLAG(std::string, generation, "03", "issue-cards: CA generation, 01-04 (04 is P-384)");
ABSL_FLAG(std::string, kind, "user-auth", "issue-cards: user-auth, signature, phone or test");
ABSL_FLAG(std::string, forgery, "",
          "issue-cards: makes certificates that must be refused: expired, not-yet-valid, "
          "unknown-policy, self-made-ca, evil-twin, bad-signature, wrong-algorithm, "
          "unknown-critical-extension, oversized, truncated, trailing-bytes, non-der or "
          "unknown-to-register; empty: good ones");
ABSL_FLAG(int, key_pool, 0, "issue-cards: key pairs shared among the cards; 0: one each");
ABSL_FLAG(std::string, authentication_pin, "1234", "issue-cards: 4 digits");
ABSL_FLAG(std::string, card_info_pin, "5678", "issue-cards: 4 digits");
ABSL_FLAG(std::string, card, "", "revoke: card file");
ABSL_FLAG(uint64_t, serial, 0, "revoke: serial number, if no --card is given");
ABSL_FLAG(std::string, role, "user_authentication",
          "revoke: CA of --serial, user_authentication or digital_signature");
ABSL_FLAG(std::string, reason, "unspecified", "revoke: CRLReason of RFC 5280, as in keyCompromise");
ABSL_FLAG(std::string, misbehave, "none",
          "publish-crls: what is wrong with the lists: old, older-number, bad-signature, "
          "wrong-generation-key, foreign-scope, missing-partition, "
          "unknown-critical-entry-extension or cut. serve: what is wrong with the responder: slow, "
          "dead, garbage, unknown, wrong-cert-id, stale, future, unauthorised-delegate, "
          "wrong-nonce, missing-nonce or two-answers. Both: none");
ABSL_FLAG(int, port, 0, "serve: port on 127.0.0.1; 0: a free one");
ABSL_FLAG(std::string, ready_file, "", "serve: file to write the port to, once it listens");
ABSL_FLAG(absl::Duration, delay, absl::ZeroDuration(),
          "serve: how long each answer is held back, as in 300ms");
ABSL_FLAG(std::string, nonce, "echo", "serve: what to do with a nonce, echo or ignore");

namespace musubi::sandbox {
namespace {

constexpr char kUsage[] = R"(makes and runs the simulated outside world of Musubi.

  musubi-sandbox init         --dir D                 keys, CA certificates, trust files, CRLs
  musubi-sandbox tls          --dir D                 certificates for mutual TLS
  musubi-sandbox issue-cards  --dir D --count N ...   prints the path of each card
  musubi-sandbox revoke       --dir D --card FILE --reason keyCompromise
  musubi-sandbox publish-crls --dir D
  musubi-sandbox serve        --dir D --port 0        OCSP responder; prints its port

What must be refused:
  musubi-sandbox issue-cards  --dir D --forgery expired
  musubi-sandbox publish-crls --dir D --misbehave cut
  musubi-sandbox serve        --dir D --misbehave garbage)";

// The time of --now, standing still.
class FixedClock final : public base::Clock {
 public:
  explicit FixedClock(absl::Time now) : now_(now) {}
  absl::Time Now() const override { return now_; }

 private:
  const absl::Time now_;
};

absl::StatusOr<std::unique_ptr<base::Clock>> MakeClock() {
  const std::string text = absl::GetFlag(FLAGS_now);
  if (text.empty()) return std::make_unique<base::RealClock>();
  absl::Time now;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_sec, text, &now, &error)) {
    return absl::InvalidArgumentError("--now is not a time like 2026-04-01T00:00:00Z: " + text);
  }
  return std::make_unique<FixedClock>(now);
}

absl::Status Revoke(World& world) {
  MUSUBI_ASSIGN_OR_RETURN(const RevocationReason reason,
                          ParseRevocationReason(absl::GetFlag(FLAGS_reason)));
  const std::string card = absl::GetFlag(FLAGS_card);
  if (!card.empty()) return world.RevokeCard(card, reason);
  MUSUBI_ASSIGN_OR_RETURN(const Role role, ParseRole(absl::GetFlag(FLAGS_role)));
  return world.Revoke(role, absl::GetFlag(FLAGS_serial), reason);
}

absl::Status IssueCards(World& world) {
  MUSUBI_ASSIGN_OR_RETURN(const CardKind kind, ParseCardKind(absl::GetFlag(FLAGS_kind)));
  std::optional<Forgery> forgery;
  if (const std::string name = absl::GetFlag(FLAGS_forgery); !name.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(forgery, ParseForgery(name));
  }
  MUSUBI_ASSIGN_OR_RETURN(
      const std::vector<std::string> paths,
      world.IssueCards({.count = absl::GetFlag(FLAGS_count),
                        .municipality = absl::GetFlag(FLAGS_municipality),
                        .generation = absl::GetFlag(FLAGS_generation),
                        .kind = kind,
                        .key_pool = absl::GetFlag(FLAGS_key_pool),
                        .authentication_pin = absl::GetFlag(FLAGS_authentication_pin),
                        .card_info_pin = absl::GetFlag(FLAGS_card_info_pin),
                        .forgery = forgery}));
  for (const std::string& path : paths) std::cout << path << '\n';
  return absl::OkStatus();
}

// Serves until SIGINT or SIGTERM, which the caller has blocked in every thread.
absl::Status Serve(const base::Clock& clock, const std::string& directory,
                   const sigset_t& stop_signals) {
  if (absl::GetFlag(FLAGS_delay) < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--delay is below 0");
  }
  const std::string nonce = absl::GetFlag(FLAGS_nonce);
  if (nonce != "echo" && nonce != "ignore") {
    return absl::InvalidArgumentError("--nonce is " + nonce + ": use echo or ignore");
  }
  MUSUBI_ASSIGN_OR_RETURN(const OcspMisbehaviour misbehaviour,
                          ParseOcspMisbehaviour(absl::GetFlag(FLAGS_misbehave)));
  MUSUBI_ASSIGN_OR_RETURN(
      auto responder, OcspResponder::Create(
                          clock, {.directory = directory,
                                  .nonce = nonce == "echo" ? OcspResponder::NoncePolicy::kEcho
                                                           : OcspResponder::NoncePolicy::kIgnore}));
  MUSUBI_ASSIGN_OR_RETURN(const auto server,
                          OcspServer::Start(std::move(responder), absl::GetFlag(FLAGS_port),
                                            absl::GetFlag(FLAGS_delay)));
  server->Misbehave(misbehaviour);
  MUSUBI_RETURN_IF_ERROR(server->WriteRespondersFile(directory));
  const std::string ready_file = absl::GetFlag(FLAGS_ready_file);
  if (!ready_file.empty()) {
    MUSUBI_RETURN_IF_ERROR(
        base::WriteFileAtomically(ready_file, absl::StrCat(server->port(), "\n"), 0644));
  }
  std::cout << server->port() << std::endl;
  int signal = 0;
  sigwait(&stop_signals, &signal);
  return absl::OkStatus();
}

absl::Status Run(const std::string& command) {
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  if (command == "serve") pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  const std::string directory = absl::GetFlag(FLAGS_dir);
  if (directory.empty()) return absl::InvalidArgumentError("--dir is absent: name a directory");
  MUSUBI_ASSIGN_OR_RETURN(const auto clock, MakeClock());
  base::SystemRandom random;
  const World::Dependencies dependencies = {.clock = *clock, .random = random};

  if (command == "init") return World::Create(dependencies, {.directory = directory}).status();
  if (command == "tls") return WriteTlsFiles(directory, clock->Now());
  if (command == "serve") return Serve(*clock, directory, stop_signals);
  if (command != "issue-cards" && command != "revoke" && command != "publish-crls") {
    return absl::InvalidArgumentError("no command \"" + command + "\": see --help");
  }
  MUSUBI_ASSIGN_OR_RETURN(const auto world, World::Open(dependencies, {.directory = directory}));
  if (command == "issue-cards") return IssueCards(*world);
  if (command == "revoke") return Revoke(*world);
  MUSUBI_ASSIGN_OR_RETURN(const CrlMisbehaviour misbehaviour,
                          ParseCrlMisbehaviour(absl::GetFlag(FLAGS_misbehave)));
  return world->PublishCrls(misbehaviour).status();
}

}  // namespace
}  // namespace musubi::sandbox

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(musubi::sandbox::kUsage);
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const std::string command = arguments.size() == 2 ? arguments[1] : "";
  const absl::Status status = musubi::sandbox::Run(command);
  if (status.ok()) return 0;
  std::cerr << "musubi-sandbox " << command << ": " << status.message() << '\n';
  return 1;
}
