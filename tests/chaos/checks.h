// What must hold in the stores after each fault, whatever happened: compared with what the journeys
// were told.
#ifndef MUSUBI_TESTS_CHAOS_CHECKS_H_
#define MUSUBI_TESTS_CHAOS_CHECKS_H_

#include <optional>
#include <string>

#include "lib/link/audit_chain.h"
#include "tests/chaos/ledger.h"

namespace musubi::chaos {

// Stores is where the links are: one of the two.
struct Stores {
  std::string conninfo;  // PostgreSQL.
  std::string link_db;   // SQLite.
  std::string audit_keyring;
  // The head of the audit chain at the last check: the chain must still hold it.
  std::optional<link::AuditHead> head = {};
};

// Check adds a violation to the ledger for each thing that does not hold, and moves `stores.head`
// on. No journey need be under way, but may be. Returns a line of what was counted.
std::string Check(const base::Clock& clock, Ledger& ledger, Stores& stores);

}  // namespace musubi::chaos

#endif  // MUSUBI_TESTS_CHAOS_CHECKS_H_
