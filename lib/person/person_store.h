// The only home of card data: which person a card belongs to, the certificate and the name, all
// encrypted, and the key under which the audit chain commits to the person. Opened only by the
// processes that validate and link. Knows no account and no link.
//
// Errors of every method, besides those named: UNAVAILABLE (the database is busy or away, or others
// use a key of the index keyring that this process lacks, so that it cannot say who a card is),
// DATA_LOSS (a value does not open: a key is missing or the row was changed), INTERNAL. No message
// holds card data.
#ifndef MUSUBI_LIB_PERSON_PERSON_STORE_H_
#define MUSUBI_LIB_PERSON_PERSON_STORE_H_

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"

namespace musubi::person {

// Random; opaque to everybody else.
using PersonId = base::Id128;

// RFC 5280 section 4.1.2.2: a conforming CA's serial is at most 20 octets; one more for a sign.
inline constexpr size_t kMaxSerialLength = 21;
// As lib/pki's kMaxCertificateSize.
inline constexpr size_t kMaxCertificateSize = 16 * 1024;
// Octets of UTF-8. The card's name field is far shorter.
inline constexpr size_t kMaxNameLength = 512;

// What a row may be without a link before a sweep takes it. A link's transaction follows its row
// within seconds; the hour leaves room for retries over a database that was away.
inline constexpr absl::Duration kUnreferencedGrace = absl::Hours(1);

// A certificate's identity: the CA's key and the serial. Several generations of the CA share one
// name, so the name would not do.
struct CardIdentity {
  base::Hash256 issuer_key_hash{};  // SHA-256 of the issuer's SubjectPublicKeyInfo.
  base::Bytes serial;               // Content octets of the INTEGER, as encoded.
};

struct CardRecord {
  CardIdentity card;
  base::Bytes certificate_der;
  std::optional<base::Secret<std::string>> name;  // UTF-8; only if the relying party asks for it.
};

// PersonStore implementations are thread-safe, and several objects (processes) may work on one
// database. Calls block on the disk or the network.
class PersonStore {
 public:
  // Returns those of the given persons that something still refers to (LinkStore's
  // ReferencedPersons): the two stores may be different databases.
  using ReferencedFn =
      std::function<absl::StatusOr<std::vector<PersonId>>(std::span<const PersonId>)>;

  virtual ~PersonStore() = default;

  // Record returns the card's person, making one if the card is new. For the moment just before a
  // link's transaction: the row's grace starts anew each time. A name that is given replaces the
  // stored one; one that is not leaves it. FIELD_INVALID outside the limits above.
  virtual absl::StatusOr<PersonId> Record(const CardRecord& record) = 0;

  // Find returns the card's person, or nothing. Tries every key of the index keyring.
  virtual absl::StatusOr<std::optional<PersonId>> Find(const CardIdentity& card) = 0;

  // The stored name, or nothing if there is none. NOT_FOUND if the person is unknown or erased.
  virtual absl::StatusOr<std::optional<base::Secret<std::string>>> GetName(
      const PersonId& person) = 0;

  // The newest certificate, DER. NOT_FOUND as above.
  virtual absl::StatusOr<base::Secret<base::Bytes>> GetCertificate(const PersonId& person) = 0;

  // Commit returns HMAC(the person's commitment key, the facts, each length-prefixed): equal for
  // equal facts, and meaningless to everybody once the person is erased. NOT_FOUND as above.
  virtual absl::StatusOr<base::Hash256> Commit(const PersonId& person,
                                               std::initializer_list<base::ByteView> facts) = 0;

  // Erase destroys everything about the person, the commitment key first of all. What referred to
  // the person keeps an id that leads nowhere. OK if there is nothing to erase.
  virtual absl::Status Erase(const PersonId& person) = 0;

  // SweepUnreferenced erases the persons that were last recorded before `before` (callers: now
  // less kUnreferencedGrace) and that `referenced` does not return. Returns how many. An error of
  // `referenced` stops the sweep; what it judged before stays erased.
  virtual absl::StatusOr<int> SweepUnreferenced(absl::Time before,
                                                const ReferencedFn& referenced) = 0;
};

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_PERSON_STORE_H_
