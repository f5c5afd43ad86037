// The directory that load tests are made of starts a server, which answers every kind of question
// as is due: by CRL, and by the responder of the same directory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/load/inputs.h"
#include "bench/load/question_file.h"
#include "lib/base/file.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/journey/connection.h"
#include "sandbox/ocsp_server.h"
#include "sandbox/stage/child_process.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::integration {
namespace {

using bench::v1::LoadQuestion;

TEST(LoadInputs, AServerOfTheirFlagFileGivesEveryVerdictThatIsDue) {
  const fakes::SimulatedClock clock;
  const base::RealClock machine_clock;  // gRPC's deadlines are on it.
  const fakes::TempDir directory;
  const std::string inputs = directory.File("inputs");
  ASSERT_EQ(bench::MakeInputs(clock,
                              {.directory = inputs,
                               .cards = 60,
                               .keys = 2,
                               .revoked = 0.2,
                               .expired = 0.1,
                               .forged = 0.2,
                               .crl_entries = 20},
                              [](std::string_view) {}),
            absl::OkStatus());
  auto responder = sandbox::OcspResponder::Create(clock, {.directory = inputs + "/world"});
  ASSERT_TRUE(responder.ok()) << responder.status();
  const auto ocsp = sandbox::OcspServer::Start(*std::move(responder), /*port=*/0);
  ASSERT_TRUE(ocsp.ok()) << ocsp.status();
  ASSERT_EQ((*ocsp)->WriteRespondersFile(inputs + "/world"), absl::OkStatus());

  int commands[2], acks[2];
  ASSERT_EQ(pipe2(commands, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(acks, O_CLOEXEC), 0);
  // The binaries lie in bin/ beside the folder of the test's own binary.
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  sandbox::ChildProcess server(
      {self.parent_path().parent_path() / "bin/musubid_testclock",
       absl::StrCat("--flagfile=", inputs, "/musubid.flags"),
       "--port_file=" + directory.File("port")},
      {{"MUSUBI_TEST_CLOCK_START", absl::StrCat(absl::ToUnixSeconds(clock.Now()))},
       {"MUSUBI_TEST_CLOCK_FD", absl::StrCat(commands[0])},
       {"MUSUBI_TEST_CLOCK_ACK_FD", absl::StrCat(acks[1])}},
      {commands[0], acks[1]});
  ASSERT_TRUE(server.WaitForText("\"event\":\"listening\"")) << server.output();
  const std::string port = base::ReadFile(directory.File("port")).value();
  const auto connection = sandbox::Connection::Create(
      machine_clock,
      {.server = absl::StrCat("127.0.0.1:", stoi(port)), .role = "platform", .tls_directory = ""});
  ASSERT_TRUE(connection.ok()) << connection.status();

  const auto questions = bench::ReadQuestions(bench::QuestionsPath(inputs));
  ASSERT_TRUE(questions.ok()) << questions.status();
  ASSERT_EQ(questions->size(), 60);
  for (const auto mode : {v1::REVOCATION_MODE_CRL_ONLY, v1::REVOCATION_MODE_OCSP_ONLY}) {
    for (const LoadQuestion& question : *questions) {
      v1::ValidateCertificateRequest request;
      *request.mutable_query() = question.query();
      request.mutable_query()->set_revocation_mode(mode);
      const auto answer = (*connection)
                              ->Call<v1::ValidationService, v1::ValidateCertificateRequest,
                                     v1::ValidateCertificateResponse>(
                                  &v1::ValidationService::Stub::ValidateCertificate, request, "");
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->verdict().status(), question.status());
      EXPECT_EQ(answer->verdict().reason(), question.reason());
    }
  }
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0) << server.output();
  for (const int descriptor : {commands[0], commands[1], acks[0], acks[1]}) close(descriptor);
}

}  // namespace
}  // namespace musubi::integration
