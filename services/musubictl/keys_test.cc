// `musubictl keys` on files and real databases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/checklog/segment.h"
#include "lib/checklog/segment_storage.h"
#include "lib/crypto/keyring.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/link/postgres_link_store.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/person/postgres_person_store.h"
#include "lib/person/sqlite_person_store.h"
#include "services/musubictl/commands_fixture.h"
#include "tests/fakes/postgres_server.h"

namespace musubi::services::musubictl {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeysCommand : public CommandsFixture {
 protected:
  std::string NewKeyring(const std::string& name, const std::string& id) {
    std::string path = folder_.File(name);
    EXPECT_EQ(Run({"keyring", "new"}, {.id = id, .out = path}), kExitOk) << err_;
    return path;
  }
  static crypto::Keyring Load(const std::string& path) {
    return std::move(crypto::Keyring::Load(path)).value();
  }
};

TEST_F(KeysCommand, AddsBehindActivatesInFrontAndKeepsComments) {
  const std::string file = NewKeyring("k.keyring", "k1");
  const std::string first = base::ReadFile(file).value();
  ASSERT_TRUE(base::WriteFileAtomically(file, "# ours\n" + first, 0600).ok());
  ASSERT_EQ(Run({"keys", "add"}, {.file = file, .id = "k2"}), kExitOk) << err_;
  EXPECT_THAT(out_, HasSubstr("Start every musubid again"));
  EXPECT_EQ(Load(file).active().id, "k1");
  EXPECT_NE(Load(file).Find("k2"), nullptr);
  EXPECT_EQ(base::ReadFile(file)->rfind("# ours\n" + first, 0), 0u);
  const std::string before = base::ReadFile(file).value();
  EXPECT_EQ(Run({"keys", "add"}, {.file = file, .id = "k2"}), kExitError);
  EXPECT_EQ(Run({"keys", "add"}, {.file = file, .id = "BAD ID"}), kExitError);
  EXPECT_EQ(Run({"keys", "add"}, {.file = file}), kExitError);
  EXPECT_EQ(Run({"keys", "add"}, {.file = folder_.File("absent"), .id = "k3"}), kExitError);
  EXPECT_EQ(Run({"keys", "activate"}, {.file = file, .id = "k3"}), kExitError);
  EXPECT_EQ(base::ReadFile(file).value(), before);
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_EQ(Run({"keys", "activate"}, {.file = file, .id = "k2"}), kExitOk) << err_;
    EXPECT_EQ(Load(file).active().id, "k2");
    EXPECT_TRUE(Load(file).Find("k1")->secret == crypto::Keyring::Parse(first)->active().secret);
    EXPECT_EQ(base::ReadFile(file)->rfind("# ours\nk2 ", 0), 0u);
  }
  EXPECT_EQ(base::ReadFile(file)->size(), before.size());
}

TEST_F(KeysCommand, SaysWhatIsNotMovedAndWhenTheOldKeyMayGo) {
  const std::string file = NewKeyring("k.keyring", "k1");
  ASSERT_EQ(Run({"keys", "add"}, {.file = file, .id = "k2"}), kExitOk) << err_;
  for (const std::string kind : {"audit", "service", "card", "subject"}) {
    EXPECT_EQ(Run({"keys", "rotate"}, {.keyring = kind, .file = file}), kExitOk) << err_;
    EXPECT_THAT(out_, HasSubstr("nothing to move: ")) << kind;
    EXPECT_THAT(out_, HasSubstr("old key")) << kind;
  }
  EXPECT_EQ(Run({"keys", "rotate"}, {.keyring = "evidence", .file = file}), kExitError);
  EXPECT_THAT(err_, HasSubstr("must be one of account, person_index"));
  EXPECT_EQ(Run({"keys", "rotate"}, {.keyring = "account", .file = file}), kExitError);
  EXPECT_THAT(err_, HasSubstr("--link_db is missing"));
}

TEST_F(KeysCommand, KeysOfSessionsGoADayAfterTheyWereInFront) {
  const std::string file = NewKeyring("k.keyring", "k1");
  ASSERT_EQ(Run({"keys", "add"}, {.file = file, .id = "k2"}), kExitOk) << err_;
  const auto at = [&](absl::Duration ago) {
    return absl::FormatTime(absl::RFC3339_sec, clock_.Now() - ago, absl::UTCTimeZone());
  };
  for (const std::string kind : {"service", "card"}) {
    Flags flags{.keyring = kind, .file = file, .active_since = at(absl::Hours(25)), .id = "k1"};
    EXPECT_EQ(Run({"keys", "retire"}, flags), kExitError);
    EXPECT_THAT(err_, HasSubstr("active one"));
    flags.id = "k2";
    flags.active_since.clear();
    EXPECT_EQ(Run({"keys", "retire"}, flags), kExitError);
    EXPECT_THAT(err_, HasSubstr("--active_since is missing"));
    flags.active_since = "yesterday";
    EXPECT_EQ(Run({"keys", "retire"}, flags), kExitError);
    flags.active_since = at(absl::Hours(23));
    EXPECT_EQ(Run({"keys", "retire"}, flags), kExitBroken) << err_;
    EXPECT_THAT(out_, HasSubstr("refused: key k2 is needed until "));
    EXPECT_NE(Load(file).Find("k2"), nullptr);
  }
  ASSERT_EQ(
      Run({"keys", "retire"},
          {.keyring = "service", .file = file, .active_since = at(absl::Hours(25)), .id = "k2"}),
      kExitOk)
      << err_;
  EXPECT_EQ(Load(file).Find("k2"), nullptr);
  ASSERT_EQ(Run({"keys", "add"}, {.file = file, .id = "k3"}), kExitOk) << err_;
  ASSERT_EQ(Run({"keys", "retire"}, {.keyring = "subject",
                                     .file = file,
                                     .active_since = at(absl::ZeroDuration()),
                                     .id = "k3"}),
            kExitOk)
      << err_;
  EXPECT_EQ(Load(file).all().size(), 1u);
}

// Either database.
class KeysOfStores : public KeysCommand, public testing::WithParamInterface<bool> {
 protected:
  KeysOfStores() {
    if (!GetParam()) {
      stores_.link_db = folder_.File("links.db");
      stores_.person_db = folder_.File("persons.db");
      return;
    }
    fakes::PostgresServer& server = fakes::PostgresServer::Shared();
    stores_.postgres = server.Conninfo(server.NewDatabase());
    MUSUBI_CHECK(Run({"migrate"}, {.postgres = stores_.postgres}) == kExitOk, err_);
  }

  absl::StatusOr<std::unique_ptr<link::LinkStore>> Links() {
    const crypto::Keyring audit = Load(audit_), accounts = Load(account_);
    if (stores_.postgres.empty()) {
      return link::CreateSqliteLinkStore({&clock_, &random_, audit, accounts}, {stores_.link_db});
    }
    return link::CreatePostgresLinkStore({&clock_, &random_, audit, accounts}, {stores_.postgres});
  }
  absl::StatusOr<std::unique_ptr<person::PersonStore>> Persons() {
    const crypto::Keyring index = Load(index_), data = Load(data_);
    if (stores_.postgres.empty()) {
      return person::CreateSqlitePersonStore({&clock_, &random_, index, data}, {stores_.person_db});
    }
    return person::CreatePostgresPersonStore({&clock_, &random_, index, data}, {stores_.postgres});
  }

  Flags Of(const std::string& kind, const std::string& file, const std::string& id = "") {
    Flags flags{.keyring = kind, .file = file, .id = id};
    flags.postgres = stores_.postgres;
    if (stores_.postgres.empty() && (kind == "account" || kind == "audit")) {
      flags.link_db = stores_.link_db;
    }
    if (stores_.postgres.empty() && kind.starts_with("person")) flags.person_db = stores_.person_db;
    if (kind == "person_index") flags.data_keyring = data_;
    if (kind == "audit") flags.check_log = "none";
    return flags;
  }

  Flags stores_;
  const std::string account_ = NewKeyring("account.keyring", "n1");
  const std::string audit_ = NewKeyring("audit.keyring", "a1");
  const std::string index_ = NewKeyring("index.keyring", "i1");
  const std::string data_ = NewKeyring("data.keyring", "d1");
};
INSTANTIATE_TEST_SUITE_P(, KeysOfStores, testing::Bool(),
                         [](const auto& backend) { return backend.param ? "Postgres" : "Sqlite"; });

TEST_P(KeysOfStores, LeadEachKeyFromItsFirstLineToItsLast) {
  const person::CardRecord card{.card = {.issuer_key_hash = {1}, .serial = {1}},
                                .certificate_der = {0x30},
                                .name = base::Secret<std::string>("試験 一号")};
  const link::Account account{"https://idp.example", "taro"};
  const person::PersonId person = *(*Persons())->Record(card);
  ASSERT_TRUE((*Links())
                  ->CreateLink({random_.Bytes<16>(), {1}},
                               {.relying_party_id = "party-a",
                                .account = account,
                                .subject = {1},
                                .person_id = person,
                                .session_id = random_.Bytes<16>(),
                                .verdict_summary = "VALID"},
                               link::AccountPolicy::kOneLinkPerAccount)
                  .ok());
  struct Keys {
    std::string kind;
    std::string file;
    std::string from;
    std::string to;
    int values;
  };
  for (const Keys& k :
       {Keys{"account", account_, "n1", "n2", 1}, Keys{"person_index", index_, "i1", "i2", 1},
        Keys{"person_data", data_, "d1", "d2", 4}}) {
    const std::string moved = std::to_string(k.values);
    ASSERT_EQ(Run({"keys", "add"}, {.file = k.file, .id = k.to}), kExitOk) << err_;
    ASSERT_TRUE(Links().ok() && Persons().ok());
    ASSERT_EQ(Run({"keys", "activate"}, {.file = k.file, .id = k.to}), kExitOk) << err_;
    // No server was started with it yet.
    EXPECT_EQ(Run({"keys", "rotate"}, Of(k.kind, k.file)), kExitError) << out_;
    EXPECT_THAT(err_, HasSubstr("no musubid uses key " + k.to));
    ASSERT_TRUE(Links().ok() && Persons().ok());
    EXPECT_EQ(Run({"keys", "retire"}, Of(k.kind, k.file, k.from)), kExitBroken) << err_;
    EXPECT_THAT(out_, HasSubstr("still needed by " + moved + " values"));
    EXPECT_EQ(Run({"keys", "status"}, Of(k.kind, k.file)), kExitOk) << err_;
    EXPECT_THAT(out_, HasSubstr("key " + k.from + ": " + moved + " values\n"));
    EXPECT_THAT(out_, HasSubstr("key " + k.to + ": 0 values, active\n"));
    ASSERT_EQ(Run({"keys", "rotate"}, Of(k.kind, k.file)), kExitOk) << out_ << err_;
    EXPECT_THAT(out_, HasSubstr("moved " + moved + " values to key " + k.to));
    ASSERT_EQ(Run({"keys", "rotate"}, Of(k.kind, k.file)), kExitOk) << out_ << err_;
    EXPECT_THAT(out_, HasSubstr("moved 0 values"));
    ASSERT_EQ(Run({"keys", "retire"}, Of(k.kind, k.file, k.from)), kExitOk) << out_ << err_;
    EXPECT_EQ(Load(k.file).all().size(), 1u);
    EXPECT_EQ(Load(k.file).active().id, k.to);
  }
  const auto persons = std::move(Persons()).value();
  EXPECT_EQ(*persons->Find(card.card), person);
  EXPECT_EQ(persons->GetName(person)->value().Reveal(), "試験 一号");
  EXPECT_EQ((*Links())->ListLinks({.account = account}, {})->items.size(), 1u);
}

TEST_P(KeysOfStores, AnAuditKeyStaysWhileAnEntryOrASegmentIsOfIt) {
  const auto resolve = [&] {
    (*Links())
        ->EndSession({.session_id = random_.Bytes<16>(),
                      .relying_party_id = "party-a",
                      .outcome = link::SessionOutcome::kNotMe})
        .IgnoreError();
  };
  resolve();
  ASSERT_EQ(Run({"keys", "add"}, {.file = audit_, .id = "a2"}), kExitOk) << err_;
  ASSERT_EQ(Run({"keys", "activate"}, {.file = audit_, .id = "a2"}), kExitOk) << err_;
  resolve();
  EXPECT_TRUE((*Links())->VerifyChain(std::nullopt)->ok);
  EXPECT_EQ(Run({"keys", "status"}, Of("audit", audit_)), kExitOk) << err_;
  EXPECT_EQ(out_, "key a1: 1 values\nkey a2: 1 values, active\n");
  EXPECT_EQ(Run({"keys", "retire"}, Of("audit", audit_, "a1")), kExitBroken) << err_;
  EXPECT_THAT(out_, HasSubstr("needed by 1 values"));
  // A key of no entry, but of a segment of the check log.
  ASSERT_EQ(Run({"keys", "add"}, {.file = audit_, .id = "a3"}), kExitOk) << err_;
  const std::string log = folder_.File("checks");
  {
    const crypto::Keyring keyring = Load(audit_);
    const crypto::Keyring::Key& key = *keyring.Find("a3");
    std::string text;
    checklog::ChainPoint point;
    checklog::AppendHeader(text, point, 1, key, checklog::KeysOf(key));
    ASSERT_TRUE((*checklog::OpenSegments(log))->Write(checklog::SegmentName(1), 0, text).ok());
  }
  Flags flags = Of("audit", audit_, "a3");
  flags.check_log.clear();
  EXPECT_EQ(Run({"keys", "retire"}, flags), kExitError);
  EXPECT_THAT(err_, HasSubstr("--check_log is missing"));
  flags.check_log = log;
  EXPECT_EQ(Run({"keys", "retire"}, flags), kExitBroken) << err_;
  EXPECT_THAT(out_, HasSubstr("needed by 1 values"));
  EXPECT_NE(Load(audit_).Find("a3"), nullptr);
  flags.check_log = "none";
  EXPECT_EQ(Run({"keys", "retire"}, flags), kExitOk) << err_;
  EXPECT_EQ(Load(audit_).Find("a3"), nullptr);
}

}  // namespace
}  // namespace musubi::services::musubictl
