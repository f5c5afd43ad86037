#include "lib/link/sqlite_link_store.h"

#include <array>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "lib/link/account_rotation_contract.h"
#include "lib/link/audit_reader.h"
#include "lib/link/link_rotation.h"
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
                                                  crypto::Keyring audit_keyring,
                                                  crypto::Keyring account_keyring) override {
    return CreateSqliteLinkStore({.clock = &clock,
                                  .random = &random,
                                  .audit_keyring = std::move(audit_keyring),
                                  .account_keyring = std::move(account_keyring)},
                                 {.path = path_});
  }
  absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenAccountRows(
      const crypto::Keyring& account_keyring, base::SecureRandom& random) override {
    return OpenSqliteAccountRows(path_, account_keyring, random);
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
INSTANTIATE_TEST_SUITE_P(SqliteFile, AccountRotationContract, testing::Values(&MakeFileWorld));
INSTANTIATE_TEST_SUITE_P(SqliteMemory, LinkStoreContract, testing::Values(&MakeMemoryWorld));

// A store's file, and what opens it.
class SqliteLinkStoreFile : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<LinkStore>> Open() {
    return CreateSqliteLinkStore({.clock = &clock_,
                                  .random = &random_,
                                  .audit_keyring = audit_keyring_,
                                  .account_keyring = account_keyring_},
                                 {.path = path_});
  }
  // The file by itself, without what the store does.
  std::unique_ptr<sqlite::Database> OpenAsItIs() {
    constexpr static std::array<std::string_view, 1> kAsItIs = {"SELECT 1;"};
    return std::move(sqlite::Database::Open(path_, {0x4d734c6b, "link database", kAsItIs, 2},
                                            sqlite::Database::Mode::kExisting))
        .value();
  }
  // Every octet on the disk, the write-ahead log's too.
  std::string Octets() {
    return base::ReadFile(path_).value() + base::ReadFile(path_ + "-wal").value();
  }

  fakes::TempDir dir_;
  const std::string path_ = dir_.File("links.db");
  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  const crypto::Keyring audit_keyring_ = crypto::Keyring::Generate("a1", random_);
  const crypto::Keyring account_keyring_ = crypto::Keyring::Generate("n1", random_);
};

TEST_F(SqliteLinkStoreFile, KeepsWhatItHasOverARestartAndRefusesToEditTheAudit) {
  EXPECT_EQ(ReadSqliteAuditHead(path_).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE((*Open())
                  ->EndSession({.session_id = {1},
                                .relying_party_id = "party-a",
                                .outcome = SessionOutcome::kNotMe,
                                .answer = "kept",
                                .journey = {}})
                  .ok());
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*(*store)->GetSessionEnd({1}))->answer, "kept");
  EXPECT_FALSE(OpenAsItIs()->Execute("UPDATE audit SET event = 7").ok());
  EXPECT_FALSE(OpenAsItIs()->Execute("DELETE FROM audit").ok());
  EXPECT_TRUE((*store)->VerifyChain(std::nullopt)->ok);
  // An operator sees the same without the key of accounts.
  EXPECT_EQ(*ReadSqliteAuditHead(path_), *(*store)->ExportHead());
  EXPECT_TRUE(VerifySqliteAudit(path_, audit_keyring_, *(*store)->ExportHead())->ok);
}

TEST_F(SqliteLinkStoreFile, HasNoAccountInPlainNorAHashThatCanBeTried) {
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  const auto create_id = random_.Bytes<16>();
  const auto end_id = random_.Bytes<16>();
  const Account account{"https://idp.mihon.example", "shiken-ichigo-0001"};
  const auto link = (*store)->CreateLink(
      {.id = create_id, .body_hash = {1}},
      {.relying_party_id = "party-a", .account = account, .verdict_summary = "VALID"},
      AccountPolicy::kOneLinkPerAccount);
  ASSERT_TRUE(link.ok()) << link.status();
  ASSERT_TRUE(
      (*store)
          ->EndLink({.id = end_id, .body_hash = {2}},
                    {.relying_party_id = "party-a", .account = account, .link_id = link->id})
          .ok());
  const auto hidden = [this](std::string_view what) {
    const std::string octets = Octets();
    return octets.find(what) == std::string::npos &&
           octets.find(base::HexEncode(base::AsBytes(what))) == std::string::npos;
  };
  const std::vector<std::string> secrets = {
      account.issuer, account.subject,
      // Without the key nobody can try whether it is this account.
      base::ToString(crypto::Sha256LengthPrefixed(
          {base::AsBytes(account.issuer), base::AsBytes(account.subject)})),
      base::ToString(crypto::Sha256(base::AsBytes(account.subject))),
      // The ids with which a request's stored hash could be tried.
      base::ToString(create_id), base::ToString(end_id)};
  for (const std::string& secret : secrets) EXPECT_TRUE(hidden(secret)) << secret;
  EXPECT_FALSE(hidden("party-a"));  // The search sees what is there.
  EXPECT_EQ((*store)->GetLink(link->id)->account, account);
}

TEST_F(SqliteLinkStoreFile, AnAccountMovedToAnotherRowIsDataLossThatNamesNobody) {
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  for (const uint8_t i : {1, 2}) {
    ASSERT_TRUE((*store)
                    ->CreateLink({.id = {i}},
                                 {.relying_party_id = "party-a",
                                  .account = {"https://idp.example", "person-" + std::to_string(i)},
                                  .subject = {i},
                                  .person_id = {i},
                                  .session_id = {i}},
                                 AccountPolicy::kOneLinkPerAccount)
                    .ok());
  }
  const auto db = OpenAsItIs();
  const auto value_of = [&](const std::string& column, int row) {
    sqlite::Statement query = db->Query("SELECT " + column + " FROM links WHERE row = ?1", {row});
    EXPECT_TRUE(*query.Step());
    return query.Blob(0);
  };
  for (const std::string column : {"account_hash", "sealed_subject", "sealed_issuer"}) {
    const std::string update = "UPDATE links SET " + column + " = ?1 WHERE row = 2";
    const base::Bytes own = value_of(column, 2);
    ASSERT_TRUE(db->Execute(update, {value_of(column, 1)}).ok());
    const absl::Status status = (*store)->ListLinks({.relying_party_id = "party-a"}, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << column;
    EXPECT_EQ(status.message().find("person-"), std::string::npos) << status;
    ASSERT_TRUE(db->Execute(update, {own}).ok());
    EXPECT_TRUE((*store)->ListLinks({.relying_party_id = "party-a"}, {}).ok()) << column;
  }
}

TEST_F(SqliteLinkStoreFile, ADatabaseWithPlainAccountsIsRefusedWithTheFix) {
  constexpr std::array<std::string_view, 1> kVersion1 = {
      "CREATE TABLE links (account_issuer TEXT, account_subject TEXT) STRICT;"};
  ASSERT_TRUE(sqlite::Database::Open(path_, {0x4d734c6b, "link database", kVersion1},
                                     sqlite::Database::Mode::kCreateAndMigrate)
                  .ok());
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string& part : {path_, std::string("version 1"), std::string("move the file")}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace musubi::link
