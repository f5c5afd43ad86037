#include "lib/person/postgres_person_schema.h"

#include <array>
#include <string_view>

namespace musubi::person {
namespace {

// As the schema of sqlite_person_store.cc. What is erased is vacuumed soon, however large the
// table.
constexpr std::string_view kSchemaV1 = R"sql(
CREATE TABLE index_keys (
  key_id TEXT PRIMARY KEY
);

CREATE TABLE persons (
  person_id BYTEA PRIMARY KEY CHECK (length(person_id) = 16),
  sealed_commitment_key BYTEA NOT NULL,
  sealed_name BYTEA,
  recorded_at BIGINT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
CREATE INDEX persons_recorded_at ON persons (recorded_at);

CREATE TABLE certificates (
  row BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
  index_hash BYTEA PRIMARY KEY CHECK (length(index_hash) = 32),
  index_key_id TEXT NOT NULL REFERENCES index_keys (key_id),
  person_id BYTEA NOT NULL REFERENCES persons (person_id) ON DELETE CASCADE,
  sealed_certificate BYTEA NOT NULL,
  successor BYTEA REFERENCES certificates (index_hash) ON DELETE SET NULL,
  added_at BIGINT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
CREATE INDEX certificates_person ON certificates (person_id);
CREATE INDEX certificates_successor ON certificates (successor);

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'musubi_person') THEN
    CREATE ROLE musubi_person NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- Another database of this cluster is migrated at the same moment.
END $$;
GRANT USAGE ON SCHEMA musubi_person TO musubi_person;
GRANT SELECT, INSERT ON index_keys TO musubi_person;
GRANT SELECT, INSERT, DELETE, UPDATE (sealed_name, recorded_at) ON persons TO musubi_person;
GRANT SELECT, INSERT ON certificates TO musubi_person;
)sql";
// So that the index can be made anew under another key, and that no process starts without a data
// key in use. UPDATE of index_keys is for the lock under which a key is registered.
constexpr std::string_view kSchemaV2 = R"sql(
ALTER TABLE certificates ADD COLUMN sealed_identity BYTEA;
GRANT UPDATE (sealed_identity) ON certificates TO musubi_person;
GRANT UPDATE ON index_keys TO musubi_person;
CREATE TABLE data_keys (
  key_id TEXT PRIMARY KEY
);
GRANT SELECT, INSERT ON data_keys TO musubi_person;
)sql";
constexpr std::array<std::string_view, 2> kSteps = {kSchemaV1, kSchemaV2};

}  // namespace

constinit const postgres::Schema kPostgresPersonSchema = {"musubi_person", kSteps};

}  // namespace musubi::person
