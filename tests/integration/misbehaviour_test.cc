// The table of misbehaviours, walked against a running musubid: right outcome, right state, nothing
// written that should not be, server alive.
#include "sandbox/misbehave/misbehaviour.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "lib/crypto/keyring.h"
#include "lib/link/sqlite_link_store.h"
#include "sandbox/misbehave/cast.h"
#include "sandbox/misbehave/plays.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using sandbox::Misbehaviour;

// What all rows share: a server is started once, and anew only for rows that need it otherwise.
struct Theatre {
  TestStage stage;
  std::unique_ptr<sandbox::Cast> cast;
  std::unique_ptr<link::LinkStore> links;  // The server's own file, opened beside it.
  base::SystemRandom random;

  Theatre() {
    const absl::Status started = stage->Start();
    MUSUBI_CHECK(started.ok(), started.ToString());
    cast = std::make_unique<sandbox::Cast>(*stage);
    auto opened = link::CreateSqliteLinkStore(
        {.clock = &stage.world().clock,
         .random = &random,
         .audit_keyring = *crypto::Keyring::Load(stage->File("keys/audit.keyring"))},
        {.path = stage->File("links.db"), .create_and_migrate = false});
    MUSUBI_CHECK(opened.ok(), opened.status().ToString());
    links = *std::move(opened);
  }

  int64_t AuditEntries() { return links->ExportHead()->sequence; }
};

class MisbehaviourTest : public testing::TestWithParam<Misbehaviour> {
 protected:
  static void SetUpTestSuite() { theatre_ = new Theatre; }
  static void TearDownTestSuite() {
    delete theatre_;
    theatre_ = nullptr;
  }
  static Theatre* theatre_;
};
Theatre* MisbehaviourTest::theatre_ = nullptr;

TEST_P(MisbehaviourTest, ComesToWhatTheTableSays) {
  const Misbehaviour& row = GetParam();
  Theatre& theatre = *theatre_;
  const int64_t before = theatre.AuditEntries();
  const auto observed = row.play(*theatre.cast);
  ASSERT_TRUE(observed.ok()) << observed.status() << "\n" << theatre.stage->output();
  EXPECT_EQ(ToString(observed->outcome), ToString(row.outcome)) << observed->said;
  EXPECT_EQ(observed->outcome, row.outcome);
  EXPECT_EQ(v1::SessionState_Name(observed->state), v1::SessionState_Name(row.state));
  EXPECT_EQ(theatre.AuditEntries() - before, row.audit_entries);
  // The chain holds, and the server goes on.
  const auto chain = theatre.links->VerifyChain(std::nullopt);
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_TRUE(chain->ok) << chain->what;
  const auto next = sandbox::LookAtNothing(*theatre.cast);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->outcome.reason, base::ErrorReason::kSessionNotFound) << next->said;
}

std::string TestName(const testing::TestParamInfo<Misbehaviour>& row) {
  std::string name(row.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Table, MisbehaviourTest, testing::ValuesIn(sandbox::Misbehaviours()),
                         TestName);

TEST(Misbehaviours, AreManyAndEachHasANameAndWordsOfItsOwn) {
  std::set<std::string_view> names, deeds;
  for (const Misbehaviour& row : sandbox::Misbehaviours()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(deeds.insert(row.deed).second) << row.deed;
    EXPECT_EQ(sandbox::FindMisbehaviour(row.name)->deed, row.deed);
    EXPECT_FALSE(row.told.empty()) << row.name;
  }
  EXPECT_GE(names.size(), 90u);
  EXPECT_EQ(sandbox::FindMisbehaviour("no-such-row"), nullptr);
}

}  // namespace
}  // namespace musubi::integration
