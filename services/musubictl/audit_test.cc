// `musubictl audit` on checkpoints and exports, of SQLite and of a real PostgreSQL.
#include "services/musubictl/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lib/base/file.h"
#include "lib/crypto/ed25519.h"
#include "lib/link/audit_checkpointer.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/link/postgres_link_store.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/postgres/connection.h"
#include "lib/sqlite/database.h"
#include "services/musubictl/commands_fixture.h"
#include "tests/fakes/postgres_server.h"

namespace musubi::services::musubictl {
namespace {

using testing::HasSubstr;
using testing::Not;

// A link database with six entries, three of each of two relying parties, and their checkpoints
// after the fourth and the sixth.
class AuditCommands : public CommandsFixture, public testing::WithParamInterface<bool> {
 protected:
  static bool OnPostgres() { return GetParam(); }

  void SetUp() override {
    ASSERT_EQ(Run({"keyring", "new"}, {.id = "a1", .out = keyring_}), kExitOk) << err_;
    ASSERT_EQ(Run({"keyring", "new"}, {.id = "c1", .out = signing_key_}), kExitOk) << err_;
    public_key_ = NewPublicKey(signing_key_);
    if (OnPostgres()) {
      server_ = &fakes::PostgresServer::Shared();
      database_ = server_->NewDatabase();
      ASSERT_EQ(Run({"migrate"}, {.postgres = server_->Conninfo(database_)}), kExitOk) << err_;
      // Read-only, and of the audit alone.
      login_ = "auditor_of_" + database_;
      server_->Run(database_, "CREATE ROLE " + login_ + " LOGIN IN ROLE musubi_audit");
    }
    const auto store = Open(keyring_);
    const auto checkpointer =
        link::AuditCheckpointer::Open(*crypto::Ed25519PrivateKey::Load(signing_key_), checkpoints_);
    ASSERT_TRUE(checkpointer.ok()) << checkpointer.status();
    Fill(*store, 4);
    ASSERT_TRUE((*checkpointer)->Append(*store->ListHeads(), clock_.Now()).written.ok());
    Fill(*store, 2);
    ASSERT_TRUE((*checkpointer)->Append(*store->ListHeads(), clock_.Now()).written.ok());
  }
  void TearDown() override {
    if (OnPostgres()) server_->Run(database_, "DROP ROLE " + login_);
  }

  std::unique_ptr<link::LinkStore> Open(const std::string& keyring) {
    auto audit = *crypto::Keyring::Load(keyring);
    auto accounts = crypto::Keyring::Generate("n1", random_);
    auto store = OnPostgres()
                     ? link::CreatePostgresLinkStore({.clock = &clock_,
                                                      .random = &random_,
                                                      .audit_keyring = audit,
                                                      .account_keyring = accounts},
                                                     {.conninfo = server_->Conninfo(database_)})
                     : link::CreateSqliteLinkStore({.clock = &clock_,
                                                    .random = &random_,
                                                    .audit_keyring = audit,
                                                    .account_keyring = accounts},
                                                   {.path = db_});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // Entries of both relying parties in turn.
  void Fill(link::LinkStore& store, int entries) {
    for (int i = 0; i < entries; ++i) {
      ASSERT_TRUE(store
                      .EndSession({.session_id = random_.Bytes<16>(),
                                   .relying_party_id = i % 2 == 0 ? "party-a" : "party-b",
                                   .outcome = link::SessionOutcome::kNotMe,
                                   .answer = "kept",
                                   .journey = {}})
                      .ok());
    }
  }
  std::string NewPublicKey(const std::string& key) {
    EXPECT_EQ(Run({"audit", "public-key"}, {.key = key}), kExitOk) << err_;
    EXPECT_TRUE(base::WriteFileAtomically(key + ".pub", out_, 0644).ok());
    return key + ".pub";
  }

  Flags DatabaseFlags() const {
    if (OnPostgres()) return {.postgres = server_->ConninfoOf(login_, database_)};
    return {.link_db = db_};
  }
  Flags CheckpointFlags() const {
    Flags flags = DatabaseFlags();
    flags.checkpoints = checkpoints_;
    flags.checkpoint_key = public_key_;
    return flags;
  }
  Flags AllFlags() const {
    Flags flags = CheckpointFlags();
    flags.audit_keyring = keyring_;
    return flags;
  }

  // What an attacker with the database can do: the guards of the schema go first.
  void Tamper(const std::string& statements) {
    if (OnPostgres()) {
      server_->Run(
          database_,
          "SET search_path = musubi_link; ALTER TABLE audit DISABLE TRIGGER ALL;" + statements);
      return;
    }
    constexpr std::array<std::string_view, 1> kAsItIs = {"SELECT 1;"};
    auto db = sqlite::Database::Open(db_, {0x4d734c6b, "link database", kAsItIs, 2},
                                     sqlite::Database::Mode::kExisting);
    ASSERT_TRUE(db.ok()) << db.status();
    std::istringstream each(
        "DROP TRIGGER IF EXISTS audit_is_never_changed;"
        "DROP TRIGGER IF EXISTS audit_is_never_deleted;" +
        statements);
    for (std::string one; std::getline(each, one, ';');) {
      EXPECT_TRUE((*db)->Execute(one).ok()) << one;
    }
  }
  // The database's last entry: of the one chain, or of party-b's.
  static std::string Last() {
    return OnPostgres() ? "relying_party_id = 'party-b' AND sequence = 3" : "sequence = 6";
  }
  static std::string Second() {
    return OnPostgres() ? "relying_party_id = 'party-a' AND sequence = 2" : "sequence = 3";
  }
  // Takes the last entry away, and in PostgreSQL its traces in the head.
  void CutTail() {
    Tamper("DELETE FROM audit WHERE " + Last());
    if (OnPostgres()) {
      Tamper(
          "UPDATE audit_heads SET sequence = 2, mac = (SELECT mac FROM audit WHERE"
          " relying_party_id = 'party-b' AND sequence = 2) WHERE relying_party_id = 'party-b'");
    }
  }
  std::string Lines(int first, int count) {
    std::istringstream in(*base::ReadFile(checkpoints_));
    std::string lines;
    std::string line;
    for (int i = 1; std::getline(in, line); ++i) {
      if (i >= first && i < first + count) lines += line + "\n";
    }
    return lines;
  }
  int LineCount() {
    const std::string text = *base::ReadFile(checkpoints_);
    return static_cast<int>(std::ranges::count(text, '\n'));
  }

  fakes::PostgresServer* server_ = nullptr;
  std::string database_;
  std::string login_;
  const std::string db_ = folder_.File("links.db");
  const std::string keyring_ = folder_.File("audit.keyring");
  const std::string signing_key_ = folder_.File("signing.keyring");
  const std::string checkpoints_ = folder_.File("checkpoints.jsonl");
  std::string public_key_;
};
INSTANTIATE_TEST_SUITE_P(Databases, AuditCommands, testing::Bool(), [](const auto& one) {
  return one.param ? std::string("Postgres") : std::string("Sqlite");
});

TEST_P(AuditCommands, HeadAndVerifySayTheSameOfBothDatabases) {
  Flags flags = DatabaseFlags();
  ASSERT_EQ(Run({"audit", "head"}, flags), kExitOk) << err_;
  ASSERT_EQ(out_.size(), 81u);
  flags.expected_head = out_.substr(0, 80);
  flags.audit_keyring = keyring_;
  EXPECT_EQ(flags.expected_head.substr(0, 16), "0000000000000006");
  ASSERT_EQ(Run({"audit", "verify"}, flags), kExitOk) << out_ << err_;
  EXPECT_EQ(out_, "audit chain: OK\nentries that hold: 6\nhead: " + flags.expected_head +
                      "\nevery entry holds, and the expected head is among them\n");
  CutTail();
  EXPECT_EQ(Run({"audit", "verify"}, flags), kExitBroken);
  EXPECT_THAT(out_, HasSubstr("(HEAD_MISSING)"));
}

TEST_P(AuditCommands, CheckpointsHoldAlsoWithoutTheKeyring) {
  ASSERT_EQ(Run({"audit", "verify"}, AllFlags()), kExitOk) << out_ << err_;
  EXPECT_THAT(out_, HasSubstr("audit chain: OK\nentries that hold: 6\n"));
  const std::string count = std::to_string(LineCount());
  EXPECT_EQ(count, OnPostgres() ? "4" : "2");
  EXPECT_THAT(out_, HasSubstr("checkpoints: OK\ncheckpoints that hold: " + count + "\n"));
  ASSERT_EQ(Run({"audit", "verify"}, CheckpointFlags()), kExitOk) << out_ << err_;
  EXPECT_THAT(out_, HasSubstr("audit chain: NOT CHECKED"));
  EXPECT_THAT(out_, HasSubstr("checkpoints: OK"));
  // What came since changes nothing.
  Fill(*Open(keyring_), 1);
  EXPECT_EQ(Run({"audit", "verify"}, AllFlags()), kExitOk) << out_ << err_;
}

TEST_P(AuditCommands, ACutTailIsCalledTruncated) {
  CutTail();
  Flags without = AllFlags();
  without.checkpoints = "";
  without.checkpoint_key = "";
  EXPECT_EQ(Run({"audit", "verify"}, without), kExitOk);  // Unseen.
  for (const Flags& flags : {AllFlags(), CheckpointFlags()}) {
    EXPECT_EQ(Run({"audit", "verify"}, flags), kExitBroken);
    EXPECT_THAT(out_, HasSubstr("checkpoints: BROKEN"));
    EXPECT_THAT(out_, HasSubstr("(CHAIN_TRUNCATED, 1 of this kind)"));
    EXPECT_THAT(out_, HasSubstr(OnPostgres() ? "relying party party-b ends after entry 2"
                                             : "ends after entry 5"));
  }
}

TEST_P(AuditCommands, AnAlteredEntryIsFoundByTheKeyAndItsNewMacByTheCheckpoint) {
  Tamper("UPDATE audit SET event = 7 WHERE " + Second());
  EXPECT_EQ(Run({"audit", "verify"}, AllFlags()), kExitBroken);
  EXPECT_THAT(out_, HasSubstr("(MAC_MISMATCH)"));
  // No checkpoint speaks of its fields: of MACs alone all is as it was.
  EXPECT_EQ(Run({"audit", "verify"}, CheckpointFlags()), kExitOk) << out_;
  EXPECT_THAT(out_, HasSubstr("NOT CHECKED"));
  Tamper("UPDATE audit SET mac = previous_mac WHERE " + Last());
  EXPECT_EQ(Run({"audit", "verify"}, CheckpointFlags()), kExitBroken);
  EXPECT_THAT(out_, HasSubstr("(ENTRY_REWRITTEN, 1 of this kind)"));
  EXPECT_THAT(out_, Not(HasSubstr("TRUNCATED")));
}

// Who has the audit keyring makes a chain that holds; the checkpoints are of the one before.
TEST_P(AuditCommands, AChainMadeAnewWithTheStolenKeyringIsCalledRewritten) {
  Tamper(OnPostgres() ? "DELETE FROM audit; DELETE FROM audit_heads" : "DELETE FROM audit");
  Fill(*Open(keyring_), 6);
  EXPECT_EQ(Run({"audit", "verify"}, AllFlags()), kExitBroken);
  EXPECT_THAT(out_, HasSubstr("audit chain: OK\nentries that hold: 6\n"));
  EXPECT_THAT(out_, HasSubstr("checkpoints: BROKEN\ncheckpoints that hold: 0\n"));
  EXPECT_THAT(out_, HasSubstr("line 1 (ENTRY_REWRITTEN, " + std::to_string(LineCount()) +
                              " of this kind)"));
}

TEST_P(AuditCommands, AnotherFileOrKeyIsNamed) {
  const auto expect = [&](const std::string& text, const std::string& finding) {
    ASSERT_TRUE(base::WriteFileAtomically(folder_.File("other.jsonl"), text, 0600).ok());
    Flags flags = CheckpointFlags();
    flags.checkpoints = folder_.File("other.jsonl");
    EXPECT_EQ(Run({"audit", "verify"}, flags), kExitBroken) << finding;
    EXPECT_THAT(out_, HasSubstr(finding));
  };
  const std::string first = Lines(1, 1);
  // Two checkpoints that exchange their signatures.
  const std::string last = Lines(LineCount(), 1);
  const auto cut = [](const std::string& line) { return line.find("\"signature\""); };
  expect(first.substr(0, cut(first)) + last.substr(cut(last)), "line 1 (BAD_SIGNATURE");
  expect(first + "{}\n", "line 2 (MALFORMED");
  // Of a relying party that the database does not have, and of another database.
  const auto key = *crypto::Ed25519PrivateKey::Load(signing_key_);
  const auto sign = [&](const std::string& party, int64_t sequence) {
    return link::SignCheckpoint({party, {sequence, base::Hash256{1}}}, clock_.Now(), key).ToJson() +
           "\n";
  };
  expect(sign("party-z", 1), "line 1 (CHAIN_MISSING");
  expect(sign(OnPostgres() ? "party-a" : "", 2), "line 1 (ENTRY_REWRITTEN");
  // Signed by a key that is not the one given: by its id, and under the same id.
  Flags flags = CheckpointFlags();
  for (const std::string id : {"c2", "c1"}) {
    const std::string other = folder_.File("other-" + id);
    ASSERT_EQ(Run({"keyring", "new"}, {.id = id, .out = other}), kExitOk) << err_;
    flags.checkpoint_key = NewPublicKey(other);
    EXPECT_EQ(Run({"audit", "verify"}, flags), kExitBroken);
    EXPECT_THAT(out_, HasSubstr(id == "c2" ? "(UNKNOWN_KEY" : "(BAD_SIGNATURE"));
  }
}

TEST_P(AuditCommands, ExportPrintsEntriesAndSignedHeadsThatVerifyAgain) {
  Flags flags = DatabaseFlags();
  flags.audit_keyring = keyring_;
  ASSERT_EQ(Run({"audit", "export"}, flags), kExitOk) << err_;
  EXPECT_EQ(std::ranges::count(out_, '\n'), 6);
  flags.signing_key = signing_key_;
  ASSERT_EQ(Run({"audit", "export"}, flags), kExitOk) << err_;
  std::istringstream lines(out_);
  std::string signed_heads;
  int entries = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json.at("kind") == "checkpoint") {
      signed_heads += line + "\n";
      continue;
    }
    ++entries;
    EXPECT_EQ(json.size(), 14u) << line;
    EXPECT_EQ(json.at("event"), "NOT_ME");
    EXPECT_EQ(json.at("link"), nullptr);
    EXPECT_EQ(json.at("session").get<std::string>().size(), 32u);
    EXPECT_EQ(json.at("key_id"), "a1");
    EXPECT_THAT(json.at("relying_party"), testing::StartsWith("party-"));
  }
  EXPECT_EQ(entries, 6);
  EXPECT_EQ(std::ranges::count(signed_heads, '\n'), OnPostgres() ? 2 : 1);
  const std::string exported = folder_.File("exported.jsonl");
  ASSERT_TRUE(base::WriteFileAtomically(exported, signed_heads, 0600).ok());
  Flags verify = CheckpointFlags();
  verify.checkpoints = exported;
  EXPECT_EQ(Run({"audit", "verify"}, verify), kExitOk) << out_ << err_;
  // No head is signed of what does not hold.
  Tamper("UPDATE audit SET event = 7 WHERE " + Second());
  EXPECT_EQ(Run({"audit", "export"}, flags), kExitBroken);
  EXPECT_THAT(out_, Not(HasSubstr("checkpoint")));
  EXPECT_EQ(std::ranges::count(out_, '\n'), OnPostgres() ? 1 : 2);
  EXPECT_THAT(err_, HasSubstr("(MAC_MISMATCH)"));
}

TEST_P(AuditCommands, WhatCannotBeCheckedSaysWhatIsMissing) {
  const auto error_of = [&](const std::function<void(Flags&)>& change) {
    Flags flags = AllFlags();
    change(flags);
    EXPECT_EQ(Run({"audit", "verify"}, flags), kExitError) << out_;
    return err_;
  };
  EXPECT_THAT(error_of([](Flags& f) { f.checkpoint_key = ""; }), HasSubstr("given together"));
  EXPECT_THAT(error_of([](Flags& f) { f.checkpoints = ""; }), HasSubstr("given together"));
  EXPECT_THAT(error_of([](Flags& f) { f.checkpoints += ".absent"; }), HasSubstr(".absent"));
  EXPECT_THAT(error_of([](Flags& f) { f.link_db = f.postgres = "x"; }), HasSubstr("exclude"));
  EXPECT_THAT(error_of([](Flags& f) { f.link_db = f.postgres = ""; }),
              HasSubstr("--link_db is missing"));
  EXPECT_THAT(error_of([](Flags& f) {
                f.audit_keyring = "";
                f.expected_head = link::AuditHead().ToHex();
              }),
              HasSubstr("--audit_keyring is missing"));
  // A private key that was given by mistake is not repeated.
  const std::string secret = base::ReadFile(signing_key_)->substr(3, 20);
  ASSERT_TRUE(
      base::WriteFileAtomically(folder_.File("twice"),
                                *base::ReadFile(public_key_) + *base::ReadFile(signing_key_), 0600)
          .ok());
  const std::string error = error_of([&](Flags& f) { f.checkpoint_key = folder_.File("twice"); });
  EXPECT_THAT(error, HasSubstr("each id must be there once"));
  EXPECT_THAT(error, Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace musubi::services::musubictl
