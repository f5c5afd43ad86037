#include "services/musubictl/commands.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <sstream>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/ed25519.h"
#include "lib/crypto/keyring.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/sqlite/database.h"
#include "services/musubictl/commands_fixture.h"
#include "services/musubictl/roles.h"

namespace musubi::services::musubictl {
namespace {

class Musubictl : public CommandsFixture {
 protected:
  int Verify(const std::string& expected_head = "") {
    Flags flags = AuditFlags();
    flags.expected_head = expected_head;
    return Run({"audit", "verify"}, flags);
  }
  Flags AuditFlags() const { return {.link_db = db_, .audit_keyring = keyring_}; }

  // Four links, of which two have ended: six entries.
  void Fill() {
    ASSERT_EQ(Run({"keyring", "new"}, {.id = "a1", .out = keyring_}), kExitOk) << err_;
    auto links =
        link::CreateSqliteLinkStore({.clock = &clock_,
                                     .random = &random_,
                                     .audit_keyring = *crypto::Keyring::Load(keyring_),
                                     .account_keyring = crypto::Keyring::Generate("n1", random_)},
                                    {.path = db_});
    ASSERT_TRUE(links.ok()) << links.status();
    for (uint8_t i = 1; i <= 4; ++i) {
      const link::Account account{"https://idp.example", "person-" + std::to_string(i)};
      const auto link = (*links)->CreateLink({.id = {i}},
                                             {.relying_party_id = "demo-university",
                                              .account = account,
                                              .subject = {i},
                                              .person_id = {i},
                                              .session_id = {i},
                                              .verdict_summary = "VALID",
                                              .journey = {},
                                              .commitment = base::Hash256{i}},
                                             link::AccountPolicy::kOneLinkPerAccount);
      ASSERT_TRUE(link.ok()) << link.status();
      if (i % 2 != 0) continue;
      ASSERT_TRUE((*links)
                      ->EndLink({.id = {i, 1}}, {.relying_party_id = "demo-university",
                                                 .account = account,
                                                 .link_id = link->id,
                                                 .card = std::nullopt,
                                                 .journey = {},
                                                 .commitment = std::nullopt})
                      .ok());
    }
  }

  // What an attacker with the file can do: the guards of the schema go first. Statements end in ;.
  void Tamper(const std::string& sql) {
    constexpr std::array<std::string_view, 1> kAsItIs = {"SELECT 1;"};
    auto db = sqlite::Database::Open(db_, {0x4d734c6b, "link database", kAsItIs, 2},
                                     sqlite::Database::Mode::kExisting);
    ASSERT_TRUE(db.ok()) << db.status();
    std::istringstream statements(
        "DROP TRIGGER audit_is_never_changed;DROP TRIGGER audit_is_never_deleted;" + sql);
    for (std::string statement; std::getline(statements, statement, ';');) {
      EXPECT_TRUE((*db)->Execute(statement).ok()) << statement;
    }
  }

  const std::string db_ = folder_.File("links.db");
  const std::string keyring_ = folder_.File("audit.keyring");
};

TEST_F(Musubictl, AWholeChainHoldsAndAnExpectedHeadClosesItsTail) {
  Fill();
  EXPECT_EQ(Verify(), kExitOk) << err_;
  EXPECT_NE(out_.find("audit chain: OK\nentries that hold: 6\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("a tail that was cut off cannot be seen"), std::string::npos) << out_;
  ASSERT_EQ(Run({"audit", "head"}, AuditFlags()), kExitOk) << err_;
  const std::string head = out_.substr(0, 80);
  EXPECT_EQ(out_, head + "\n");
  EXPECT_EQ(Verify(head), kExitOk) << err_;
  EXPECT_EQ(out_.find("cannot be seen"), std::string::npos) << out_;
  EXPECT_NE(out_.find("head: " + head), std::string::npos) << out_;
  // The tail is cut: unseen without the head, named with it.
  Tamper("DELETE FROM audit WHERE sequence >= 5");
  EXPECT_EQ(Verify(), kExitOk) << err_;
  EXPECT_EQ(Verify(head), kExitBroken);
  EXPECT_NE(out_.find("BROKEN at entry 5 (HEAD_MISSING)"), std::string::npos) << out_;
}

TEST_F(Musubictl, NamesWhatSomebodyDidToTheDatabase) {
  struct Case {
    std::string sql;
    std::string want;
  };
  const std::vector<Case> cases = {
      {"UPDATE audit SET at = at + 1 WHERE sequence = 2", "entry 2 (MAC_MISMATCH)"},
      {"UPDATE audit SET event = 3 WHERE sequence = 4", "entry 4 (MAC_MISMATCH)"},
      {"UPDATE audit SET relying_party_id = 'other' WHERE sequence = 1", "entry 1 (MAC_MISMATCH)"},
      {"UPDATE audit SET link_id = (SELECT link_id FROM audit WHERE sequence = 1)"
       " WHERE sequence = 5",
       "entry 5 (MAC_MISMATCH)"},
      {"UPDATE audit SET commitment = NULL WHERE sequence = 2", "entry 2 (MAC_MISMATCH)"},
      {"UPDATE audit SET commitment = zeroblob(32) WHERE sequence = 3", "entry 3 (MAC_MISMATCH)"},
      {"UPDATE audit SET mac = zeroblob(32) WHERE sequence = 6", "entry 6 (MAC_MISMATCH)"},
      {"UPDATE audit SET key_id = 'a2' WHERE sequence = 6", "entry 6 (UNKNOWN_KEY)"},
      {"DELETE FROM audit WHERE sequence = 3", "entry 3 (SEQUENCE_BROKEN)"},
      {"DELETE FROM audit WHERE sequence = 1", "entry 1 (SEQUENCE_BROKEN)"},
      {"DELETE FROM audit WHERE sequence = 3;"
       "UPDATE audit SET sequence = sequence - 1 WHERE sequence > 3",
       "entry 3 (MAC_MISMATCH)"},
      {"UPDATE audit SET sequence = 99 WHERE sequence = 2;"
       "UPDATE audit SET sequence = 2 WHERE sequence = 3;"
       "UPDATE audit SET sequence = 3 WHERE sequence = 99",
       "entry 2 (MAC_MISMATCH)"},
      {"INSERT INTO audit SELECT 7, at, event, relying_party_id, link_id, session_id, act, flow,"
       " commitment, key_id, mac, zeroblob(32) FROM audit WHERE sequence = 6",
       "entry 7 (MAC_MISMATCH)"},
      {"INSERT INTO audit SELECT 7, at, event, relying_party_id, link_id, session_id, act, flow,"
       " commitment, key_id, previous_mac, mac FROM audit WHERE sequence = 6",
       "entry 7 (MAC_MISMATCH)"},
  };
  Fill();
  const std::string whole = base::ReadFile(db_).value();
  for (const Case& c : cases) {
    ASSERT_TRUE(base::WriteFileAtomically(db_, whole, 0600).ok());
    Tamper(c.sql);
    EXPECT_EQ(Verify(), kExitBroken) << c.sql;
    EXPECT_NE(out_.find("BROKEN at " + c.want), std::string::npos) << c.sql << "\n" << out_;
  }
}

TEST_F(Musubictl, SaysWhatIsMissing) {
  EXPECT_EQ(Run({"audit", "verify"}, {}), kExitError);
  EXPECT_NE(err_.find("--link_db is missing"), std::string::npos) << err_;
  EXPECT_EQ(Run({"audit", "verify"}, {.link_db = db_}), kExitError);
  EXPECT_NE(err_.find("--audit_keyring is missing"), std::string::npos) << err_;
  EXPECT_EQ(Verify(), kExitError);
  EXPECT_NE(err_.find(keyring_), std::string::npos) << err_;
  ASSERT_EQ(Run({"keyring", "new"}, {.id = "a1", .out = keyring_}), kExitOk);
  EXPECT_EQ(Verify(), kExitError);
  EXPECT_NE(err_.find(db_), std::string::npos) << err_;
  EXPECT_EQ(base::ReadFile(db_).status().code(), absl::StatusCode::kNotFound);  // Made nothing.
  EXPECT_EQ(Verify("abc"), kExitError);
  EXPECT_NE(err_.find("80 hexadecimal digits"), std::string::npos) << err_;
  EXPECT_EQ(Run({"audit"}, {}), kExitError);
  EXPECT_NE(err_.find("no command \"audit\""), std::string::npos) << err_;
  EXPECT_NE(err_.find("musubictl keyring new --id=ID --out=FILE"), std::string::npos) << err_;
  EXPECT_EQ(Run({}, {}), kExitError);
}

TEST_F(Musubictl, MakesAPrivateKeyringAndNeverOverwritesOne) {
  const std::string path = folder_.File("new.keyring");
  ASSERT_EQ(Run({"keyring", "new"}, {.id = "k1", .out = path}), kExitOk) << err_;
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string before = base::ReadFile(path).value();
  EXPECT_EQ(crypto::Keyring::Load(path)->active().id, "k1");
  EXPECT_EQ(out_.find(before.substr(3, 20)), std::string::npos);  // The key is not printed.
  EXPECT_EQ(Run({"keyring", "new"}, {.id = "k2", .out = path}), kExitError);
  EXPECT_NE(err_.find("never overwritten"), std::string::npos) << err_;
  EXPECT_EQ(base::ReadFile(path).value(), before);
  EXPECT_EQ(Run({"keyring", "new"}, {.id = "BAD ID", .out = folder_.File("bad")}), kExitError);
  EXPECT_EQ(base::ReadFile(folder_.File("bad")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Run({"keyring", "new"}, {.id = "k1"}), kExitError);
  EXPECT_EQ(Run({"keyring", "new"}, {.out = path}), kExitError);
  EXPECT_EQ(Run({"keyring", "new"}, {.id = "k1", .out = folder_.File("no/such/folder")}),
            kExitError);
}

TEST_F(Musubictl, PrintsWhoMayCallWhat) {
  ASSERT_EQ(Run({"roles"}, {}), kExitOk) << err_;
  EXPECT_EQ(out_, RolesAsText(rpc::MethodTable()));
}

TEST_F(Musubictl, PrintsThePublicHalfOfTheEvidenceKeyAndNothingElseOfIt) {
  const std::string path = folder_.File("evidence.keyring");
  ASSERT_EQ(Run({"keyring", "new"}, {.id = "e1", .out = path}), kExitOk) << err_;
  ASSERT_EQ(Run({"evidence", "public-key"}, {.key = path}), kExitOk) << err_;
  const auto key = crypto::Ed25519PrivateKey::Load(path);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(out_, "e1 " + base::Base64UrlEncode(key->public_key()) + "\n");
  EXPECT_EQ(Run({"evidence", "public-key"}, {}), kExitError);
  EXPECT_EQ(Run({"evidence", "public-key"}, {.key = folder_.File("absent")}), kExitError);
}

}  // namespace
}  // namespace musubi::services::musubictl
