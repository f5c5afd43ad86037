#include "lib/revocation/crl_state.h"

#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/der.h"
#include "lib/revocation/state_lines.h"

namespace musubi::revocation {
namespace {

using base::Bytes;
using base::ByteView;

// Lines of words: this one first; "scope" ISSUER-KEY SIGNER-KEY POINT NUMBER THIS-UPDATE IDENTITY;
// "kept" DIGEST and "vanished" SERIAL REVOKED-AT REASON, for each of the scope above; "sha256" of
// all before last.
constexpr std::string_view kFirstLine = "musubi-crl-state 1\n";
constexpr std::string_view kLastWord = "sha256 ";
// An empty point.
constexpr std::string_view kFull = "-";

bool ParseScope(const std::vector<std::string_view>& words, CrlMarkKey& key, CrlMark& mark) {
  if (words.size() != 7) return false;
  const auto point = base::HexDecode(words[3] == kFull ? "" : words[3]);
  const auto number = base::HexDecode(words[4]);
  const auto this_update = ParseInteger(words[5]);
  if (!ParseHash(words[1], key.first.issuer_key) || !ParseHash(words[2], key.second) ||
      !point.ok() || !number.ok() || !pki::IsMinimalInteger(*number) || !this_update ||
      !ParseHash(words[6], mark.identity)) {
    return false;
  }
  key.first.point = *point;
  mark.number = *number;
  mark.this_update = absl::FromUnixSeconds(*this_update);
  return true;
}

bool ParseVanished(const std::vector<std::string_view>& words, CrlTable::Builder& builder) {
  if (words.size() != 4) return false;
  const auto serial = base::HexDecode(words[1]);
  const auto at = ParseInteger(words[2]);
  const auto reason = ParseInteger(words[3]);
  if (!serial.ok() || serial->empty() || !at || !reason || *reason < 0 || *reason > 11)
    return false;
  builder.Add(*serial, {absl::FromUnixSeconds(*at), static_cast<pki::CrlReason>(*reason)});
  return true;
}

// `lines` are all between the first and the last.
std::optional<CrlMarks> ParseLines(std::string_view lines) {
  CrlMarks marks;
  CrlMark* mark = nullptr;
  std::optional<CrlTable::Builder> vanished;
  auto end_scope = [&] {
    if (mark != nullptr && vanished) mark->vanished = vanished->Build();
    vanished.reset();
  };
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto words = Words(lines.substr(0, end));
    lines.remove_prefix(end + 1);
    if (words[0] == "scope") {
      end_scope();
      CrlMarkKey key;
      CrlMark parsed;
      if (!ParseScope(words, key, parsed)) return std::nullopt;
      mark = &(marks[std::move(key)] = std::move(parsed));
    } else if (words[0] == "kept" && mark != nullptr) {
      if (words.size() != 2 || !ParseHash(words[1], mark->kept.emplace())) return std::nullopt;
    } else if (words[0] == "vanished" && mark != nullptr) {
      if (!vanished) vanished.emplace(mark->this_update);
      if (!ParseVanished(words, *vanished)) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  end_scope();
  return marks;
}

std::string LastLine(std::string_view before) {
  return std::string(kLastWord) + base::HexEncode(crypto::Sha256(base::AsBytes(before))) + "\n";
}

}  // namespace

absl::StatusOr<CrlMarks> ReadCrlState(const std::string& path) {
  const auto content = base::ReadFile(path);
  if (absl::IsNotFound(content.status())) return CrlMarks();
  if (!content.ok()) return content.status();
  const std::string_view text = *content;
  const size_t last_size = LastLine("").size();
  if (text.size() >= kFirstLine.size() + last_size && text.starts_with(kFirstLine)) {
    const std::string_view before = text.substr(0, text.size() - last_size);
    if (text.substr(before.size()) == LastLine(before)) {
      if (auto marks = ParseLines(before.substr(kFirstLine.size()))) return *std::move(marks);
    }
  }
  return absl::DataLossError(
      path +
      ": damaged, or not written by this program; it tells old CRLs from new ones. Put back a copy "
      "of it; only if there is none, and the CRLs are known to be the newest, remove it");
}

absl::Status WriteCrlState(const std::string& path, const CrlMarks& marks) {
  std::string text(kFirstLine);
  for (const auto& [key, mark] : marks) {
    const std::string point =
        key.first.point.empty() ? std::string(kFull) : base::HexEncode(key.first.point);
    text += "scope " + base::HexEncode(key.first.issuer_key) + " " + base::HexEncode(key.second) +
            " " + point + " " + base::HexEncode(mark.number) + " " + Seconds(mark.this_update) +
            " " + base::HexEncode(mark.identity) + "\n";
    if (mark.kept) text += "kept " + base::HexEncode(*mark.kept) + "\n";
    if (mark.vanished == nullptr) continue;
    mark.vanished->ForEach([&text](ByteView serial, const CrlFact& fact) {
      text += "vanished " + base::HexEncode(serial) + " " + Seconds(fact.revoked_at) + " " +
              std::to_string(static_cast<int>(fact.reason)) + "\n";
    });
  }
  text += LastLine(text);
  return base::WriteFileAtomically(path, text, 0600);
}

}  // namespace musubi::revocation
