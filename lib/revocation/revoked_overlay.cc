#include "lib/revocation/revoked_overlay.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/revocation/state_lines.h"

namespace musubi::revocation {
namespace {

// This line first; then for each certificate ISSUER-KEY SERIAL NOT-AFTER REVOKED-AT REASON
// THIS-UPDATE NEXT-UPDATE CHECK: hexadecimal digits and seconds since 1970, "-" for no time, and
// the first 16 digits of the SHA-256 of the line before them.
constexpr std::string_view kFirstLine = "musubi-revoked 1";
constexpr size_t kWords = 8;
constexpr size_t kCheckDigits = 16;

std::string Check(std::string_view line) {
  return base::HexEncode(crypto::Sha256(base::AsBytes(line))).substr(0, kCheckDigits);
}

struct ParsedLine {
  base::Hash256 issuer_key{};
  base::Bytes serial;
  absl::Time not_after;
  pki::RevocationFinding finding;
};

std::optional<ParsedLine> ParseLine(std::string_view line) {
  const std::vector<std::string_view> words = Words(line);
  if (words.size() != kWords) return std::nullopt;
  if (words[7] != Check(line.substr(0, line.size() - kCheckDigits))) return std::nullopt;
  ParsedLine parsed;
  auto serial = base::HexDecode(words[1]);
  const auto not_after = ParseInteger(words[2]);
  const auto reason = ParseInteger(words[4]);
  pki::RevocationFinding& finding = parsed.finding;
  if (!ParseHash(words[0], parsed.issuer_key) || !serial.ok() || !not_after || !reason ||
      !ParseTime(words[3], finding.revoked_at) || !ParseTime(words[5], finding.this_update) ||
      !ParseTime(words[6], finding.next_update)) {
    return std::nullopt;
  }
  parsed.serial = *std::move(serial);
  parsed.not_after = absl::FromUnixSeconds(*not_after);
  finding.outcome = pki::RevocationOutcome::kRevoked;
  finding.method = pki::RevocationMethod::kOcsp;
  finding.reason = static_cast<pki::CrlReason>(*reason);
  finding.source_updated_at = finding.this_update;
  return parsed;
}

absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, "write");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fdatasync(fd) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fdatasync");
}

}  // namespace

absl::StatusOr<std::unique_ptr<RevokedOverlay>> RevokedOverlay::Create(Options options,
                                                                       absl::Time now) {
  std::unique_ptr<RevokedOverlay> overlay(new RevokedOverlay(std::move(options)));
  if (!overlay->options_.file.empty()) {
    base::MutexLock lock(overlay->mutex_);
    MUSUBI_RETURN_IF_ERROR(overlay->Load(now));
    // Without what expired, and without what a death left at the end.
    MUSUBI_RETURN_IF_ERROR(overlay->Rewrite());
    overlay->empty_ = overlay->entries_.empty();
  }
  return overlay;
}

RevokedOverlay::~RevokedOverlay() {
  base::MutexLock lock(mutex_);
  if (fd_ >= 0) close(fd_);
}

absl::Status RevokedOverlay::Load(absl::Time now) {
  const auto content = base::ReadFile(options_.file);
  if (absl::IsNotFound(content.status())) return absl::OkStatus();
  MUSUBI_RETURN_IF_ERROR(content.status());
  const std::string_view text = *content;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    // The first line is never half written: the file is made whole.
    if (end == std::string_view::npos && number > 0) break;
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (number == 1 && line == kFirstLine) continue;
    const auto parsed = number == 1 ? std::nullopt : ParseLine(line);
    if (!parsed) {
      return absl::DataLossError(
          options_.file + ":" + std::to_string(number) +
          ": damaged, or not written by this program; put back a copy. Remove the file only if "
          "the CRLs in force list every certificate that a responder reported as revoked");
    }
    if (parsed->not_after + kKeptAfterExpiry < now) continue;
    entries_.emplace(SerialKey(parsed->issuer_key, parsed->serial),
                     Entry{parsed->finding, parsed->not_after});
  }
  return absl::OkStatus();
}

absl::Status RevokedOverlay::Rewrite() {
  std::string text = std::string(kFirstLine) + "\n";
  for (const auto& [key, entry] : entries_) text += Line(key, entry);
  MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(options_.file, text, 0600));
  if (fd_ >= 0) close(fd_);
  fd_ = open(options_.file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  incomplete_ = fd_ < 0;
  if (fd_ >= 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, base::ToAbsl("cannot open " + options_.file));
}

std::string RevokedOverlay::Line(const SerialKey& key, const Entry& entry) {
  const pki::RevocationFinding& finding = entry.finding;
  const std::string words = base::HexEncode(key.first) + " " + base::HexEncode(key.second) + " " +
                            Seconds(entry.not_after) + " " + Seconds(finding.revoked_at) + " " +
                            std::to_string(static_cast<int>(finding.reason)) + " " +
                            Seconds(finding.this_update) + " " + Seconds(finding.next_update) + " ";
  return words + Check(words) + "\n";
}

std::optional<pki::RevocationFinding> RevokedOverlay::Find(const base::Hash256& issuer_key,
                                                           base::ByteView serial) const {
  if (empty_.load(std::memory_order_acquire)) return std::nullopt;
  base::MutexLock lock(mutex_);
  const auto found = entries_.find(SerialKeyView(issuer_key, serial));
  if (found == entries_.end()) return std::nullopt;
  return found->second.finding;
}

absl::Status RevokedOverlay::Add(const base::Hash256& issuer_key, base::ByteView serial,
                                 absl::Time not_after, const pki::RevocationFinding& finding,
                                 absl::Time now) {
  base::MutexLock lock(mutex_);
  const bool known = entries_.contains(SerialKeyView(issuer_key, serial));
  if (!known && entries_.size() >= options_.max_entries) {
    const size_t expired = std::erase_if(entries_, [now](const auto& entry) {
      return entry.second.not_after + kKeptAfterExpiry < now;
    });
    incomplete_ = incomplete_ || expired > 0;
    if (entries_.size() >= options_.max_entries) {
      return absl::ResourceExhaustedError("more revocations than can be remembered");
    }
  }
  std::string line;
  if (!known) {
    const auto added =
        entries_.emplace(SerialKey(issuer_key, base::ToBytes(serial)), Entry{finding, not_after})
            .first;
    empty_.store(false, std::memory_order_release);
    line = Line(added->first, added->second);
  }
  if (options_.file.empty()) return absl::OkStatus();
  if (incomplete_) return Rewrite();
  if (known) return absl::OkStatus();
  const absl::Status status = WriteAll(fd_, line);
  incomplete_ = !status.ok();
  return status;
}

}  // namespace musubi::revocation
