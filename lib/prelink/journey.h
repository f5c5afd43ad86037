// What every use case of a session does the same way: apply an event, tell the link store first
// where it must know, seal and open answers for calls that come again. The use cases themselves are
// in the files beside this one.
#ifndef MUSUBI_LIB_PRELINK_JOURNEY_H_
#define MUSUBI_LIB_PRELINK_JOURNEY_H_

#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"
#include "lib/link/link_store.h"
#include "lib/prelink/caller.h"
#include "lib/prelink/journey_limits.h"
#include "lib/prelink/relying_party.h"
#include "lib/session/apply.h"
#include "lib/session/lifetimes.h"
#include "lib/session/session_store.h"

namespace musubi::prelink {

// Journey is shared by all use cases of one server. Thread-safe; what it refers to must outlive it.
class Journey {
 public:
  struct Dependencies {
    session::SessionStore& sessions;
    link::LinkStore& links;
    const JourneyLimits& limits;
    const RelyingPartyRegistry& relying_parties;
    base::SecureRandom& random;
    // Makes session ids, QR frames and the stored form of pairing codes.
    const crypto::Keyring& service_keyring;
    // Encrypts card data while a session holds it.
    const crypto::Keyring& card_keyring;
    session::Observer* observer = nullptr;  // Null: nobody counts.
  };

  Journey(Dependencies dependencies, session::Lifetimes lifetimes)
      : dependencies_(dependencies), lifetimes_(lifetimes) {}

  session::SessionStore& sessions() const { return dependencies_.sessions; }
  link::LinkStore& links() const { return dependencies_.links; }
  const JourneyLimits& limits() const { return dependencies_.limits; }
  base::SecureRandom& random() const { return dependencies_.random; }
  const crypto::Keyring& service_keyring() const { return dependencies_.service_keyring; }
  const crypto::Keyring& card_keyring() const { return dependencies_.card_keyring; }
  const session::Lifetimes& lifetimes() const { return lifetimes_; }
  session::Observer* observer() const { return dependencies_.observer; }

  // The entry of this id, which lives as long as the server. RELYING_PARTY_UNKNOWN.
  absl::StatusOr<const RelyingParty*> FindRelyingParty(std::string_view id) const;

  // Read returns the record as it is now: with the state EXPIRED if its time is over, though
  // nothing was written. SESSION_NOT_FOUND, UNAVAILABLE.
  absl::StatusOr<session::SessionStore::Stored> Read(const session::SessionId& id) const;

  // Apply is session::ApplyEvent with a refusal turned into the error. Before a session ends as
  // "not me" or locked out, the link store hears of it: a session store that goes back in time
  // cannot bring such a session to life again. `before_write` comes before that: for what is
  // counted before it takes effect.
  absl::StatusOr<session::Applied> Apply(const session::SessionId& id,
                                         const session::MakeEvent& make_event,
                                         const session::BeforeWrite& before_write = nullptr) const;

 private:
  Dependencies dependencies_;
  session::Lifetimes lifetimes_;
};

// SHA-256 of a credential or one-time value: what a record holds of it.
base::Hash256 HashOf(const base::Secret256& secret);
std::optional<base::Hash256> HashOf(const std::optional<base::Secret256>& secret);
base::Hash256 HashOfText(std::string_view text);

// ToSecret256 takes exactly 32 octets. DATA_LOSS otherwise.
absl::StatusOr<base::Secret256> ToSecret256(base::ByteView octets);

// BodyHash tells a call from others with the same request id: a hash of method and body, keyed with
// the id, so that whoever reads a store cannot try accounts on it.
base::Hash256 BodyHash(base::ByteView request_id, std::string_view method,
                       std::initializer_list<base::ByteView> body);

// MakeOnce prepares a call that may come again. `method` and `body` tell it from other calls with
// the same id; `answer` is sealed with a key that only the request id gives, so that whoever reads
// the record learns nothing.
session::Once MakeOnce(base::ByteView request_id, const session::SessionId& session_id,
                       std::string_view method, std::initializer_list<base::ByteView> body,
                       base::ByteView answer, base::SecureRandom& random);

// OpenAnswer reverses MakeOnce's sealing. DATA_LOSS if the answer is not of this request id.
absl::StatusOr<base::Secret<base::Bytes>> OpenAnswer(base::ByteView request_id,
                                                     const session::SessionId& session_id,
                                                     base::ByteView sealed);

// OpenSecret256 is OpenAnswer for an answer that is one 256-bit secret.
absl::StatusOr<base::Secret256> OpenSecret256(base::ByteView request_id,
                                              const session::SessionId& session_id,
                                              base::ByteView sealed);

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_JOURNEY_H_
