// LinkStore on PostgreSQL: for several machines. Constraints of the database judge conflicts; what
// lost one is run again, finds the winner and says what the conflict was.
#ifndef MUSUBI_LIB_LINK_POSTGRES_LINK_STORE_H_
#define MUSUBI_LIB_LINK_POSTGRES_LINK_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"
#include "lib/link/link_store.h"

namespace musubi::link {

struct PostgresLinkStoreDependencies {
  const base::Clock* clock = nullptr;    // Must outlive the store.
  base::SecureRandom* random = nullptr;  // Must outlive the store.
  crypto::Keyring audit_keyring;
  crypto::Keyring account_keyring;  // To change its key: as of SqliteLinkStoreDependencies.
};

struct PostgresLinkStoreOptions {
  std::string conninfo;  // postgres::PoolOptions: without a password.
  size_t connections = 16;
};

// CreatePostgresLinkStore connects and checks; `musubictl migrate` has made the tables.
// FAILED_PRECONDITION, naming the fix, if the schema is older or newer than this binary, the login
// may not act as musubi_link, or the account keyring lacks a key that rows were made with;
// UNAVAILABLE if the database does not answer.
//
// Beside LinkStore's errors: OVERLOADED if all connections are in use for too long. After
// UNAVAILABLE a change may have been made or not: CreateLink, ReplaceLink, EndLink, Resolve and
// EndSession are told apart by a repeat of the same request, which gets the stored answer. Calls
// end by base::CallDeadline, or within 10 s.
//
// The head that ExportHead returns stands for the chains of all relying parties, and leaves a
// checkpoint in the database, without which VerifyChain could not tell later what it stood for.
absl::StatusOr<std::unique_ptr<LinkStore>> CreatePostgresLinkStore(
    PostgresLinkStoreDependencies dependencies, const PostgresLinkStoreOptions& options);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_POSTGRES_LINK_STORE_H_
