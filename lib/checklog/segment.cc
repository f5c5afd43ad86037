#include "lib/checklog/segment.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::checklog {
namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kMacDigits = 64;

base::Hash256 Next(const base::Hash256& previous, std::string_view json, const SegmentKeys& keys) {
  return crypto::HmacSha256LengthPrefixed(keys.chain.RevealBytes(),
                                          {previous, base::AsBytes(json)});
}

void AppendLine(std::string& out, const base::Hash256& mac, std::string_view json) {
  absl::StrAppend(&out, base::HexEncode(mac), " ", base::ToAbsl(json), "\n");
}

struct Line {
  std::string_view mac;
  std::string_view json;
};

// Takes the next line off `rest`; nothing if it has no end or is no line of ours.
std::optional<Line> TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos || end < kMacDigits + 2 || rest[kMacDigits] != ' ') {
    return std::nullopt;
  }
  const Line line{rest.substr(0, kMacDigits), rest.substr(kMacDigits + 1, end - kMacDigits - 1)};
  rest.remove_prefix(end + 1);
  return line;
}

struct Header {
  int64_t segment = 0;
  ChainPoint before;
  std::string key_id;
};

absl::StatusOr<Header> ParseHeader(std::string_view json) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject object, base::JsonObject::Parse(json, "header"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string kind, object.String("kind"));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, object.Integer("version"));
  if (kind != "segment" || version != kVersion) return object.Invalid("is no segment of version 1");
  Header header;
  MUSUBI_ASSIGN_OR_RETURN(header.segment, object.Integer("segment"));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t first_row, object.Integer("first_row"));
  header.before.rows = first_row - 1;
  MUSUBI_ASSIGN_OR_RETURN(const std::string hex, object.String("previous"));
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes previous, base::HexDecode(hex));
  if (previous.size() != header.before.mac.size()) return object.Invalid("previous: 64 digits");
  std::ranges::copy(previous, header.before.mac.begin());
  MUSUBI_ASSIGN_OR_RETURN(header.key_id, object.String("key_id"));
  MUSUBI_RETURN_IF_ERROR(object.RefuseOthers());
  return header;
}

// Walks over one segment; CheckSegment's finding as it grows.
class Walk {
 public:
  Walk(std::string_view text, int64_t number) : rest_(text), text_(text), number_(number) {}

  bool ReadHeader(const ChainPoint* before, const crypto::Keyring& keyring);
  void ReadRows(absl::FunctionRef<void(std::string_view, const ChainPoint&)> on_row);

  SegmentFinding finding;

 private:
  // Whether `line` follows; then it counts.
  bool Follows(const Line& line) {
    const base::Hash256 mac = Next(finding.end.mac, line.json, keys_);
    if (base::HexEncode(mac) != line.mac) return false;
    finding.end.mac = mac;
    finding.octets = text_.size() - rest_.size();
    ++finding.lines;
    return true;
  }
  bool Fault(ChainFault fault, std::string what) {
    finding.fault = fault;
    finding.what = std::move(what);
    return false;
  }
  bool Torn() {
    return Fault(ChainFault::kTorn,
                 absl::StrCat("its last ", rest_.size(),
                              " octets are no whole line: a write was cut off there, or is under "
                              "way. musubid cuts them when it starts, and says so"));
  }

  std::string_view rest_;
  const std::string_view text_;
  const int64_t number_;
  SegmentKeys keys_;
};

bool Walk::ReadHeader(const ChainPoint* before, const crypto::Keyring& keyring) {
  if (before != nullptr) finding.end = *before;
  if (rest_.empty()) {
    return Fault(ChainFault::kSegmentMissing,
                 "it is empty: its rows were removed, or a write of its first ones was cut off");
  }
  if (rest_.find('\n') == std::string_view::npos) return Torn();
  const std::optional<Line> line = TakeLine(rest_);
  const absl::StatusOr<Header> header =
      line.has_value() ? ParseHeader(line->json) : absl::InvalidArgumentError("no line");
  if (!header.ok() || header->segment != number_) {
    return Fault(ChainFault::kHeaderBroken,
                 "its first line is not the header of this segment: it was changed or the file "
                 "renamed. Put the file back from a copy");
  }
  const crypto::Keyring::Key* key = keyring.Find(header->key_id);
  if (key == nullptr) {
    return Fault(ChainFault::kUnknownKey,
                 absl::StrCat("it was made with audit key ", header->key_id,
                              ", which the keyring does not have: add it, or the segment is "
                              "foreign"));
  }
  keys_ = KeysOf(*key);
  const ChainPoint start = before != nullptr ? *before : header->before;
  finding.end = header->before;
  if (!Follows(*line)) {
    finding.end = start;
    return Fault(ChainFault::kHeaderBroken,
                 "its header was changed, or made without the audit key. Put the file back from a "
                 "copy");
  }
  if (header->before != start) {
    finding = SegmentFinding{.end = start};
    return Fault(ChainFault::kDoesNotFollow,
                 absl::StrCat("it begins after row ", header->before.rows,
                              ", but what comes before it ends with row ", start.rows,
                              start.rows == header->before.rows ? " of another chain" : "",
                              ": a segment or its tail was removed or exchanged. Put it back from "
                              "a copy"));
  }
  finding.key_id = header->key_id;
  return true;
}

void Walk::ReadRows(absl::FunctionRef<void(std::string_view, const ChainPoint&)> on_row) {
  while (!rest_.empty()) {
    if (rest_.find('\n') == std::string_view::npos) {
      Torn();
      return;
    }
    const std::optional<Line> line = TakeLine(rest_);
    if (!line.has_value() || !Follows(*line)) {
      Fault(ChainFault::kRowBroken,
            absl::StrCat("line ", finding.lines + 1, " (row ", finding.end.rows + 1,
                         ") was changed, or does not follow the line before it: a row was changed, "
                         "removed or put there. Put the file back from a copy"));
      return;
    }
    ++finding.end.rows;
    on_row(line->json, finding.end);
  }
}

}  // namespace

std::string ChainPoint::ToText() const { return absl::StrCat(rows, ":", base::HexEncode(mac)); }

absl::StatusOr<ChainPoint> ChainPoint::Parse(std::string_view text) {
  const size_t colon = std::min(text.find(':'), text.size());
  ChainPoint point;
  const absl::StatusOr<base::Bytes> mac =
      base::HexDecode(text.substr(std::min(colon + 1, text.size())));
  if (!absl::SimpleAtoi(base::ToAbsl(text.substr(0, colon)), &point.rows) || point.rows < 0 ||
      !mac.ok() || mac->size() != point.mac.size()) {
    return absl::InvalidArgumentError(
        "the head of a check log is a number, a colon and 64 hexadecimal digits in lower case, as "
        "`musubictl checks verify` prints");
  }
  std::ranges::copy(*mac, point.mac.begin());
  return point;
}

SegmentKeys KeysOf(const crypto::Keyring::Key& key) {
  return {.chain = crypto::DeriveKey(key.secret.RevealBytes(), "musubi check log chain v1"),
          .card = crypto::DeriveKey(key.secret.RevealBytes(), "musubi check log card v1")};
}

void AppendHeader(std::string& out, ChainPoint& point, int64_t segment,
                  const crypto::Keyring::Key& key, const SegmentKeys& keys) {
  const std::string json =
      absl::StrCat(R"({"kind":"segment","version":)", kVersion, R"(,"segment":)", segment,
                   R"(,"first_row":)", point.rows + 1, R"(,"previous":")",
                   base::HexEncode(point.mac), R"(","key_id":")", key.id, R"("})");
  point.mac = Next(point.mac, json, keys);
  AppendLine(out, point.mac, json);
}

void AppendRow(std::string& out, ChainPoint& point, const SegmentKeys& keys,
               std::string_view json) {
  point.mac = Next(point.mac, json, keys);
  ++point.rows;
  AppendLine(out, point.mac, json);
}

std::string_view Name(ChainFault fault) {
  switch (fault) {
    case ChainFault::kNone:
      return "NONE";
    case ChainFault::kSegmentMissing:
      return "SEGMENT_MISSING";
    case ChainFault::kHeaderBroken:
      return "HEADER_BROKEN";
    case ChainFault::kUnknownKey:
      return "UNKNOWN_KEY";
    case ChainFault::kDoesNotFollow:
      return "DOES_NOT_FOLLOW";
    case ChainFault::kRowBroken:
      return "ROW_BROKEN";
    case ChainFault::kTorn:
      return "TORN";
    case ChainFault::kHeadMissing:
      return "HEAD_MISSING";
    case ChainFault::kHeadMismatch:
      return "HEAD_MISMATCH";
  }
  return "UNKNOWN";
}

SegmentFinding CheckSegment(
    std::string_view text, int64_t number, const ChainPoint* before, const crypto::Keyring& keyring,
    absl::FunctionRef<void(std::string_view json, const ChainPoint& after)> on_row) {
  Walk walk(text, number);
  if (walk.ReadHeader(before, keyring)) walk.ReadRows(on_row);
  return std::move(walk.finding);
}

}  // namespace musubi::checklog
