// What a session holds between proof and use, and what its owner is asked to give of it. The card
// is sealed while it waits; nobody but these functions sees it.
#ifndef MUSUBI_LIB_PRELINK_CONSENT_H_
#define MUSUBI_LIB_PRELINK_CONSENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"
#include "lib/person/person_store.h"
#include "lib/pki/verdict.h"
#include "lib/prelink/relying_party.h"
#include "lib/session/record.h"

namespace musubi::prelink {

// The name of an attribute in the challenge, in records and in evidence: "name".
std::string_view Name(Attribute attribute);

// What the person is asked to give, with the values that the card gave. Personal data: for the
// phone only.
struct ConsentRequest {
  const RelyingParty* relying_party = nullptr;
  session::Act act = session::Act::kUnspecified;
  bool account_bound = false;
  std::string masked_account_hint;
  struct Item {
    Attribute attribute;
    base::Secret<std::string> value;
  };
  std::vector<Item> attributes;
  std::string consent_text_version;
};

// SealCard encrypts a proven card for its session's record; OpenCard reverses it. DATA_LOSS if the
// value is not of this session, or its key is gone.
base::Bytes SealCard(const crypto::Keyring& keyring, const session::SessionId& session_id,
                     const person::CardRecord& card, base::SecureRandom& random);
absl::StatusOr<person::CardRecord> OpenCard(const crypto::Keyring& keyring,
                                            const session::SessionId& session_id,
                                            base::ByteView sealed);

// OpenGrantedCard opens the card of `record`, a session after consent, without what its owner did
// not agree to give. Errors as OpenCard.
absl::StatusOr<person::CardRecord> OpenGrantedCard(const crypto::Keyring& keyring,
                                                   const session::SessionRecord& record);

// MakeConsentRequest says what `record`, a session in PROVEN, asks for. Errors as OpenCard.
absl::StatusOr<ConsentRequest> MakeConsentRequest(const crypto::Keyring& keyring,
                                                  const RelyingParty& relying_party,
                                                  const session::SessionRecord& record);

// EncodeVerdict and DecodeVerdict keep a verdict in a record or a link. The diagnostic is not kept.
// DATA_LOSS if the octets are not of EncodeVerdict.
base::Bytes EncodeVerdict(const pki::Verdict& verdict);
absl::StatusOr<pki::Verdict> DecodeVerdict(base::ByteView encoded);

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_CONSENT_H_
