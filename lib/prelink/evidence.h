// Our own signed statements: about a finished journey, or about one verdict. They say what was
// proven and how, and name the person only as the relying party knows them: no serial, no
// certificate, no name. docs/evidence.md describes their members.
#ifndef MUSUBI_LIB_PRELINK_EVIDENCE_H_
#define MUSUBI_LIB_PRELINK_EVIDENCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/crypto/ed25519.h"
#include "lib/link/link_store.h"
#include "lib/pki/verdict.h"
#include "lib/session/types.h"

namespace musubi::prelink {

// How a journey ended well: what a link keeps of it and evidence repeats.
struct JourneySummary {
  session::Act act = session::Act::kUnspecified;
  session::Flow flow = session::Flow::kUnspecified;
  pki::Verdict verdict;

  // Text without personal data, for Link::verdict_summary. Parse: DATA_LOSS if not of Serialize.
  std::string Serialize() const;
  static absl::StatusOr<JourneySummary> Parse(std::string_view text);
};

struct EvidenceRecord {
  std::string statement;  // The octets that were signed: one JSON object, members sorted by name.
  std::string key_id;
  base::Bytes signature;  // Ed25519 (RFC 8032), 64 octets.

  // The stored form: one JSON object with these three members, the signature in base64url. Parse:
  // INVALID_ARGUMENT, naming the member and the rule, for any other text.
  std::string Serialize() const;
  static absl::StatusOr<EvidenceRecord> Parse(std::string_view text);
};

// The key that verifies evidence, as `musubictl evidence public-key` prints it: "ID KEY", the key
// being 32 octets in base64url. Parse: INVALID_ARGUMENT.
struct EvidencePublicKey {
  std::string id;
  crypto::Ed25519PublicKey key;

  static absl::StatusOr<EvidencePublicKey> Parse(std::string_view text);
};

// Numbers are stable.
enum class EvidenceFault {
  kNone = 0,
  kOtherKey = 1,      // Signed with another key than the one given, by its id.
  kBadSignature = 2,  // Changed since it was signed, or never signed by this key.
  // Signed by this key, but not a statement that this program makes: not JSON in the one form that
  // is signed, another version, or members that it does not know or misses.
  kNotCanonical = 3,
  kUnknownVersion = 4,
  kUnknownMembers = 5,
};
std::string_view Name(EvidenceFault fault);

// CheckEvidence finds the first thing that is wrong with a record. Needs nothing but the key.
EvidenceFault CheckEvidence(const EvidenceRecord& record, const EvidencePublicKey& key);

// SignVerdict states what validation found about a certificate that it does not name, under this
// profile and, if path and proof hold, below this anchor (empty otherwise). The verdict must have
// been made: its time and status are set.
EvidenceRecord SignVerdict(const crypto::Ed25519PrivateKey& key, const pki::Verdict& verdict,
                           std::string_view profile, std::string_view anchor_id);

// SignEvidence states that the journey `session_id` led to `link`. The same input gives
// the same octets. docs/evidence.md describes the members.
EvidenceRecord SignEvidence(const crypto::Ed25519PrivateKey& key,
                            const session::SessionId& session_id, const link::Link& link,
                            const JourneySummary& summary, absl::Time at);

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_EVIDENCE_H_
