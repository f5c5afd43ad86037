// How musubid is reached: TLS 1.3 alone, certificates that are replaced under it, what each role
// may call, and what only a flag turns on.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/rpc/method_table.h"
#include "sandbox/tls_files.h"
#include "tests/fakes/tls_probe.h"
#include "tests/integration/health_call.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using base::ErrorReason;

std::string ReadTlsFile(TestStage& stage, const std::string& name) {
  return base::ReadFile(stage->File("tls/" + name)).value();
}

void WriteTlsFile(TestStage& stage, const std::string& name, const std::string& content) {
  ASSERT_TRUE(base::WriteFileAtomically(stage->File("tls/" + name), content, 0600).ok());
}

fakes::TlsProbe ProbeOfFront(TestStage& stage) {
  return {.certificate = ReadTlsFile(stage, "front.crt"),
          .private_key = ReadTlsFile(stage, "front.key")};
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(MusubidTransport, SpeaksTls13AloneWhateverItsEnvironmentSays) {
  for (const char* ciphers : {"", "ALL", "ECDHE-ECDSA-AES128-GCM-SHA256"}) {
    TestStage stage;
    setenv("GRPC_SSL_CIPHER_SUITES", ciphers, 1);
    const absl::Status started = stage->Start();
    unsetenv("GRPC_SSL_CIPHER_SUITES");
    ASSERT_TRUE(started.ok()) << started;
    fakes::TlsProbe probe = ProbeOfFront(stage);
    EXPECT_TRUE(fakes::HandshakeWith(stage->port(), probe).ok());
    probe.version = fakes::TlsVersion::k12;
    EXPECT_EQ(fakes::HandshakeWith(stage->port(), probe).status().code(),
              absl::StatusCode::kAborted)
        << ciphers;
  }
}

TEST(MusubidTransport, KeepsTheLastGoodPairUntilThereIsAnother) {
  TestStage stage;
  constexpr absl::Duration kInterval = absl::Seconds(1);
  stage->flags()["tls_refresh_interval"] = "1s";
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const std::string certificate = ReadTlsFile(stage, "server.crt");
  const std::string key = ReadTlsFile(stage, "server.key");
  const fakes::TlsProbe probe = ProbeOfFront(stage);
  const auto served = [&] { return fakes::HandshakeWith(stage->port(), probe).value(); };
  EXPECT_EQ(served(), certificate);

  struct Case {
    const char* file;
    std::string content;
  };
  const Case broken[] = {
      {"server.key", ReadTlsFile(stage, "front.key")},
      {"server.key", key.substr(0, key.size() / 2)},
      {"server.key", ""},
      {"server.crt", certificate.substr(0, certificate.size() / 2)},
      {"server.crt", ReadTlsFile(stage, "front.crt")},
      {"server.crt", ""},
      {"ca.crt", "no certificate\n"},
  };
  const auto failures = [&] { return Count(stage->output(), "\"tls_refresh_failed\""); };
  for (const Case& c : broken) {
    const std::string good = ReadTlsFile(stage, c.file);
    const size_t before = failures();
    WriteTlsFile(stage, c.file, c.content);
    do {
      ASSERT_TRUE(stage->Advance(kInterval).ok());
      ASSERT_EQ(served(), certificate) << c.file;
    } while (failures() == before);
    EXPECT_EQ(served(), certificate) << c.file;
    WriteTlsFile(stage, c.file, good);
  }
  EXPECT_EQ(Count(stage->output(), "\"tls_refreshed\""), 0u);

  // A new CA, and with it a new pair for everybody.
  ASSERT_TRUE(sandbox::WriteTlsFiles(stage->File(""), base::RealClock().Now()).ok());
  const std::string next = ReadTlsFile(stage, "server.crt");
  while (served() != next) ASSERT_TRUE(stage->Advance(kInterval).ok());
  EXPECT_GE(Count(stage->output(), "\"tls_refreshed\""), 1u);
  // gRPC may take the pair a second before the client CA.
  const auto front = stage->Connect("front");
  ASSERT_TRUE(front->channel()->WaitForConnected(gpr_inf_future(GPR_CLOCK_REALTIME)));
  const auto card = stage.NewCard();
  EXPECT_TRUE(stage->Run(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, *card).ok());
}

TEST(MusubidTransport, EachMethodIsForTheRolesOfTheTableAndNoOther) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const std::pair<rpc::Role, std::string> roles[] = {
      {rpc::Role::kFront, "front"},
      {rpc::Role::kPlatform, "platform"},
      {rpc::Role::kOperator, "operator"},
      {rpc::Role::kRelyingParty, "relying-party/demo-university"},
  };
  EXPECT_EQ(rpc::MethodTable().size(), 27u);
  for (const auto& [role, name] : roles) {
    const auto connection = stage->Connect(name);
    for (const rpc::MethodRule& rule : rpc::MethodTable()) {
      grpc::ClientContext context;
      connection->Prepare(context, std::string(32, 'c'));
      const absl::Status status = connection->CallRaw(std::string(rule.method), "", context);
      const auto reason = base::ReasonOf(status);
      EXPECT_TRUE(status.ok() || reason.has_value()) << name << rule.method << status;
      EXPECT_NE(reason, ErrorReason::kCallerUnauthenticated) << name << rule.method;
      const bool allowed = (rule.roles & static_cast<unsigned>(role)) != 0;
      EXPECT_EQ(reason != ErrorReason::kRoleNotAllowed, allowed) << name << rule.method << status;
    }
  }
}

TEST(MusubidTransport, ReflectionAndChannelzAreThereByFlagAlone) {
  const std::string reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  const std::string channelz = "/grpc.channelz.v1.Channelz/GetServers";
  for (const bool on : {false, true}) {
    TestStage stage;
    if (on) stage->flags().insert({{"reflection", "true"}, {"channelz", "true"}});
    ASSERT_TRUE(stage->Start().ok()) << stage->output();
    const auto connection = stage->Connect("operator");
    for (const std::string& method : {reflection, channelz}) {
      grpc::ClientContext context;
      connection->Prepare(context, "");
      EXPECT_EQ(connection->CallRaw(method, "", context).code(),
                on ? absl::StatusCode::kOk : absl::StatusCode::kUnimplemented)
          << method;
    }
  }
}

TEST(MusubidTransport, ProbesAskInPlaintextAndReachNothingElse) {
  TestStage stage;
  ServeProbes(stage);
  stage->flags().insert({{"reflection", "true"}, {"channelz", "true"}, {"drain_grace", "1h"}});
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto probe = ChannelOfProbes(stage);
  const auto check = [&](const std::string& service) {
    return HealthCall(probe, "Check", service).Next();
  };
  for (const char* service : {"", "liveness", "readiness", "musubi.v1.LinkService"}) {
    EXPECT_EQ(check(service), kServing) << service;
  }
  EXPECT_EQ(check("musubi.v1.OtherService"), 0);

  const auto front = stage->Connect("front");
  grpc::GenericStub stub(probe);
  std::vector<std::string> methods = {
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      "/grpc.channelz.v1.Channelz/GetServers"};
  for (const rpc::MethodRule& rule : rpc::MethodTable()) methods.emplace_back(rule.method);
  for (const std::string& method : methods) {
    grpc::ClientContext context;
    front->Prepare(context, std::string(32, 'c'));
    context.AddMetadata("musubi-role", "front");
    const grpc::Slice nothing("");
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    grpc::Status status;
    std::latch done(1);
    stub.UnaryCall(&context, method, {}, &request, &response, [&](grpc::Status result) {
      status = std::move(result);
      done.count_down();
    });
    done.wait();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
  }

  // A watch on the services' port is a call under way, which the drain waits for.
  auto under_way = std::make_unique<HealthCall>(front->channel(), "Watch", "");
  ASSERT_EQ(under_way->Next(), kServing);
  HealthCall readiness(probe, "Watch", "readiness");
  ASSERT_EQ(readiness.Next(), kServing);
  int code = -1;
  std::thread stopper([&] { code = stage->Stop(); });
  EXPECT_EQ(readiness.Next(), kNotServing);
  EXPECT_EQ(under_way->Next(), kNotServing);  // So the drain has got this far.
  for (const char* service : {"", "readiness", "musubi.v1.LinkService"}) {
    EXPECT_EQ(check(service), kNotServing) << service;
  }
  EXPECT_EQ(check("liveness"), kServing);
  under_way.reset();
  stopper.join();
  EXPECT_EQ(code, 0);
}

TEST(MusubidTransport, RefreshesNoMoreThanOnceASecond) {
  TestStage stage;
  stage->flags()["tls_refresh_interval"] = "999ms";
  const auto said = stage->StartAndFail();
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_NE(said->find("--tls_refresh_interval=999ms: must be at least 1s"), std::string::npos);
}

}  // namespace
}  // namespace musubi::integration
