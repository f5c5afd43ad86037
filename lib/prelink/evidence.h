// Our own signed statement about a finished journey. Says what was proven and how, and names the
// person only as the relying party knows them: no serial, no certificate, no name.
#ifndef MUSUBI_LIB_PRELINK_EVIDENCE_H_
#define MUSUBI_LIB_PRELINK_EVIDENCE_H_

#include <string>

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
};

// SignEvidence states that the journey `session_id` led to `link`. The same input gives
// the same octets. docs/evidence.md describes the members.
EvidenceRecord SignEvidence(const crypto::Ed25519PrivateKey& key,
                            const session::SessionId& session_id, const link::Link& link,
                            const JourneySummary& summary, absl::Time at);

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_EVIDENCE_H_
