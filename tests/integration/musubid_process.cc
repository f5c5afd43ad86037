#include "tests/integration/musubid_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/crypto/keyring.h"
#include "sandbox/ocsp_responder.h"

namespace musubi::integration {
namespace {

// The binaries lie in bin/ beside the folder of the test's own binary.
std::string BinaryPath(const std::string& name) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  return self.parent_path().parent_path() / "bin" / name;
}

}  // namespace

MusubidProcess::MusubidProcess() {
  MUSUBI_CHECK(pipe2(commands_, O_CLOEXEC) == 0 && pipe2(acks_, O_CLOEXEC) == 0, "no pipes");
  MUSUBI_CHECK(world_.world->PublishCrls().ok(), "no CRLs");
  auto responder = sandbox::OcspResponder::Create(world_.clock, {.directory = world_.directory});
  MUSUBI_CHECK(responder.ok(), responder.status().ToString());
  auto server = sandbox::OcspServer::Start(*std::move(responder), 0);
  MUSUBI_CHECK(server.ok(), server.status().ToString());
  ocsp_server_ = *std::move(server);
  MUSUBI_CHECK(ocsp_server_->WriteRespondersFile(world_.directory).ok(), "no responders.json");
  std::filesystem::create_directory(File("keys"));
  for (const std::string key : {"service", "card", "audit", "person-index", "person-data",
                                "evidence", "demo-university.subject"}) {
    const auto keyring = crypto::Keyring::Generate("k1", world_.random);
    MUSUBI_CHECK(base::WriteFileAtomically(File("keys/" + key + ".keyring"),
                                           keyring.Serialize().Reveal(), 0600)
                     .ok(),
                 "cannot write a key");
  }
  std::filesystem::copy("deploy/demo/relying-parties.json", File("relying-parties.json"));
  const std::string& world = world_.directory;
  flags_ = {
      {"listen", "127.0.0.1:0"},
      {"port_file", File("port")},
      {"insecure_loopback_roles", "front,platform,relying-party/demo-university"},
      {"environment", "SIM"},
      {"anchors", world + "/anchors.json"},
      {"hierarchy", world + "/hierarchy.json"},
      {"name_issuers", world + "/name-issuers.json"},
      {"crl_directory", world + "/crl"},
      {"responders", world + "/responders.json"},
      {"relying_parties", File("relying-parties.json")},
      {"service_keyring", File("keys/service.keyring")},
      {"card_keyring", File("keys/card.keyring")},
      {"evidence_key", File("keys/evidence.keyring")},
      {"link_db", File("links.db")},
      {"audit_keyring", File("keys/audit.keyring")},
      {"person_db", File("persons.db")},
      {"person_index_keyring", File("keys/person-index.keyring")},
      {"person_data_keyring", File("keys/person-data.keyring")},
  };
}

MusubidProcess::~MusubidProcess() {
  process_.reset();
  for (const int descriptor : {commands_[0], commands_[1], acks_[0], acks_[1]}) close(descriptor);
}

void MusubidProcess::Spawn() {
  std::vector<std::string> command = {BinaryPath("musubid_testclock")};
  for (const auto& [name, value] : flags_) command.push_back("--" + name + "=" + value);
  process_ = std::make_unique<fakes::ChildProcess>(
      command,
      std::map<std::string, std::string>{
          {"MUSUBI_TEST_CLOCK_START", std::to_string(absl::ToUnixSeconds(world_.clock.Now()))},
          {"MUSUBI_TEST_CLOCK_FD", std::to_string(commands_[0])},
          {"MUSUBI_TEST_CLOCK_ACK_FD", std::to_string(acks_[1])}},
      std::vector<int>{commands_[0], acks_[1]});
}

void MusubidProcess::Start() {
  Spawn();
  ASSERT_TRUE(process_->WaitForText("\"event\":\"listening\"")) << process_->errors();
  port_ = std::stoi(*base::ReadFile(flags_.at("port_file")));
}

std::string MusubidProcess::StartAndFail() {
  Spawn();
  EXPECT_EQ(process_->Wait(), 1);
  EXPECT_EQ(process_->errors().find("\"event\":\"listening\""), std::string::npos);
  return process_->errors();
}

int MusubidProcess::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

void MusubidProcess::Advance(absl::Duration step) {
  world_.clock.Advance(step);
  const std::string line = "advance " + std::to_string(absl::ToDoubleSeconds(step)) + "\n";
  ASSERT_EQ(write(commands_[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
  char octet = 0;
  do {
    ASSERT_EQ(read(acks_[0], &octet, 1), 1);
  } while (octet != '\n');
}

std::unique_ptr<sandbox::Connection> MusubidProcess::Connect(const std::string& role) const {
  auto connection = sandbox::Connection::Create(
      machine_clock_, {.server = "127.0.0.1:" + std::to_string(port_), .role = role});
  MUSUBI_CHECK(connection.ok(), connection.status().ToString());
  return *std::move(connection);
}

absl::StatusOr<sandbox::JourneyResult> MusubidProcess::Run(v1::Act act, v1::Flow flow,
                                                           sandbox::VirtualCard& card,
                                                           const std::string& account) {
  const auto front = Connect("front");
  const auto relying_party = Connect("relying-party/demo-university");
  return sandbox::RunJourney({.clock = world_.clock,
                              .random = world_.random,
                              .front = *front,
                              .relying_party = relying_party.get(),
                              .card = card},
                             {.act = act,
                              .flow = flow,
                              .origin = kOrigin,
                              .account_subject = account,
                              .acr = "urn:example:acr:mfa",
                              .return_uri = "https://account.mihon.example/recovery/return",
                              .pins = {.authentication = "1234", .card_info = "5678"}},
                             [](const sandbox::Step&) {});
}

}  // namespace musubi::integration
