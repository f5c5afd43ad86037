#include "lib/person/sqlite_person_schema.h"

#include <array>
#include <string_view>

namespace musubi::person {
namespace {

// A person may have several certificates over the years: `successor` leads from an old one to the
// one that replaced it. Sealed columns are AEAD values bound to table, column and person.
constexpr std::string_view kSchemaV1 = R"sql(
CREATE TABLE persons (
  person_id BLOB PRIMARY KEY CHECK (length(person_id) = 16),
  sealed_commitment_key BLOB NOT NULL,
  sealed_name BLOB,
  recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_recorded_at ON persons (recorded_at);

CREATE TABLE certificates (
  index_hash BLOB PRIMARY KEY CHECK (length(index_hash) = 32),
  index_key_id TEXT NOT NULL REFERENCES index_keys (key_id),
  person_id BLOB NOT NULL REFERENCES persons (person_id) ON DELETE CASCADE,
  sealed_certificate BLOB NOT NULL,
  successor BLOB REFERENCES certificates (index_hash) ON DELETE SET NULL,
  added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX certificates_person ON certificates (person_id);
CREATE INDEX certificates_successor ON certificates (successor);

CREATE TABLE index_keys (
  key_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
)sql";
// So that the index can be made anew under another key, and that no process starts without a data
// key in use.
constexpr std::string_view kSchemaV2 = R"sql(
ALTER TABLE certificates ADD COLUMN sealed_identity BLOB;
CREATE TABLE data_keys (
  key_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
)sql";
constexpr std::array<std::string_view, 2> kSteps = {kSchemaV1, kSchemaV2};

}  // namespace

// "MsPn" in ASCII.
constinit const sqlite::Schema kSqlitePersonSchema = {0x4d73506e, "person database", kSteps};

}  // namespace musubi::person
