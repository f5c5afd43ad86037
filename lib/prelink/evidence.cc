#include "lib/prelink/evidence.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/prelink/consent.h"
#include "lib/prelink/fields.h"

namespace musubi::prelink {
namespace {

using Json = nlohmann::json;  // It keeps members sorted by name.

constexpr int kStatementVersion = 1;
constexpr std::string_view kVerdictKind = "verdict";

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

EvidenceRecord Sign(const crypto::Ed25519PrivateKey& key, const Json& statement) {
  EvidenceRecord record{.statement = statement.dump(), .key_id = key.id()};
  const crypto::Ed25519Signature signature = key.Sign(base::AsBytes(record.statement));
  record.signature.assign(signature.begin(), signature.end());
  return record;
}

// What both kinds of statement say about revocation.
Json RevocationOf(const pki::RevocationFinding& finding) {
  Json revocation = {{"outcome", pki::Name(finding.outcome)},
                     {"method", pki::Name(finding.method)}};
  if (finding.this_update) revocation["this_update"] = Rfc3339(*finding.this_update);
  if (finding.next_update) revocation["next_update"] = Rfc3339(*finding.next_update);
  return revocation;
}

// Whether it is an object with all of `members`, any of `optional`, and no other.
bool HasExactly(const Json& object, std::initializer_list<const char*> members,
                std::initializer_list<const char*> optional = {}) {
  const auto has = [&](const char* name) { return object.contains(name); };
  return object.is_object() && std::ranges::all_of(members, has) &&
         object.size() ==
             members.size() + static_cast<size_t>(std::ranges::count_if(optional, has));
}

// Whether a statement is one of the two kinds, member by member.
bool HasKnownMembers(const Json& statement) {
  const bool of_journey = HasExactly(statement, {"version", "relying_party", "session", "act",
                                                 "flow", "link", "subject", "at", "verdict"});
  const bool of_verdict =
      HasExactly(statement, {"version", "kind", "profile", "anchor", "verdict"}) &&
      statement["kind"] == kVerdictKind;
  if (!of_journey && !of_verdict) return false;
  const Json& verdict = statement["verdict"];
  const bool known =
      of_journey
          ? HasExactly(verdict, {"status", "checked_at", "possession", "revocation"})
          : HasExactly(verdict, {"status", "reason", "checked_at", "possession", "revocation"});
  if (!known) return false;
  return HasExactly(verdict["revocation"], {"outcome", "method"}, {"this_update", "next_update"});
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
  return Sign(key, {
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
                         {"revocation", RevocationOf(verdict.revocation)}}},
                   });
}

EvidenceRecord SignVerdict(const crypto::Ed25519PrivateKey& key, const pki::Verdict& verdict,
                           std::string_view profile, std::string_view anchor_id) {
  MUSUBI_CHECK(verdict.status != pki::VerdictStatus::kUnspecified, "nothing was decided");
  return Sign(key, {
                       {"version", kStatementVersion},
                       {"kind", kVerdictKind},
                       {"profile", profile},
                       {"anchor", anchor_id},
                       {"verdict",
                        {{"status", pki::Name(verdict.status)},
                         {"reason", pki::Name(verdict.reason)},
                         {"checked_at", Rfc3339(verdict.checked_at)},
                         {"possession", pki::Name(verdict.possession)},
                         {"revocation", RevocationOf(verdict.revocation)}}},
                   });
}

std::string EvidenceRecord::Serialize() const {
  return Json{
      {"statement", statement}, {"key_id", key_id}, {"signature", base::Base64UrlEncode(signature)}}
      .dump();
}

absl::StatusOr<EvidenceRecord> EvidenceRecord::Parse(std::string_view text) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject object, base::JsonObject::Parse(text, "record"));
  EvidenceRecord record;
  MUSUBI_ASSIGN_OR_RETURN(record.statement, object.String("statement"));
  MUSUBI_ASSIGN_OR_RETURN(record.key_id, object.String("key_id"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string signature, object.String("signature"));
  MUSUBI_RETURN_IF_ERROR(object.RefuseOthers());
  auto octets = base::Base64UrlDecode(signature);
  if (!octets.ok()) return object.Invalid("\"signature\" must be base64url");
  record.signature = *std::move(octets);
  return record;
}

absl::StatusOr<EvidencePublicKey> EvidencePublicKey::Parse(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const size_t space = text.find(' ');
  const auto key = base::Base64UrlDecode(space == std::string_view::npos ? std::string_view()
                                                                         : text.substr(space + 1));
  EvidencePublicKey parsed{std::string(text.substr(0, space)), {}};
  if (parsed.id.empty() || !key.ok() || key->size() != parsed.key.size()) {
    return absl::InvalidArgumentError(
        "must be one line with an id and 32 octets in base64url, as `musubictl evidence "
        "public-key` "
        "prints it");
  }
  std::ranges::copy(*key, parsed.key.begin());
  return parsed;
}

EvidenceFault CheckEvidence(const EvidenceRecord& record, const EvidencePublicKey& key) {
  if (record.key_id != key.id) return EvidenceFault::kOtherKey;
  if (!crypto::VerifyEd25519(key.key, base::AsBytes(record.statement), record.signature)) {
    return EvidenceFault::kBadSignature;
  }
  const Json statement = Json::parse(record.statement, nullptr, /*allow_exceptions=*/false);
  if (!statement.is_object() || statement.dump() != record.statement) {
    return EvidenceFault::kNotCanonical;
  }
  if (statement.value("version", Json()) != kStatementVersion) {
    return EvidenceFault::kUnknownVersion;
  }
  return HasKnownMembers(statement) ? EvidenceFault::kNone : EvidenceFault::kUnknownMembers;
}

std::string_view Name(EvidenceFault fault) {
  switch (fault) {
    case EvidenceFault::kNone:
      return "NONE";
    case EvidenceFault::kOtherKey:
      return "OTHER_KEY";
    case EvidenceFault::kBadSignature:
      return "BAD_SIGNATURE";
    case EvidenceFault::kNotCanonical:
      return "NOT_CANONICAL";
    case EvidenceFault::kUnknownVersion:
      return "UNKNOWN_VERSION";
    case EvidenceFault::kUnknownMembers:
      return "UNKNOWN_MEMBERS";
  }
  return "UNKNOWN";
}

}  // namespace musubi::prelink
