// The tables of persons in PostgreSQL, as versioned steps, with the role that may use them.
#ifndef MUSUBI_LIB_PERSON_POSTGRES_PERSON_SCHEMA_H_
#define MUSUBI_LIB_PERSON_POSTGRES_PERSON_SCHEMA_H_

#include "lib/postgres/migration.h"

namespace musubi::person {

extern const postgres::Schema kPostgresPersonSchema;

// A role without a login, which the operators' login is a member of. No other role of ours sees a
// person.
inline constexpr char kPostgresPersonRole[] = "musubi_person";

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_POSTGRES_PERSON_SCHEMA_H_
