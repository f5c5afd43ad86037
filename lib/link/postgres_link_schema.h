// The tables of links, session ends and the audit chain in PostgreSQL, as versioned steps, with the
// roles that may use them.
#ifndef MUSUBI_LIB_LINK_POSTGRES_LINK_SCHEMA_H_
#define MUSUBI_LIB_LINK_POSTGRES_LINK_SCHEMA_H_

#include "lib/postgres/migration.h"

namespace musubi::link {

extern const postgres::Schema kPostgresLinkSchema;

// Roles without a login, which the operators' logins are members of. The first reads and writes
// links, and appends to the audit chain; the second reads the chain and notes its heads, and sees
// no link. Neither may change or delete an audit entry, nor see a person.
inline constexpr char kPostgresLinkRole[] = "musubi_link";
inline constexpr char kPostgresAuditRole[] = "musubi_audit";

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_POSTGRES_LINK_SCHEMA_H_
