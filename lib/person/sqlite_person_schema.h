// The tables of the person database, as versioned steps. Internal to lib/person: for its
// implementations on SQLite.
#ifndef MUSUBI_LIB_PERSON_SQLITE_PERSON_SCHEMA_H_
#define MUSUBI_LIB_PERSON_SQLITE_PERSON_SCHEMA_H_

#include "lib/sqlite/database.h"

namespace musubi::person {

extern const sqlite::Schema kSqlitePersonSchema;

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_SQLITE_PERSON_SCHEMA_H_
