// The tables of the link database, as versioned steps. Internal to lib/link: for
// sqlite_link_store.cc.
#ifndef MUSUBI_LIB_LINK_SQLITE_LINK_SCHEMA_H_
#define MUSUBI_LIB_LINK_SQLITE_LINK_SCHEMA_H_

#include "lib/sqlite/database.h"

namespace musubi::link {

extern const sqlite::Schema kSqliteLinkSchema;

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_SQLITE_LINK_SCHEMA_H_
