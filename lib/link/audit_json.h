// Audit entries as JSON Lines, for export, and what those of checkpoints have in common with them.
#ifndef MUSUBI_LIB_LINK_AUDIT_JSON_H_
#define MUSUBI_LIB_LINK_AUDIT_JSON_H_

#include <string>

#include "absl/time/time.h"
#include "lib/link/audit_chain.h"

namespace musubi::link {

// One object on one line, without its end; docs/audit.md describes the members. Everything that the
// MAC is made of, to the microsecond.
std::string EntryAsJson(const AuditEntry& entry);

// RFC 3339 in UTC with microseconds.
std::string TimeAsJson(absl::Time time);
// A quoted string in ASCII; null for an empty one.
std::string TextAsJson(const std::string& text);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_AUDIT_JSON_H_
