// The log of certificate checks, of a server in a process of its own: rows that verify, a disk that
// stalls and fails, a kill.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/checklog/check_row.h"
#include "lib/checklog/verify.h"
#include "lib/crypto/keyring.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using base::ErrorReason;

std::string LogFolder(TestStage& stage) { return stage->flags().at("link_db") + ".checks"; }
std::string FirstSegment(TestStage& stage) {
  return LogFolder(stage) + "/" + checklog::SegmentName(1);
}

absl::StatusOr<v1::ValidateCertificateResponse> Ask(TestStage& stage, base::ByteView certificate,
                                                    v1::CheckPurpose purpose) {
  v1::ValidateCertificateRequest request;
  request.mutable_query()->set_certificate(base::ToString(certificate));
  request.mutable_query()->set_revocation_mode(v1::REVOCATION_MODE_CRL_ONLY);
  request.mutable_query()->set_purpose(purpose);
  return stage->Connect("platform")
      ->Call<v1::ValidationService, v1::ValidateCertificateRequest,
             v1::ValidateCertificateResponse>(&v1::ValidationService::Stub::ValidateCertificate,
                                              request, "");
}

struct Log {
  checklog::VerifyReport report;
  std::vector<std::string> checks;
};
Log ReadLog(TestStage& stage) {
  Log log;
  const auto keyring = crypto::Keyring::Load(stage->flags().at("audit_keyring"));
  const auto segments = checklog::OpenSegmentsToRead(LogFolder(stage));
  EXPECT_TRUE(keyring.ok() && segments.ok()) << keyring.status() << segments.status();
  if (!keyring.ok() || !segments.ok()) return log;
  const auto report =
      checklog::VerifySegments(**segments, *keyring, {}, [&](std::string_view json) {
        if (checklog::KindOf(json) == checklog::RowKind::kCheck) log.checks.emplace_back(json);
      });
  EXPECT_TRUE(report.ok()) << report.status();
  if (report.ok()) log.report = *report;
  EXPECT_TRUE(log.report.ok) << log.report.path << ": " << log.report.what;
  return log;
}

TEST(MusubidCheckLog, ChecksLeaveRowsThatVerifyOverARestart) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  const auto unnamed = Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_UNSPECIFIED);
  EXPECT_EQ(base::ReasonOf(unnamed.status()), ErrorReason::kFieldInvalid) << unnamed.status();
  EXPECT_EQ(base::MetadataOf(unnamed.status())["field"], "purpose");
  ASSERT_TRUE(Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_AUTHENTICATION).ok());
  ASSERT_TRUE(stage->Restart().ok()) << stage->output();
  ASSERT_TRUE(Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_STATUS_MONITORING).ok());
  ASSERT_EQ(stage->Stop(), 0) << stage->output();
  const Log log = ReadLog(stage);
  EXPECT_EQ(log.report.broken_runs, 0);
  ASSERT_EQ(log.checks.size(), 2u);
  EXPECT_THAT(log.checks[0], testing::HasSubstr(R"("caller":"platform","purpose":"AUTHENTICATION",)"
                                                R"("method":"CRL","data_age_s":)"));
  EXPECT_THAT(log.checks[1], testing::HasSubstr(R"("purpose":"STATUS_MONITORING")"));
}

// The segment's place is taken by a FIFO that nobody reads: a disk that does not come back.
TEST(MusubidCheckLog, OverflowAndAFailingDiskRefuseCallsAndLoseNoRow) {
  constexpr int kQueue = 5;
  TestStage stage;
  stage->flags()["check_log_queue"] = std::to_string(kQueue);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  const std::string segment = FirstSegment(stage);
  const std::string aside = stage->File("aside.log");
  const std::string fifo = stage->File("fifo");
  std::filesystem::rename(segment, aside);
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::filesystem::create_hard_link(fifo, segment);
  for (int i = 0; i < kQueue; ++i) {
    const auto taken = Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_SERVICE_TEST);
    ASSERT_TRUE(taken.ok()) << i << taken.status();
  }
  const auto overflow = Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_SERVICE_TEST);
  EXPECT_EQ(base::ReasonOf(overflow.status()), ErrorReason::kOverloaded) << overflow.status();
  // The writer's open returns, finds no log there, and tries again until it is back.
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(stage->WaitForOutput("check_log_failed").ok());
  const auto failing = Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_SERVICE_TEST);
  EXPECT_EQ(base::ReasonOf(failing.status()), ErrorReason::kUnavailable) << failing.status();
  std::filesystem::rename(aside, segment);
  ASSERT_TRUE(stage->WaitForOutput("check_log_recovered").ok());
  EXPECT_TRUE(Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_SERVICE_TEST).ok());
  ASSERT_EQ(stage->Stop(), 0) << stage->output();
  close(reader);
  EXPECT_EQ(ReadLog(stage).checks.size(), static_cast<size_t>(kQueue + 1));
}

TEST(MusubidCheckLog, AKillShowsAtTheNextStartAndADamagedLogStopsIt) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  ASSERT_TRUE(Ask(stage, card->ReadCertificate(), v1::CHECK_PURPOSE_SERVICE_TEST).ok());
  stage->Kill();
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  EXPECT_TRUE(stage->WaitForOutput(R"("ended_in_order":"no")").ok());
  ASSERT_EQ(stage->Stop(), 0);
  EXPECT_EQ(ReadLog(stage).report.broken_runs, 1);
  const std::string segment = FirstSegment(stage);
  const int file = open(segment.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(pwrite(file, "x", 1, 100), 1);
  close(file);
  const auto refused = stage->StartAndFail();
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_THAT(*refused, testing::HasSubstr("musubid: --check_log: " + segment + ": "));
}

}  // namespace
}  // namespace musubi::integration
