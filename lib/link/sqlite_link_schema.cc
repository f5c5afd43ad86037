#include "lib/link/sqlite_link_schema.h"

#include <array>
#include <string_view>

namespace musubi::link {
namespace {

// Times are microseconds since 1970. The triggers stop accidents; what stops an attacker who can
// write to the file is the audit key, which is not in it. Accounts are sealed and hashed
// (account_keys.h) with a key of `account_keys`. docs/privacy.md has a row for each column.
constexpr std::string_view kSchemaV2 = R"sql(
CREATE TABLE links (
  row INTEGER PRIMARY KEY,
  link_id BLOB NOT NULL UNIQUE CHECK (length(link_id) = 16),
  relying_party_id TEXT NOT NULL,
  account_hash BLOB NOT NULL CHECK (length(account_hash) = 32),
  account_key_id TEXT NOT NULL REFERENCES account_keys (key_id),
  sealed_issuer BLOB NOT NULL,
  sealed_subject BLOB NOT NULL,
  subject BLOB NOT NULL CHECK (length(subject) = 32),
  person_id BLOB NOT NULL CHECK (length(person_id) = 16),
  session_id BLOB NOT NULL UNIQUE CHECK (length(session_id) = 16),
  verdict_summary TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  end_reason INTEGER NOT NULL DEFAULT 0,
  CHECK ((ended_at IS NULL) = (end_reason = 0))
) STRICT;
CREATE UNIQUE INDEX links_active_person ON links (relying_party_id, person_id)
  WHERE ended_at IS NULL;
CREATE UNIQUE INDEX links_active_subject ON links (relying_party_id, subject)
  WHERE ended_at IS NULL;
CREATE INDEX links_account ON links (account_hash, relying_party_id);
CREATE INDEX links_relying_party ON links (relying_party_id);
CREATE INDEX links_person ON links (person_id);

CREATE TABLE account_keys (
  key_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE session_end (
  session_id BLOB PRIMARY KEY CHECK (length(session_id) = 16),
  relying_party_id TEXT NOT NULL,
  how INTEGER NOT NULL,
  link_id BLOB REFERENCES links (link_id),
  answer BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
  request_hash BLOB PRIMARY KEY CHECK (length(request_hash) = 32),
  body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
  operation INTEGER NOT NULL,
  link_id BLOB NOT NULL REFERENCES links (link_id),
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
  at INTEGER NOT NULL,
  event INTEGER NOT NULL,
  relying_party_id TEXT NOT NULL,
  link_id BLOB REFERENCES links (link_id),
  session_id BLOB CHECK (length(session_id) = 16),
  act INTEGER NOT NULL,
  flow INTEGER NOT NULL,
  commitment BLOB CHECK (length(commitment) = 32),
  key_id TEXT NOT NULL,
  previous_mac BLOB NOT NULL CHECK (length(previous_mac) = 32),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE INDEX audit_link ON audit (link_id);
CREATE INDEX audit_relying_party ON audit (relying_party_id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit entries are never deleted'); END;
)sql";
constexpr std::array<std::string_view, 1> kSteps = {kSchemaV2};

}  // namespace

// "MsLk" in ASCII. Version 1 kept accounts in plain text and was never released.
constinit const sqlite::Schema kSqliteLinkSchema = {0x4d734c6b, "link database", kSteps, 2};

}  // namespace musubi::link
