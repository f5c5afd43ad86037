#include "lib/link/audit_checkpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/link/audit_json.h"

namespace musubi::link {
namespace {

constexpr int64_t kVersion = 1;
// Longest line that is read, in octets: ours have some 350.
constexpr size_t kMaxLine = 4096;

void AppendInt64(base::Bytes& out, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  base::AppendUint32(out, 8);
  base::AppendUint32(out, static_cast<uint32_t>(bits >> 32));
  base::AppendUint32(out, static_cast<uint32_t>(bits));
}

// What is signed: every field, in a fixed order, each with its length in front.
base::Bytes Encode(const AuditCheckpoint& checkpoint) {
  base::Bytes octets;
  base::AppendField(octets, base::AsBytes("musubi audit checkpoint v1"));
  base::AppendField(octets, base::AsBytes(checkpoint.chain.relying_party_id));
  AppendInt64(octets, checkpoint.chain.head.sequence);
  base::AppendField(octets, checkpoint.chain.head.mac);
  AppendInt64(octets, absl::ToUnixMicros(checkpoint.at));
  base::AppendField(octets, base::AsBytes(checkpoint.key_id));
  return octets;
}

template <size_t N>
bool CopyTo(std::array<uint8_t, N>& out, const absl::StatusOr<base::Bytes>& octets) {
  if (!octets.ok() || octets->size() != N) return false;
  std::ranges::copy(*octets, out.begin());
  return true;
}

// The members by which checkpoints differ, whatever else the line has.
absl::StatusOr<AuditCheckpoint> ReadMembers(std::string_view line) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject object, base::JsonObject::Parse(line, "checkpoint"));
  AuditCheckpoint checkpoint;
  MUSUBI_ASSIGN_OR_RETURN(const auto relying_party, object.StringOrNull("relying_party"));
  checkpoint.chain.relying_party_id = relying_party.value_or("");
  MUSUBI_ASSIGN_OR_RETURN(checkpoint.chain.head.sequence, object.Integer("sequence"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string mac, object.String("mac"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string at, object.String("at"));
  MUSUBI_ASSIGN_OR_RETURN(checkpoint.key_id, object.String("key_id"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string signature, object.String("signature"));
  if (!CopyTo(checkpoint.chain.head.mac, base::HexDecode(mac)) ||
      !CopyTo(checkpoint.signature, base::Base64UrlDecode(signature)) ||
      !absl::ParseTime(absl::RFC3339_full, at, &checkpoint.at, nullptr)) {
    return object.Invalid("not in its one form");
  }
  return checkpoint;
}

std::string NameOf(const ChainHead& chain) {
  return chain.relying_party_id.empty() ? "the chain"
                                        : "the chain of relying party " + chain.relying_party_id;
}

struct Found {
  CheckpointFault fault;
  std::string what;
};

// Nothing if the line holds.
absl::StatusOr<std::optional<Found>> FindFault(const AuditCheckpoint& checkpoint,
                                               const CheckpointKeys& keys, AuditReader& reader) {
  const auto key = keys.find(checkpoint.key_id);
  if (key == keys.end()) {
    return Found{CheckpointFault::kUnknownKey,
                 absl::StrCat("signed with key ", checkpoint.key_id,
                              ", which was not given: add its public part, or it is foreign")};
  }
  if (!crypto::VerifyEd25519(key->second, Encode(checkpoint), checkpoint.signature)) {
    return Found{CheckpointFault::kBadSignature,
                 "the signature does not hold: the line was changed, or made without the key"};
  }
  const ChainHead& chain = checkpoint.chain;
  const int64_t sequence = chain.head.sequence;
  MUSUBI_ASSIGN_OR_RETURN(const AuditPlace place, reader.Find(chain.relying_party_id, sequence));
  if (place.last == 0) {
    return Found{CheckpointFault::kChainMissing,
                 absl::StrCat("the database has no entry of ", NameOf(chain), ", which had ",
                              sequence, ": they were taken away, or it is another database")};
  }
  if (place.last < sequence) {
    return Found{CheckpointFault::kChainTruncated,
                 absl::StrCat(NameOf(chain), " ends after entry ", place.last, ", before entry ",
                              sequence, ", which it had: its tail was cut off")};
  }
  if (!place.mac.has_value()) {
    return Found{CheckpointFault::kEntryMissing,
                 absl::StrCat(NameOf(chain), " has no entry ", sequence, " any more")};
  }
  if (*place.mac != chain.head.mac) {
    return Found{CheckpointFault::kEntryRewritten,
                 absl::StrCat(NameOf(chain), " has another entry ", sequence,
                              " than it had: it was written anew from there or from before")};
  }
  return std::nullopt;
}

void Note(CheckpointReport& report, Found found, int64_t line) {
  const auto known = std::ranges::find(report.findings, found.fault, &CheckpointFinding::fault);
  if (known != report.findings.end()) {
    ++known->lines;
    return;
  }
  report.findings.push_back({found.fault, 1, line, std::move(found.what)});
}

}  // namespace

AuditCheckpoint SignCheckpoint(ChainHead chain, absl::Time at,
                               const crypto::Ed25519PrivateKey& key) {
  AuditCheckpoint checkpoint{.chain = std::move(chain),
                             .at = absl::FromUnixMicros(absl::ToUnixMicros(at)),
                             .key_id = key.id()};
  checkpoint.signature = key.Sign(Encode(checkpoint));
  return checkpoint;
}

std::string AuditCheckpoint::ToJson() const {
  return absl::StrCat(R"({"kind":"checkpoint","version":)", kVersion, R"(,"relying_party":)",
                      TextAsJson(chain.relying_party_id), R"(,"sequence":)", chain.head.sequence,
                      R"(,"mac":")", base::HexEncode(chain.head.mac), R"(","at":)", TimeAsJson(at),
                      R"(,"key_id":)", TextAsJson(key_id), R"(,"signature":")",
                      base::Base64UrlEncode(signature), "\"}");
}

absl::StatusOr<AuditCheckpoint> AuditCheckpoint::Parse(std::string_view line) {
  const absl::StatusOr<AuditCheckpoint> read = ReadMembers(line);
  // What it would write again: kind, version, other members and other spellings.
  if (read.ok() && read->chain.head.sequence > 0 && read->ToJson() == line) return read;
  return absl::InvalidArgumentError("is no checkpoint, as musubid and `audit export` write one");
}

absl::StatusOr<uint64_t> ForEachCheckpointLine(
    const std::string& path,
    absl::FunctionRef<absl::Status(std::string_view line, int64_t number)> on_line) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::ErrnoToStatus(errno != 0 ? errno : EIO, base::ToAbsl("cannot open " + path));
  }
  std::array<char, kMaxLine + 1> line;
  uint64_t octets = 0;
  for (int64_t number = 1;; ++number) {
    file.getline(line.data(), line.size());
    const auto length = static_cast<size_t>(file.gcount());  // With the end, if it has one.
    if (file.bad()) {
      return absl::ErrnoToStatus(errno != 0 ? errno : EIO, base::ToAbsl("cannot read " + path));
    }
    if (file.eof()) return octets;
    if (file.fail()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": line ", number, " has more than ", kMaxLine,
                       " octets: this is no file of checkpoints; name another one"));
    }
    MUSUBI_RETURN_IF_ERROR(on_line({line.data(), length - 1}, number));
    octets += length;
  }
}

std::string_view Name(CheckpointFault fault) {
  switch (fault) {
    case CheckpointFault::kMalformed:
      return "MALFORMED";
    case CheckpointFault::kUnknownKey:
      return "UNKNOWN_KEY";
    case CheckpointFault::kBadSignature:
      return "BAD_SIGNATURE";
    case CheckpointFault::kChainMissing:
      return "CHAIN_MISSING";
    case CheckpointFault::kChainTruncated:
      return "CHAIN_TRUNCATED";
    case CheckpointFault::kEntryMissing:
      return "ENTRY_MISSING";
    case CheckpointFault::kEntryRewritten:
      return "ENTRY_REWRITTEN";
  }
  return "UNKNOWN";
}

absl::StatusOr<CheckpointReport> VerifyCheckpoints(const std::string& path,
                                                   const CheckpointKeys& keys,
                                                   AuditReader& reader) {
  CheckpointReport report;
  // No snapshot of the database: each line is read before the entry that it names is looked for, so
  // that musubid may append to both meanwhile.
  const auto on_line = [&](std::string_view line, int64_t number) -> absl::Status {
    const auto checkpoint = AuditCheckpoint::Parse(line);
    if (!checkpoint.ok()) {
      Note(report, {CheckpointFault::kMalformed, std::string(checkpoint.status().message())},
           number);
      return absl::OkStatus();
    }
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Found> found, FindFault(*checkpoint, keys, reader));
    if (found.has_value()) {
      Note(report, *std::move(found), number);
      return absl::OkStatus();
    }
    ++report.count;
    report.newest = std::max(report.newest, std::make_optional(checkpoint->at));
    return absl::OkStatus();
  };
  MUSUBI_RETURN_IF_ERROR(ForEachCheckpointLine(path, on_line).status());
  if (report.count == 0 && report.findings.empty()) {
    return absl::FailedPreconditionError(
        path +
        " has no checkpoint, so nothing can be compared: name the file that musubid wrote, "
        "or a copy of it");
  }
  report.ok = report.findings.empty();
  return report;
}

}  // namespace musubi::link
