// musubi-journey: plays browser, phone and relying party against a running musubid, and prints one
// line a step with its time; or misbehaves against one of its own, and prints what the person would
// see. Flags to library calls; see journey.h and sandbox/misbehave/misbehaviour.h.
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/base/clock.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/mutex.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "sandbox/journey/journey.h"
#include "sandbox/misbehave/cast.h"
#include "sandbox/misbehave/misbehaviour.h"
#include "sandbox/stage/stage.h"
#include "sandbox/world.h"

ABSL_FLAG(std::string, server, "", "musubid's address, HOST:PORT");
ABSL_FLAG(std::string, tls_dir, "",
          "folder of musubi-sandbox tls; empty: plaintext on loopback, roles in the metadata");
ABSL_FLAG(std::string, act, "LINK", "LINK, UNLINK, VERIFY or REPLACE");
ABSL_FLAG(std::string, flow, "cross-device", "cross-device or one-device");
ABSL_FLAG(std::string, card, "", "card file of musubi-sandbox issue-cards");
ABSL_FLAG(std::string, authentication_pin, "1234", "the card's authentication PIN");
ABSL_FLAG(std::string, card_info_pin, "5678", "the card's card-info PIN");
ABSL_FLAG(std::string, relying_party, "demo-university", "for whom, or by whom (VERIFY)");
ABSL_FLAG(std::string, origin, "https://prelink.example", "origin that the app is connected to");
ABSL_FLAG(std::string, account_issuer, "https://idp.university.example",
          "issuer of the account that signs in");
ABSL_FLAG(std::string, account_subject, "shiken-001", "subject of the account that signs in");
ABSL_FLAG(std::string, acr, "urn:example:mfa", "how the account signed in");
ABSL_FLAG(bool, card_first, false, "name the account only after the card was read");
ABSL_FLAG(std::string, return_uri, "https://reset.university.example/return",
          "VERIFY: a registered return URI of the relying party");
ABSL_FLAG(std::string, misbehave, "",
          "in place of a journey: one row of docs/errors.md, as in start-code-twice, against a "
          "musubid of its own; \"list\" prints their names");
ABSL_FLAG(std::string, musubid, "", "--misbehave: path of musubid_testclock");
ABSL_FLAG(std::string, stage_dir, "", "--misbehave: an empty directory for keys, cards and stores");

namespace musubi::sandbox {
namespace {

absl::StatusOr<JourneyOptions> OptionsOfFlags() {
  JourneyOptions options = {.relying_party_id = absl::GetFlag(FLAGS_relying_party),
                            .origin = absl::GetFlag(FLAGS_origin),
                            .account_issuer = absl::GetFlag(FLAGS_account_issuer),
                            .account_subject = absl::GetFlag(FLAGS_account_subject),
                            .acr = absl::GetFlag(FLAGS_acr),
                            .account_first = !absl::GetFlag(FLAGS_card_first),
                            .return_uri = absl::GetFlag(FLAGS_return_uri),
                            .pins = {.authentication = absl::GetFlag(FLAGS_authentication_pin),
                                     .card_info = absl::GetFlag(FLAGS_card_info_pin)}};
  const std::string act = absl::GetFlag(FLAGS_act);
  if (!v1::Act_Parse("ACT_" + act, &options.act) || options.act == v1::ACT_UNSPECIFIED) {
    return absl::InvalidArgumentError("--act is " + act + ": use LINK, UNLINK, VERIFY or REPLACE");
  }
  const std::string flow = absl::GetFlag(FLAGS_flow);
  if (flow != "cross-device" && flow != "one-device") {
    return absl::InvalidArgumentError("--flow is " + flow + ": use cross-device or one-device");
  }
  options.flow = flow == "one-device" ? v1::FLOW_ONE_DEVICE : v1::FLOW_CROSS_DEVICE;
  return options;
}

absl::Status Run() {
  MUSUBI_ASSIGN_OR_RETURN(const JourneyOptions options, OptionsOfFlags());
  if (absl::GetFlag(FLAGS_server).empty()) {
    return absl::InvalidArgumentError("--server is absent: name musubid's HOST:PORT");
  }
  if (absl::GetFlag(FLAGS_card).empty()) {
    return absl::InvalidArgumentError("--card is absent: name a card file");
  }
  MUSUBI_ASSIGN_OR_RETURN(const auto card, VirtualCard::Load(absl::GetFlag(FLAGS_card)));
  const base::RealClock clock;
  base::SystemRandom random;
  Connection::Options connection = {.server = absl::GetFlag(FLAGS_server),
                                    .role = "front",
                                    .tls_directory = absl::GetFlag(FLAGS_tls_dir)};
  MUSUBI_ASSIGN_OR_RETURN(const auto front, Connection::Create(clock, connection));
  std::unique_ptr<Connection> relying_party;
  if (options.act == v1::ACT_VERIFY) {
    connection.role = "relying-party/" + options.relying_party_id;
    MUSUBI_ASSIGN_OR_RETURN(relying_party, Connection::Create(clock, connection));
  }

  Journey journey({.clock = clock,
                   .random = random,
                   .front = *front,
                   .relying_party = relying_party.get(),
                   .card = *card},
                  options, [](const Step& step) {
                    std::cout << absl::StreamFormat(
                        "%9.1f ms  %-13s  %s\n", absl::ToDoubleMilliseconds(step.took),
                        base::ToAbsl(step.party), base::ToAbsl(step.action));
                  });
  MUSUBI_ASSIGN_OR_RETURN(const JourneyResult result, journey.Run());
  std::cout << "session " << base::HexEncode(base::AsBytes(result.session_id)) << "\nlink    "
            << base::HexEncode(base::AsBytes(result.link_id)) << '\n';
  if (!result.account_subject.empty()) std::cout << "account " << result.account_subject << '\n';
  return absl::OkStatus();
}

// The time of a stage: stands still until it is moved.
class StageClock final : public base::Clock {
 public:
  explicit StageClock(absl::Time now) : now_(now) {}
  absl::Time Now() const override {
    base::MutexLock lock(mutex_);
    return now_;
  }
  void Advance(absl::Duration step) {
    base::MutexLock lock(mutex_);
    now_ += step;
  }

 private:
  mutable base::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

absl::Status ListMisbehaviours() {
  for (const Misbehaviour& row : Misbehaviours()) std::cout << row.name << '\n';
  return absl::OkStatus();
}

absl::Status Misbehave(const std::string& name) {
  if (name == "list") return ListMisbehaviours();
  const Misbehaviour* row = FindMisbehaviour(name);
  if (row == nullptr) {
    return absl::InvalidArgumentError("--misbehave is " + name +
                                      ": no such row; --misbehave=list prints the names");
  }
  const std::string directory = absl::GetFlag(FLAGS_stage_dir);
  if (directory.empty() || absl::GetFlag(FLAGS_musubid).empty()) {
    return absl::InvalidArgumentError(
        "--misbehave needs --stage_dir, an empty directory, and --musubid, the path of "
        "musubid_testclock");
  }
  StageClock clock(base::RealClock().Now());
  base::SystemRandom random;
  const std::string world_directory = directory + "/world";
  MUSUBI_ASSIGN_OR_RETURN(const auto world, World::Create({.clock = clock, .random = random},
                                                          {.directory = world_directory}));
  MUSUBI_ASSIGN_OR_RETURN(
      const auto stage,
      Stage::Create({.world = *world,
                     .clock = clock,
                     .advance_clock = [&clock](absl::Duration step) { clock.Advance(step); },
                     .random = random},
                    {.world_directory = world_directory,
                     .directory = directory,
                     .musubid = absl::GetFlag(FLAGS_musubid)}));
  MUSUBI_RETURN_IF_ERROR(stage->Start());
  Cast cast(*stage);
  MUSUBI_ASSIGN_OR_RETURN(const Observed observed, row->play(cast));
  std::cout << "deed     " << row->deed << "\noutcome  " << ToString(observed.outcome) << '\n';
  if (!observed.said.empty()) std::cout << "said     " << observed.said << '\n';
  std::cout << "state    " << v1::SessionState_Name(observed.state) << "\n\nThe person sees:\n  "
            << row->told << '\n';
  if (observed.outcome == row->outcome && observed.state == row->state) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("expected ", ToString(row->outcome), " and ",
                                          v1::SessionState_Name(row->state)));
}

}  // namespace
}  // namespace musubi::sandbox

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "plays browser, phone and relying party against a running musubid.\n\n"
      "  musubi-journey --server 127.0.0.1:PORT --card D/cards/1.card.json --act=LINK "
      "--flow=cross-device");
  absl::ParseCommandLine(argc, argv);
  const std::string misbehave = absl::GetFlag(FLAGS_misbehave);
  const absl::Status status =
      misbehave.empty() ? musubi::sandbox::Run() : musubi::sandbox::Misbehave(misbehave);
  if (status.ok()) return 0;
  const auto reason = musubi::base::ReasonOf(status);
  std::cerr << "musubi-journey: "
            << (reason ? std::string(musubi::base::Name(*reason)) + ": " : std::string())
            << status.message() << '\n';
  return 1;
}
