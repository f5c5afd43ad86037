// CrlStream on any octets in any pieces: no crash, no read beyond the end, the same as in one
// piece, and of what ParseCrl takes the same entries, of all else nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "lib/base/check.h"
#include "lib/pki/crl.h"
#include "lib/pki/crl_stream.h"

namespace {

using namespace musubi;
using Entry = std::tuple<size_t, base::Bytes, absl::Time, pki::CrlReason>;

struct Recorder final : pki::CrlEntrySink {
  void OnHead(absl::Time, size_t) override { ++heads; }
  void OnEntry(const pki::CrlEntry& entry) override { entries.push_back(ToEntry(entry)); }
  static Entry ToEntry(const pki::CrlEntry& entry) {
    return {entry.serial.size(), base::ToBytes(entry.serial), entry.revoked_at, entry.reason};
  }

  int heads = 0;
  std::vector<Entry> entries;
};

}  // namespace

// The first octet chooses the pieces, the others are the list.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const base::ByteView octets(data + 1, size - 1);
  Recorder whole, parts;
  pki::CrlStream in_one(whole), in_parts(parts);
  in_one.Feed(octets);
  size_t piece = data[0] % 61 + 1;
  for (size_t at = 0; at < octets.size();) {
    const size_t n = std::min(piece, octets.size() - at);
    in_parts.Feed(octets.subspan(at, n));
    at += n;
    piece = piece * 7 % 61 + 1;
  }
  const pki::CrlOutcome outcome = in_one.Finish();
  MUSUBI_CHECK(in_parts.Finish() == outcome, "pieces change nothing");
  MUSUBI_CHECK(outcome == pki::CrlOutcome::kTooLarge || whole.entries == parts.entries,
               "pieces change no entry");
  const pki::CrlParseResult parsed = pki::ParseCrl(base::ToBytes(octets));
  if (outcome == pki::CrlOutcome::kTooLarge) return 0;
  MUSUBI_CHECK(parsed.crl.has_value() == (outcome == pki::CrlOutcome::kUsable),
               "both take the same lists");
  if (!parsed.crl) return 0;
  std::vector<Entry> expected;
  for (const pki::CrlEntry& entry : parsed.crl->entries()) {
    expected.push_back(Recorder::ToEntry(entry));
  }
  std::ranges::sort(expected);
  std::ranges::sort(parts.entries);
  MUSUBI_CHECK(parts.entries == expected && parts.heads == 1, "both see the same entries");
  MUSUBI_CHECK(in_one.list().this_update() == parsed.crl->this_update() &&
                   in_one.list().number() == parsed.crl->number() &&
                   std::ranges::equal(in_parts.digest(), in_one.digest()),
               "both see the same list");
  return 0;
}
