#include "lib/link/audit_chain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::link {
namespace {

std::array<uint8_t, 8> BigEndian(int64_t value) {
  std::array<uint8_t, 8> out;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (56 - 8 * i));
  }
  return out;
}

template <size_t N>
base::ByteView ViewOf(const std::optional<std::array<uint8_t, N>>& value) {
  return value.has_value() ? base::ByteView(*value) : base::ByteView();
}

// The canonical encoding: every field, in a fixed order, each length-prefixed. An absent field has
// length 0, which no present one has.
base::Hash256 MacOf(const AuditEntry& entry, const base::Secret256& key) {
  const AuditFact& fact = entry.fact;
  return crypto::HmacSha256LengthPrefixed(
      key.RevealBytes(),
      {base::AsBytes("musubi audit entry v1"), base::AsBytes(entry.key_id),
       BigEndian(entry.sequence), BigEndian(absl::ToUnixMicros(fact.at)),
       BigEndian(static_cast<int64_t>(fact.event)), base::AsBytes(fact.relying_party_id),
       ViewOf(fact.link_id), ViewOf(fact.session_id), BigEndian(fact.journey.act),
       BigEndian(fact.journey.flow), ViewOf(fact.commitment), entry.previous_mac});
}

}  // namespace

std::string_view Name(AuditEvent event) {
  switch (event) {
    case AuditEvent::kUnspecified:
      return "UNSPECIFIED";
    case AuditEvent::kLinked:
      return "LINKED";
    case AuditEvent::kReplaced:
      return "REPLACED";
    case AuditEvent::kUnlinked:
      return "UNLINKED";
    case AuditEvent::kResolved:
      return "RESOLVED";
    case AuditEvent::kResolvedNothing:
      return "RESOLVED_NOTHING";
    case AuditEvent::kNotMe:
      return "NOT_ME";
    case AuditEvent::kLockedOut:
      return "LOCKED_OUT";
    case AuditEvent::kNameRead:
      return "NAME_READ";
    case AuditEvent::kLinkedAgain:
      return "LINKED_AGAIN";
  }
  return "UNKNOWN";
}

std::string_view Name(AuditFault fault) {
  switch (fault) {
    case AuditFault::kNone:
      return "NONE";
    case AuditFault::kSequenceBroken:
      return "SEQUENCE_BROKEN";
    case AuditFault::kPreviousMismatch:
      return "PREVIOUS_MISMATCH";
    case AuditFault::kUnknownKey:
      return "UNKNOWN_KEY";
    case AuditFault::kMacMismatch:
      return "MAC_MISMATCH";
    case AuditFault::kHeadMissing:
      return "HEAD_MISSING";
    case AuditFault::kHeadMismatch:
      return "HEAD_MISMATCH";
  }
  return "UNKNOWN";
}

std::string AuditHead::ToHex() const {
  return base::HexEncode(BigEndian(sequence)) + base::HexEncode(mac);
}

absl::StatusOr<AuditHead> AuditHead::Parse(std::string_view hex) {
  const auto octets = base::HexDecode(hex);
  if (!octets.ok() || octets->size() != 40 || octets->front() > 0x7f) {
    return absl::InvalidArgumentError(
        "an audit head is 80 hexadecimal digits in lower case, as `musubictl audit head` prints");
  }
  AuditHead head;
  for (size_t i = 0; i < 8; ++i) head.sequence = head.sequence << 8 | (*octets)[i];
  std::copy(octets->begin() + 8, octets->end(), head.mac.begin());
  return head;
}

AuditEntry AppendTo(const AuditHead& head, AuditFact fact, const crypto::Keyring& keyring) {
  AuditEntry entry{.sequence = head.sequence + 1,
                   .fact = std::move(fact),
                   .key_id = keyring.active().id,
                   .previous_mac = head.mac,
                   .mac = {}};
  entry.mac = MacOf(entry, keyring.active().secret);
  return entry;
}

AuditVerifier::AuditVerifier(crypto::Keyring keyring, std::optional<AuditHead> expected_head)
    : keyring_(std::move(keyring)), expected_head_(std::move(expected_head)) {}

bool AuditVerifier::Fault(AuditFault fault, int64_t sequence, std::string what) {
  report_.fault = fault;
  report_.fault_sequence = sequence;
  report_.what = std::move(what);
  return false;
}

bool AuditVerifier::Feed(const AuditEntry& entry) {
  if (report_.fault != AuditFault::kNone) return false;
  const int64_t want = report_.head.sequence + 1;
  const std::string number = "entry " + std::to_string(want);
  if (entry.sequence != want) {
    return Fault(AuditFault::kSequenceBroken, want,
                 number + " is missing: the next one there is " + std::to_string(entry.sequence));
  }
  const crypto::Keyring::Key* key = keyring_.Find(entry.key_id);
  if (key == nullptr) {
    return Fault(AuditFault::kUnknownKey, want,
                 number + " was made with audit key " + entry.key_id +
                     ", which the keyring does not have: add it, or the entry is foreign");
  }
  if (!base::ConstantTimeEqual(MacOf(entry, key->secret), entry.mac)) {
    return Fault(AuditFault::kMacMismatch, want,
                 number + " was changed, or made without the audit key");
  }
  if (!base::ConstantTimeEqual(entry.previous_mac, report_.head.mac)) {
    return Fault(AuditFault::kPreviousMismatch, want,
                 number + " does not follow the entry before it: one of the two was put there");
  }
  if (expected_head_.has_value() && expected_head_->sequence == want &&
      expected_head_->mac != entry.mac) {
    return Fault(AuditFault::kHeadMismatch, want,
                 number + " is not the expected head: the chain was cut before it and went on");
  }
  ++report_.count;
  report_.head = {entry.sequence, entry.mac};
  return true;
}

AuditReport AuditVerifier::Finish() {
  if (report_.fault != AuditFault::kNone) return report_;
  if (expected_head_.has_value() && expected_head_->sequence > report_.head.sequence) {
    Fault(AuditFault::kHeadMissing, report_.head.sequence + 1,
          "the chain ends after entry " + std::to_string(report_.head.sequence) +
              ", before the expected head " + std::to_string(expected_head_->sequence) +
              ": its tail was cut off");
    return report_;
  }
  report_.ok = true;
  report_.tail_checked = expected_head_.has_value();
  report_.what =
      report_.tail_checked
          ? "every entry holds, and the expected head is among them"
          : "every entry holds; without an expected head, a tail that was cut off cannot be seen";
  return report_;
}

}  // namespace musubi::link
