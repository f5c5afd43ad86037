#include "lib/prelink/evidence.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/prelink/consent.h"
#include "lib/prelink/fields.h"

namespace musubi::prelink {
namespace {

constexpr int kStatementVersion = 1;

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

std::string JourneySummary::Serialize() const {
  return base::Base64UrlEncode(
      EncodeFields({base::AsBytes(session::Name(act)), base::AsBytes(session::Name(flow)),
                    EncodeVerdict(verdict)}));
}

absl::StatusOr<JourneySummary> JourneySummary::Parse(std::string_view text) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes octets, base::Base64UrlDecode(text));
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<base::Bytes> fields, DecodeFields(octets, 3));
  const auto act = session::ParseAct(base::AsText(fields[0]));
  const auto flow = session::ParseFlow(base::AsText(fields[1]));
  if (!act.has_value() || !flow.has_value()) {
    return absl::DataLossError("journey summary: no such act or flow");
  }
  JourneySummary summary{.act = *act, .flow = *flow};
  MUSUBI_ASSIGN_OR_RETURN(summary.verdict, DecodeVerdict(fields[2]));
  return summary;
}

EvidenceRecord SignEvidence(const crypto::Ed25519PrivateKey& key,
                            const session::SessionId& session_id, const link::Link& link,
                            const JourneySummary& summary, absl::Time at) {
  const pki::Verdict& verdict = summary.verdict;
  // nlohmann::json keeps members sorted by name.
  nlohmann::json statement = {
      {"version", kStatementVersion},
      {"relying_party", link.relying_party_id},
      {"session", base::HexEncode(session_id)},
      {"act", session::Name(summary.act)},
      {"flow", session::Name(summary.flow)},
      {"link", base::HexEncode(link.id)},
      {"subject", base::HexEncode(link.subject)},
      {"at", Rfc3339(at)},
      {"verdict",
       {{"status", pki::Name(verdict.status)},
        {"checked_at", Rfc3339(verdict.checked_at)},
        {"possession", verdict.possession == pki::PossessionOutcome::kProven},
        {"revocation",
         {{"outcome", pki::Name(verdict.revocation.outcome)},
          {"method", pki::Name(verdict.revocation.method)}}}}},
  };
  if (verdict.revocation.this_update.has_value()) {
    statement["verdict"]["revocation"]["this_update"] = Rfc3339(*verdict.revocation.this_update);
  }
  EvidenceRecord record{.statement = statement.dump(), .key_id = key.id()};
  const crypto::Ed25519Signature signature = key.Sign(base::AsBytes(record.statement));
  record.signature.assign(signature.begin(), signature.end());
  return record;
}

}  // namespace musubi::prelink
