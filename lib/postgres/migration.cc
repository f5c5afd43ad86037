#include "lib/postgres/migration.h"

#include <string>

#include "lib/base/status.h"

namespace musubi::postgres {
namespace {

// "MsMg" in ASCII: the advisory lock of every migration of ours in a database.
constexpr int64_t kLock = 0x4d734d67;

// Each schema says its own version, so that schemas can live in databases of their own.
constexpr std::string_view kVersions = R"sql(
CREATE TABLE IF NOT EXISTS schema_version (
  version BIGINT PRIMARY KEY,
  migrated_at BIGINT NOT NULL
);
GRANT SELECT ON schema_version TO PUBLIC;
)sql";

std::string Newer(const Schema& schema, int64_t version) {
  return "the schema " + std::string(schema.name) + " has version " + std::to_string(version) +
         " and this binary knows up to " + std::to_string(schema.steps.size()) +
         ": run the newer binary, or restore the backup made before the upgrade";
}

absl::StatusOr<int64_t> VersionOf(Connection& connection, const Schema& schema) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result there,
      connection.Query("SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1"
                       " AND tablename = 'schema_version'",
                       {schema.name}));
  if (there.empty()) return 0;
  MUSUBI_ASSIGN_OR_RETURN(const Result version,
                          connection.Run("SELECT coalesce(max(version), 0)::text FROM " +
                                         std::string(schema.name) + ".schema_version"));
  return std::stoll(version.row(0).Text(0));
}

}  // namespace

absl::StatusOr<int64_t> Migrate(Connection& connection, const Schema& schema) {
  const auto newest = static_cast<int64_t>(schema.steps.size());
  const std::string name(schema.name);
  Transaction transaction = Transaction::Begin(connection);
  MUSUBI_RETURN_IF_ERROR(
      connection.Run("SELECT pg_advisory_xact_lock(" + std::to_string(kLock) + ")").status());
  MUSUBI_ASSIGN_OR_RETURN(const int64_t found, VersionOf(connection, schema));
  if (found > newest) return absl::FailedPreconditionError(Newer(schema, found));
  if (found == newest) return found;
  MUSUBI_RETURN_IF_ERROR(connection
                             .Run("CREATE SCHEMA IF NOT EXISTS " + name + ";SET LOCAL " +
                                  "search_path = " + name + ";" + std::string(kVersions))
                             .status());
  for (int64_t version = found + 1; version <= newest; ++version) {
    const std::string_view step = schema.steps[static_cast<size_t>(version - 1)];
    const absl::Status done =
        connection
            .Run(std::string(step) + ";INSERT INTO schema_version VALUES (" +
                 std::to_string(version) + ", (extract(epoch FROM now()) * 1000000)::bigint)")
            .status();
    if (!done.ok()) {
      return base::Annotate(done, "migrating " + name + " to version " + std::to_string(version));
    }
  }
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return found;
}

absl::Status CheckVersion(Connection& connection, const Schema& schema) {
  MUSUBI_ASSIGN_OR_RETURN(const int64_t found, VersionOf(connection, schema));
  const auto newest = static_cast<int64_t>(schema.steps.size());
  if (found == newest) return absl::OkStatus();
  if (found > newest) return absl::FailedPreconditionError(Newer(schema, found));
  return absl::FailedPreconditionError(
      "the schema " + std::string(schema.name) + " has version " + std::to_string(found) +
      " and this binary wants " + std::to_string(newest) +
      ": run `musubictl migrate --postgres=...` of this version first");
}

}  // namespace musubi::postgres
