// Which columns of the person databases hold sealed values, for whoever moves them to another key:
// the same in SQLite and in PostgreSQL. Internal to lib/person.
#ifndef MUSUBI_LIB_PERSON_SEALED_TABLES_H_
#define MUSUBI_LIB_PERSON_SEALED_TABLES_H_

#include <array>
#include <string>

#include "lib/person/person_values.h"

namespace musubi::person {

struct SealedColumn {
  Sealed sealed;
  std::string name;
};

// `row` names each row, and is the order of a pass.
struct SealedTable {
  std::string name;
  std::string row;
  std::array<SealedColumn, 2> columns;
};

inline const std::array<SealedTable, 2>& SealedTables() {
  static const std::array<SealedTable, 2> tables = {
      SealedTable{"persons",
                  "person_id",
                  {SealedColumn{Sealed::kCommitmentKey, "sealed_commitment_key"},
                   SealedColumn{Sealed::kName, "sealed_name"}}},
      SealedTable{"certificates",
                  "index_hash",
                  {SealedColumn{Sealed::kCertificate, "sealed_certificate"},
                   SealedColumn{Sealed::kIdentity, "sealed_identity"}}}};
  return tables;
}

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_SEALED_TABLES_H_
