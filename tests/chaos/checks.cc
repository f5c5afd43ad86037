#include "tests/chaos/checks.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_reader.h"
#include "lib/link/sqlite_link_schema.h"
#include "lib/postgres/connection.h"
#include "lib/sqlite/database.h"

namespace musubi::chaos {
namespace {

struct Row {
  std::string link_id;
  std::string relying_party;
  std::string account;
  std::string person;
  std::string session;
  bool active = false;
  int64_t linked_entries = 0;  // Of the audit: that it was made, and that it ended.
  int64_t ended_entries = 0;
  int64_t session_ends = 0;
};

// In one statement, so that all is of one moment. %s: the schema, as "musubi_link.".
std::string Sql(const std::string& schema) {
  const std::string entries =
      absl::StrCat("(SELECT count(*) FROM ", schema, "audit a WHERE a.link_id = l.link_id AND ");
  return absl::StrCat(
      "SELECT l.link_id, l.relying_party_id, l.account_hash, l.person_id, l.session_id, "
      "CASE WHEN l.ended_at IS NULL THEN 1 ELSE 0 END::bigint, ",
      entries, "a.event = ", static_cast<int>(link::AuditEvent::kLinked), "), ", entries,
      "a.event = ", static_cast<int>(link::AuditEvent::kUnlinked), "), (SELECT count(*) FROM ",
      schema, "session_end s WHERE s.session_id = l.session_id) FROM ", schema, "links l");
}

template <typename Source>
Row ReadRow(const Source& row) {
  return {.link_id = base::ToString(row.Blob(0)),
          .relying_party = row.Text(1),
          .account = base::ToString(row.Blob(2)),
          .person = base::ToString(row.Blob(3)),
          .session = base::ToString(row.Blob(4)),
          .active = row.Int(5) != 0,
          .linked_entries = row.Int(6),
          .ended_entries = row.Int(7),
          .session_ends = row.Int(8)};
}

absl::StatusOr<std::vector<Row>> ReadRows(const Stores& stores) {
  std::vector<Row> rows;
  if (!stores.conninfo.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(const auto connection,
                            postgres::Connection::Open(stores.conninfo, {.role = "musubi_link"}));
    MUSUBI_ASSIGN_OR_RETURN(const postgres::Result result, connection->Query(Sql("musubi_link.")));
    for (int i = 0; i < result.rows(); ++i) rows.push_back(ReadRow(result.row(i)));
    return rows;
  }
  MUSUBI_ASSIGN_OR_RETURN(const auto database,
                          sqlite::Database::Open(stores.link_db, link::kSqliteLinkSchema,
                                                 sqlite::Database::Mode::kExisting));
  std::string sql = Sql("");
  sql.erase(sql.find("::bigint"), std::string_view("::bigint").size());
  sqlite::Statement statement = database->Query(sql);
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    rows.push_back(ReadRow(statement));
  }
}

void CheckLinks(const std::map<std::string, AckedLink>& acked, const std::vector<Row>& rows,
                Ledger& ledger) {
  std::map<std::string, const Row*> by_id;
  std::set<std::string> sessions;
  std::set<std::pair<std::string, std::string>> accounts;
  std::set<std::pair<std::string, std::string>> persons;
  for (const Row& row : rows) {
    const std::string name = base::HexEncode(base::AsBytes(row.link_id));
    by_id[row.link_id] = &row;
    if (!sessions.insert(row.session).second) ledger.Violation("one session made two links");
    if (row.linked_entries != 1 || row.ended_entries != (row.active ? 0 : 1)) {
      ledger.Violation("the audit does not tell of link " + name + " what happened to it");
    }
    if (row.session_ends != 1) ledger.Violation("no session end of link " + name);
    if (!row.active) continue;
    if (!accounts.emplace(row.relying_party, row.account).second) {
      ledger.Violation("an account has two active links");
    }
    if (!persons.emplace(row.relying_party, row.person).second) {
      ledger.Violation("a card has two active links");
    }
  }
  for (const auto& [id, link] : acked) {
    const std::string name = base::HexEncode(base::AsBytes(id));
    const auto row = by_id.find(id);
    if (row == by_id.end()) {
      ledger.Violation("link " + name + " was acknowledged and is not there");
    } else if (link.unlinked && row->second->active) {
      ledger.Violation("link " + name + " was told to have ended and is active");
    } else if (!link.unlink_asked && !row->second->active) {
      ledger.Violation("link " + name + " has ended and nobody asked for it");
    }
  }
}

absl::StatusOr<link::AuditReport> CheckAudit(const base::Clock& clock, Stores& stores) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::Keyring keyring,
                          crypto::Keyring::Load(stores.audit_keyring));
  MUSUBI_ASSIGN_OR_RETURN(const auto audit, stores.conninfo.empty()
                                                ? link::OpenSqliteAudit(stores.link_db)
                                                : link::OpenPostgresAudit(stores.conninfo));
  MUSUBI_ASSIGN_OR_RETURN(link::AuditReport report, audit->Verify(keyring, stores.head));
  MUSUBI_ASSIGN_OR_RETURN(stores.head, audit->Head(clock.Now()));
  return report;
}

}  // namespace

std::string Check(const base::Clock& clock, Ledger& ledger, Stores& stores) {
  // Before the rows: what is acknowledged after this moment need not be in them.
  const std::map<std::string, AckedLink> acked = ledger.links();
  const auto rows = ReadRows(stores);
  if (!rows.ok()) {
    ledger.Violation("the links cannot be read: " + rows.status().ToString());
    return "unreadable";
  }
  // And of an unlink that is asked for in between, the row may tell already.
  std::map<std::string, AckedLink> told = acked;
  const std::map<std::string, AckedLink> later = ledger.links();
  for (auto& [id, link] : told) link.unlink_asked = later.at(id).unlink_asked;
  CheckLinks(told, *rows, ledger);

  const auto report = CheckAudit(clock, stores);
  if (!report.ok() || !report->ok) {
    ledger.Violation("the audit chain does not hold: " +
                     (report.ok() ? report->what : report.status().ToString()));
    return "audit broken";
  }
  return absl::StrCat(told.size(), " links acked, ", rows->size(), " rows, ", report->count,
                      " audit entries");
}

}  // namespace musubi::chaos
