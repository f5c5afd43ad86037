// Checkpoints of the audit, of a server in a process of its own: made at its end, and what they say
// of a database that was put back to an earlier moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/crypto/ed25519.h"
#include "lib/link/audit_checkpoint.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MusubidCheckpoints, OutliveWhatIsDoneToTheDatabase) {
  TestStage stage;
  const std::string file = stage->File("checkpoints.jsonl");
  const std::string key_file = stage->File("keys/evidence.keyring");  // Any Ed25519 key does.
  stage->flags()["audit_checkpoints"] = file;
  const auto refused = stage->StartAndFail();
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_THAT(*refused, HasSubstr("--audit_signing_key"));
  stage->flags()["audit_signing_key"] = key_file;

  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const std::string links = stage->flags().at("link_db");
  const auto card = stage.NewCard();
  ASSERT_TRUE(stage->Run(v1::ACT_LINK, v1::FLOW_ONE_DEVICE, *card).ok()) << stage->output();
  ASSERT_EQ(stage->Stop(), 0) << stage->output();
  const auto key = crypto::Ed25519PrivateKey::Load(key_file);
  ASSERT_TRUE(key.ok()) << key.status();
  const auto verify = [&] {
    const auto reader = link::OpenSqliteAudit(links);
    EXPECT_TRUE(reader.ok()) << reader.status();
    auto report = link::VerifyCheckpoints(file, {{key->id(), key->public_key()}}, **reader);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(link::CheckpointReport());
  };
  EXPECT_TRUE(verify().ok);
  EXPECT_EQ(verify().count, 1);
  EXPECT_THAT(stage->output(), HasSubstr(R"("event":"audit_checkpoint")"));

  const std::string earlier = stage->File("earlier.db");
  std::filesystem::copy(links, earlier);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  ASSERT_TRUE(stage->Run(v1::ACT_UNLINK, v1::FLOW_ONE_DEVICE, *card).ok()) << stage->output();
  ASSERT_EQ(stage->Stop(), 0) << stage->output();
  EXPECT_EQ(verify().count, 2);
  EXPECT_THAT(stage->output(), Not(HasSubstr("audit_went_back")));

  // The unlinking is undone. Its audit entry is gone, and the chain holds.
  std::filesystem::copy(earlier, links, std::filesystem::copy_options::overwrite_existing);
  const link::CheckpointReport cut = verify();
  ASSERT_EQ(cut.findings.size(), 1u);
  EXPECT_EQ(cut.findings[0].fault, link::CheckpointFault::kChainTruncated);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  EXPECT_THAT(stage->output(), HasSubstr("audit_went_back"));
  EXPECT_EQ(stage->Stop(), 0) << stage->output();
}

}  // namespace
}  // namespace musubi::integration
