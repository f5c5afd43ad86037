#include "services/musubid/checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/base/file.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/telemetry/metrics.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::services::musubid {
namespace {

using testing::HasSubstr;

class CheckpointsTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.audit_checkpoints = folder_.File("checkpoints.jsonl");
    config_.audit_signing_key = folder_.File("signing.keyring");
    const auto key = crypto::Ed25519PrivateKey::Generate("c1", random_);
    ASSERT_TRUE(
        base::WriteFileAtomically(config_.audit_signing_key, key.Serialize().Reveal(), 0600).ok());
    OpenLinks();
  }
  void OpenLinks() {
    auto store = musubi::link::CreateSqliteLinkStore(
        {.clock = &clock_,
         .random = &random_,
         .audit_keyring = crypto::Keyring::Generate("a1", random_),
         .account_keyring = crypto::Keyring::Generate("n1", random_)},
        {.path = ":memory:"});
    ASSERT_TRUE(store.ok()) << store.status();
    links_ = *std::move(store);
  }
  absl::StatusOr<std::unique_ptr<Checkpoints>> Open() {
    return Checkpoints::Open({.clock = clock_, .links = *links_, .log = log_, .metrics = metrics_},
                             config_);
  }
  void AppendEntry() {
    ASSERT_TRUE(links_
                    ->EndSession({.session_id = random_.Bytes<16>(),
                                  .relying_party_id = "party-a",
                                  .outcome = musubi::link::SessionOutcome::kNotMe,
                                  .answer = "kept",
                                  .journey = {}})
                    .ok());
  }
  void ExpectCounts(int written, int failures, int regressions) {
    const std::string text = registry_.Scrape();
    const auto expect = [&](const std::string& name, int count) {
      EXPECT_THAT(text, HasSubstr("\n" + name + " " + std::to_string(count) + "\n"));
    };
    expect("musubi_audit_checkpoints_total", written);
    expect("musubi_audit_checkpoint_failures_total", failures);
    expect("musubi_audit_regressions_total", regressions);
  }

  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  fakes::TempDir folder_;
  telemetry::Log log_{clock_};
  telemetry::MetricRegistry registry_;
  Metrics metrics_{registry_};
  Config config_;
  std::unique_ptr<musubi::link::LinkStore> links_;
};

TEST_F(CheckpointsTest, AreMadeAtTheStartAndOfWhatMovedSince) {
  AppendEntry();
  const auto checkpoints = Open();
  ASSERT_TRUE(checkpoints.ok()) << checkpoints.status();
  ExpectCounts(1, 0, 0);
  (*checkpoints)->Write();
  ExpectCounts(1, 0, 0);
  AppendEntry();
  (*checkpoints)->Write();
  ExpectCounts(2, 0, 0);
  const std::string text = *base::ReadFile(config_.audit_checkpoints);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
}

TEST_F(CheckpointsTest, ADiskThatFailsIsCountedAndMadeUpForLater) {
  const auto checkpoints = Open();
  ASSERT_TRUE(checkpoints.ok()) << checkpoints.status();
  AppendEntry();
  std::filesystem::create_directory(config_.audit_checkpoints);  // No file can be there.
  (*checkpoints)->Write();
  ExpectCounts(0, 1, 0);
  std::filesystem::remove(config_.audit_checkpoints);
  (*checkpoints)->Write();
  ExpectCounts(1, 1, 0);
}

TEST_F(CheckpointsTest, ADatabaseThatWentBackRaisesTheAlarmAtTheNextStart) {
  AppendEntry();
  ASSERT_TRUE(Open().ok());
  OpenLinks();  // Another one, which is empty.
  ASSERT_TRUE(Open().ok());
  ExpectCounts(1, 0, 1);
}

TEST_F(CheckpointsTest, AreOffWithoutAFileAndRefuseOneThatTheyCannotUse) {
  config_.audit_signing_key += ".absent";
  const auto refused = Open();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--audit_signing_key"));
  config_.audit_checkpoints = "";
  const auto off = Open();
  ASSERT_TRUE(off.ok()) << off.status();
  EXPECT_EQ(*off, nullptr);
}

}  // namespace
}  // namespace musubi::services::musubid
