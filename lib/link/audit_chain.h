// The audit chain: what was done to links and sessions, each entry authenticated together with the
// one before it under a key that the database does not hold. Makes and checks entries; storing them
// is the link store's. Holds no personal data: only commitments under a key of each person
// (PersonStore::Commit), so that erasing a person breaks nothing here.
#ifndef MUSUBI_LIB_LINK_AUDIT_CHAIN_H_
#define MUSUBI_LIB_LINK_AUDIT_CHAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/keyring.h"

namespace musubi::link {

// What happened. Numbers are in the chain: never renumber.
enum class AuditEvent {
  kUnspecified = 0,
  kLinked = 1,
  kReplaced = 2,  // The link ended because a new one took its place; its kLinked comes next.
  kUnlinked = 3,
  kResolved = 4,         // A card led to this link.
  kResolvedNothing = 5,  // A card was proven that has no link.
  kNotMe = 6,            // The phone's owner called the session foreign.
  kLockedOut = 7,        // The session ended for too many wrong codes or proofs.
  kNameRead = 8,         // The signed-in person was shown the name.
  kLinkedAgain = 9,      // Another session proved the card of the account's active link.
};
std::string_view Name(AuditEvent event);  // As in "LINKED".

// The journey behind an entry, in the numbers of session::Act and session::Flow; 0 without one.
struct Journey {
  int act = 0;
  int flow = 0;
};

// What an entry says, before it has a place in the chain.
struct AuditFact {
  absl::Time at;  // Whole microseconds.
  AuditEvent event = AuditEvent::kUnspecified;
  std::string relying_party_id;
  std::optional<base::Id128> link_id;
  std::optional<base::Id128> session_id;
  Journey journey;
  std::optional<base::Hash256> commitment;
};

// One entry. `previous_mac` of the first is all zero.
struct AuditEntry {
  int64_t sequence = 0;  // 1, 2, 3, ... without a gap.
  AuditFact fact;
  std::string key_id;  // Of the audit keyring.
  base::Hash256 previous_mac{};
  base::Hash256 mac{};
};

// AuditHead names the last entry of a chain. Kept outside the database, it shows later that no
// entry up to it was cut off. The head of an empty chain is a default-constructed one.
struct AuditHead {
  int64_t sequence = 0;
  base::Hash256 mac{};

  // 80 hexadecimal digits: sequence (8 octets, big-endian), mac. Parse: INVALID_ARGUMENT otherwise.
  std::string ToHex() const;
  static absl::StatusOr<AuditHead> Parse(std::string_view hex);

  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

// One chain of a store, and its last entry. Empty: the store has one chain for all relying parties.
struct ChainHead {
  std::string relying_party_id;
  AuditHead head;

  friend bool operator==(const ChainHead&, const ChainHead&) = default;
};

// Gets entries of a walk that hold, in order.
using OnAuditEntry = absl::FunctionRef<void(const AuditEntry&)>;

// AppendTo makes the entry that follows `head`, under the keyring's active key.
AuditEntry AppendTo(const AuditHead& head, AuditFact fact, const crypto::Keyring& keyring);

// What was found wrong first.
enum class AuditFault {
  kNone = 0,
  kSequenceBroken = 1,    // An entry is missing here, or one was inserted or moved.
  kPreviousMismatch = 2,  // The entry does not follow the one before it.
  kUnknownKey = 3,        // The keyring has no key of the entry's id.
  kMacMismatch = 4,       // The entry was changed, or made without the key.
  kHeadMissing = 5,       // The chain ends before the expected head: its tail was cut off.
  kHeadMismatch = 6,      // Another entry stands where the expected head was.
};
std::string_view Name(AuditFault fault);  // As in "MAC_MISMATCH".

// AuditReport is what verification found. Default-constructed: not ok.
struct AuditReport {
  bool ok = false;
  int64_t count = 0;  // Entries that hold, from the first on.
  AuditHead head;     // Of those.
  // The same for each chain, of a whole store's report that is ok.
  std::vector<ChainHead> chains;
  AuditFault fault = AuditFault::kNone;
  int64_t fault_sequence = 0;  // Where the fault is; 0 if there is none.
  // False if no head was expected: then a tail cut off would not be seen, and `what` says so.
  bool tail_checked = false;
  std::string what;  // One sentence for the operator.
};

// AuditVerifier checks a chain entry by entry, in the order of their sequence. Not thread-safe.
class AuditVerifier {
 public:
  // The keyring is copied. With `expected_head`, an entry of the chain must be that head; the chain
  // may have grown since.
  AuditVerifier(crypto::Keyring keyring, std::optional<AuditHead> expected_head);

  // Feed takes the next entry. False once a fault was found: later entries change nothing.
  bool Feed(const AuditEntry& entry);
  // Finish is called once, after the last entry.
  AuditReport Finish();

 private:
  bool Fault(AuditFault fault, int64_t sequence, std::string what);

  crypto::Keyring keyring_;
  std::optional<AuditHead> expected_head_;
  AuditReport report_;
};

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_AUDIT_CHAIN_H_
