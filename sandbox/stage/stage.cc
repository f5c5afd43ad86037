#include "sandbox/stage/stage.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "sandbox/ocsp_responder.h"
#include "sandbox/tls_files.h"

namespace musubi::sandbox {
namespace {

constexpr char kListening[] = "\"event\":\"listening\"";

}  // namespace

Stage::Stage(Dependencies dependencies, Options options)
    : dependencies_(std::move(dependencies)), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Create(Dependencies dependencies, Options options) {
  std::unique_ptr<Stage> stage(new Stage(std::move(dependencies), std::move(options)));
  if (pipe2(stage->commands_, O_CLOEXEC) != 0 || pipe2(stage->acks_, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make pipes to the server's clock");
  }
  MUSUBI_RETURN_IF_ERROR(stage->world().PublishCrls().status());
  MUSUBI_ASSIGN_OR_RETURN(
      auto responder,
      OcspResponder::Create(stage->clock(), {.directory = stage->options_.world_directory}));
  MUSUBI_ASSIGN_OR_RETURN(stage->ocsp_, OcspServer::Start(std::move(responder), 0));
  MUSUBI_RETURN_IF_ERROR(
      stage->ocsp_->WriteRespondersFile(stage->options_.directory, {.nonce = "REQUIRED"}));
  MUSUBI_RETURN_IF_ERROR(stage->WriteFiles());
  return stage;
}

Stage::~Stage() {
  process_.reset();
  for (const int descriptor : {commands_[0], commands_[1], acks_[0], acks_[1]}) {
    if (descriptor >= 0) close(descriptor);
  }
}

absl::Status Stage::WriteFiles() {
  MUSUBI_RETURN_IF_ERROR(WriteTlsFiles(options_.directory, machine_clock_.Now(),
                                       {kRelyingParty, kCardFirstRelyingParty}));
  MUSUBI_ASSIGN_OR_RETURN(flags_,
                          WriteServerFiles(options_.world_directory, options_.directory, random()));
  flags_.insert({{"listen", "127.0.0.1:0"},
                 {"port_file", File("port")},
                 {"tls_certificate", File("tls/server.crt")},
                 {"tls_private_key", File("tls/server.key")},
                 {"tls_client_ca", File("tls/ca.crt")},
                 {"responders", File("responders.json")}});
  return absl::OkStatus();
}

void Stage::Spawn() {
  if (process_ != nullptr) earlier_output_ += process_->output();
  std::vector<std::string> command = {options_.musubid};
  for (const auto& [name, value] : flags_) command.push_back("--" + name + "=" + value);
  process_ = std::make_unique<ChildProcess>(
      command,
      std::map<std::string, std::string>{
          {"MUSUBI_TEST_CLOCK_START", absl::StrCat(absl::ToUnixSeconds(clock().Now()))},
          {"MUSUBI_TEST_CLOCK_FD", absl::StrCat(commands_[0])},
          {"MUSUBI_TEST_CLOCK_ACK_FD", absl::StrCat(acks_[1])}},
      std::vector<int>{commands_[0], acks_[1]});
}

absl::Status Stage::Start() {
  Spawn();
  if (!WaitForOutput(kListening).ok()) {
    return absl::InternalError("the server did not start: " + process_->output());
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string port, base::ReadFile(flags_.at("port_file")));
  port_ = std::stoi(port);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Stage::StartAndFail() {
  Spawn();
  if (process_->WaitForText(kListening)) return absl::InternalError("the server serves");
  const int code = process_->Wait();
  if (code != 1) return absl::InternalError(absl::StrCat("exit code ", code));
  return process_->output();
}

int Stage::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

void Stage::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

absl::Status Stage::Restart() {
  if (const int code = Stop(); code != 0) {
    return absl::InternalError(absl::StrCat("the server ended with ", code));
  }
  return Start();
}

absl::Status Stage::Advance(absl::Duration step) {
  dependencies_.advance_clock(step);
  const std::string line = absl::StrCat("advance ", absl::ToDoubleSeconds(step), "\n");
  if (write(commands_[1], line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return absl::ErrnoToStatus(errno, "cannot write to the server's clock");
  }
  char octet = 0;
  do {
    if (read(acks_[0], &octet, 1) != 1) {
      return absl::ErrnoToStatus(errno, "the server's clock does not answer");
    }
  } while (octet != '\n');
  return absl::OkStatus();
}

std::unique_ptr<Connection> Stage::Connect(const std::string& role) const {
  const bool tls = flags_.contains("tls_certificate");
  auto connection = Connection::Create(
      machine_clock_,
      {.server = address(), .role = role, .tls_directory = tls ? File("tls") : std::string()});
  MUSUBI_CHECK(connection.ok(), connection.status().ToString());
  return *std::move(connection);
}

JourneyOptions Stage::JourneyOf(v1::Act act, v1::Flow flow, const std::string& account) const {
  return {.act = act,
          .flow = flow,
          .relying_party_id = kRelyingParty,
          .origin = kOrigin,
          .account_subject = account,
          .acr = kAcr,
          .return_uri = kReturnUri,
          .pins = {.authentication = "1234", .card_info = "5678"}};
}

absl::StatusOr<JourneyResult> Stage::Run(v1::Act act, v1::Flow flow, VirtualCard& card,
                                         const std::string& account) {
  const auto front = Connect("front");
  const auto relying_party = Connect(absl::StrCat("relying-party/", kRelyingParty));
  return Journey({.clock = clock(),
                  .random = random(),
                  .front = *front,
                  .relying_party = relying_party.get(),
                  .card = card},
                 JourneyOf(act, flow, account))
      .Run();
}

std::string Stage::output() {
  return earlier_output_ + (process_ != nullptr ? process_->output() : std::string());
}

absl::Status Stage::WaitForOutput(const std::string& text) {
  if (process_->WaitForText(text)) return absl::OkStatus();
  return absl::InternalError("the server ended without having written " + text);
}

}  // namespace musubi::sandbox
