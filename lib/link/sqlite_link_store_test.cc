#include "lib/link/sqlite_link_store.h"

#include "lib/link/link_store_contract.h"
#include "lib/sqlite/database.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::link {
namespace {

class SqliteWorld final : public LinkStoreWorld {
 public:
  explicit SqliteWorld(bool in_memory)
      : in_memory_(in_memory), path_(in_memory ? ":memory:" : dir_.File("links.db")) {}

  absl::StatusOr<std::unique_ptr<LinkStore>> Open(const base::Clock& clock,
                                                  base::SecureRandom& random,
                                                  crypto::Keyring audit_keyring) override {
    return CreateSqliteLinkStore(
        {.clock = &clock, .random = &random, .audit_keyring = std::move(audit_keyring)},
        {.path = path_});
  }
  bool shared() const override { return !in_memory_; }

 private:
  fakes::TempDir dir_;
  const bool in_memory_;
  const std::string path_;
};

std::unique_ptr<LinkStoreWorld> MakeFileWorld() { return std::make_unique<SqliteWorld>(false); }
std::unique_ptr<LinkStoreWorld> MakeMemoryWorld() { return std::make_unique<SqliteWorld>(true); }

INSTANTIATE_TEST_SUITE_P(SqliteFile, LinkStoreContract, testing::Values(&MakeFileWorld));
INSTANTIATE_TEST_SUITE_P(SqliteMemory, LinkStoreContract, testing::Values(&MakeMemoryWorld));

TEST(SqliteLinkStore, KeepsWhatItHasOverARestartAndRefusesToEditTheAudit) {
  fakes::TempDir dir;
  fakes::SimulatedClock clock;
  fakes::FakeRandom random;
  const crypto::Keyring keyring = crypto::Keyring::Generate("a1", random);
  const auto open = [&](bool create) {
    return CreateSqliteLinkStore({.clock = &clock, .random = &random, .audit_keyring = keyring},
                                 {.path = dir.File("links.db"), .create_and_migrate = create});
  };
  EXPECT_EQ(open(false).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE((*open(true))
                  ->EndSession({.session_id = {1},
                                .relying_party_id = "party-a",
                                .outcome = SessionOutcome::kNotMe,
                                .answer = "kept",
                                .journey = {}})
                  .ok());
  const auto store = open(false);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*(*store)->GetSessionEnd({1}))->answer, "kept");

  constexpr std::array<std::string_view, 1> kAsItIs = {"SELECT 1;"};
  auto db = sqlite::Database::Open(dir.File("links.db"), {0x4d734c6b, "link database", kAsItIs},
                                   sqlite::Database::Mode::kExisting);
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_FALSE((*db)->Execute("UPDATE audit SET event = 7").ok());
  EXPECT_FALSE((*db)->Execute("DELETE FROM audit").ok());
  EXPECT_TRUE((*store)->VerifyChain(std::nullopt)->ok);
}

}  // namespace
}  // namespace musubi::link
