// Versioned schemas: steps of SQL that only go forward, applied under a lock by one process at a
// time, each once. A server only checks; `musubictl migrate` applies.
#ifndef MUSUBI_LIB_POSTGRES_MIGRATION_H_
#define MUSUBI_LIB_POSTGRES_MIGRATION_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/postgres/connection.h"

namespace musubi::postgres {

// Schema is a PostgreSQL schema of ours. A step is never changed once released: what it made is
// changed by a later one.
struct Schema {
  std::string_view name;                    // As in "musubi_link": of a-z and _.
  std::span<const std::string_view> steps;  // The first makes version 1. The search_path is `name`.
};

// Migrate brings the schema to `schema`'s newest version, in one transaction: all of it or nothing.
// Of several at once one does it, the others wait and find it done. FAILED_PRECONDITION if the
// database is newer. Returns the version that was found, 0 if there was none. The caller sets the
// connection's deadline, which a step's work and the wait must fit into.
absl::StatusOr<int64_t> Migrate(Connection& connection, const Schema& schema);

// CheckVersion: FAILED_PRECONDITION, naming the fix, unless the database has `schema`'s newest
// version.
absl::Status CheckVersion(Connection& connection, const Schema& schema);

}  // namespace musubi::postgres

#endif  // MUSUBI_LIB_POSTGRES_MIGRATION_H_
