#include "lib/link/postgres_link_schema.h"

#include <array>
#include <string_view>

namespace musubi::link {
namespace {

// As sqlite_link_schema.cc, but: an audit chain for each relying party, whose head is the row that
// appending locks; checkpoints, which name the heads of all chains at one moment; and `sole`, so
// that a constraint judges whether an account has a second link. The triggers stop the owner's
// accidents, the grants everybody else; what stops an attacker who can write to the database is the
// audit key, which is not in it. docs/privacy.md has a row for each column.
constexpr std::string_view kSchemaV1 = R"sql(
CREATE TABLE account_keys (
  key_id TEXT PRIMARY KEY
);

CREATE TABLE links (
  row BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
  link_id BYTEA PRIMARY KEY CHECK (length(link_id) = 16),
  relying_party_id TEXT NOT NULL,
  account_hash BYTEA NOT NULL CHECK (length(account_hash) = 32),
  account_key_id TEXT NOT NULL REFERENCES account_keys (key_id),
  sealed_issuer BYTEA NOT NULL,
  sealed_subject BYTEA NOT NULL,
  subject BYTEA NOT NULL CHECK (length(subject) = 32),
  person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
  session_id BYTEA NOT NULL UNIQUE CHECK (length(session_id) = 16),
  verdict_summary TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT,
  end_reason BIGINT NOT NULL DEFAULT 0,
  sole BOOLEAN NOT NULL,
  CHECK ((ended_at IS NULL) = (end_reason = 0))
);
CREATE UNIQUE INDEX links_active_person ON links (relying_party_id, person_id)
  WHERE ended_at IS NULL;
CREATE UNIQUE INDEX links_active_subject ON links (relying_party_id, subject)
  WHERE ended_at IS NULL;
CREATE UNIQUE INDEX links_active_account ON links (relying_party_id, account_hash)
  WHERE ended_at IS NULL AND sole;
CREATE INDEX links_account ON links (account_hash, relying_party_id);
CREATE INDEX links_relying_party ON links (relying_party_id, row);
CREATE INDEX links_person ON links (person_id);

CREATE TABLE session_end (
  session_id BYTEA PRIMARY KEY CHECK (length(session_id) = 16),
  relying_party_id TEXT NOT NULL,
  how BIGINT NOT NULL,
  link_id BYTEA REFERENCES links (link_id),
  answer BYTEA NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX session_end_at ON session_end (at);

CREATE TABLE requests (
  request_hash BYTEA PRIMARY KEY CHECK (length(request_hash) = 32),
  body_hash BYTEA NOT NULL CHECK (length(body_hash) = 32),
  operation BIGINT NOT NULL,
  link_id BYTEA NOT NULL REFERENCES links (link_id),
  at BIGINT NOT NULL
);
CREATE INDEX requests_at ON requests (at);

CREATE TABLE audit (
  row BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
  relying_party_id TEXT NOT NULL,
  sequence BIGINT NOT NULL CHECK (sequence > 0),
  at BIGINT NOT NULL,
  event BIGINT NOT NULL,
  link_id BYTEA REFERENCES links (link_id),
  session_id BYTEA CHECK (length(session_id) = 16),
  act BIGINT NOT NULL,
  flow BIGINT NOT NULL,
  commitment BYTEA CHECK (length(commitment) = 32),
  key_id TEXT NOT NULL,
  previous_mac BYTEA NOT NULL CHECK (length(previous_mac) = 32),
  mac BYTEA NOT NULL CHECK (length(mac) = 32),
  PRIMARY KEY (relying_party_id, sequence)
);
CREATE INDEX audit_link ON audit (link_id);
CREATE INDEX audit_relying_party ON audit (relying_party_id, row);

CREATE TABLE audit_heads (
  relying_party_id TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL,
  mac BYTEA NOT NULL CHECK (length(mac) = 32)
) WITH (fillfactor = 50);

CREATE TABLE audit_checkpoints (
  mac BYTEA PRIMARY KEY CHECK (length(mac) = 32),
  sequence BIGINT NOT NULL,
  heads BYTEA NOT NULL,
  at BIGINT NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'audit entries are never changed or deleted' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_never_changed;
CREATE TRIGGER audit_checkpoints_are_never_changed
  BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
  EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE audit_checkpoints ENABLE ALWAYS TRIGGER audit_checkpoints_are_never_changed;

DO $$
DECLARE wanted TEXT;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['musubi_link', 'musubi_audit'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- Another database of this cluster is migrated at the same moment.
    END;
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA musubi_link TO musubi_link, musubi_audit;
GRANT SELECT, INSERT ON account_keys TO musubi_link;
GRANT SELECT, INSERT, UPDATE (ended_at, end_reason) ON links TO musubi_link;
GRANT SELECT, INSERT, DELETE ON session_end, requests TO musubi_link;
GRANT SELECT, INSERT ON audit TO musubi_link;
GRANT SELECT, INSERT, UPDATE ON audit_heads TO musubi_link;
GRANT SELECT, INSERT ON audit_checkpoints TO musubi_link, musubi_audit;
GRANT SELECT ON audit, audit_heads TO musubi_audit;
)sql";
// For the lock under which a key is registered.
constexpr std::string_view kSchemaV2 = R"sql(
GRANT UPDATE ON account_keys TO musubi_link;
)sql";
constexpr std::array<std::string_view, 2> kSteps = {kSchemaV1, kSchemaV2};

}  // namespace

constinit const postgres::Schema kPostgresLinkSchema = {"musubi_link", kSteps};

}  // namespace musubi::link
