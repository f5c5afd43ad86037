// The lists of the link database: filters, pages and their tokens. Internal to lib/link: for
// sqlite_link_store.cc.
#ifndef MUSUBI_LIB_LINK_SQLITE_LINK_PAGES_H_
#define MUSUBI_LIB_LINK_SQLITE_LINK_PAGES_H_

#include "absl/status/statusor.h"
#include "lib/link/account_keys.h"
#include "lib/link/link_store.h"
#include "lib/sqlite/database.h"

namespace musubi::link {

// One page of LinkStore::ListLinks.
absl::StatusOr<Page<Link>> ReadLinkPage(sqlite::Database& db, const AccountKeys& accounts,
                                        const LinkFilter& filter, const PageRequest& page);
// One page of LinkStore::ListEvents.
absl::StatusOr<Page<AuditEntry>> ReadEventPage(sqlite::Database& db, const AccountKeys& accounts,
                                               const LinkFilter& filter, const PageRequest& page);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_SQLITE_LINK_PAGES_H_
