#include "lib/link/audit_json.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"

namespace musubi::link {
namespace {

template <size_t N>
std::string Hex(const std::optional<std::array<uint8_t, N>>& value) {
  return value.has_value() ? absl::StrCat("\"", base::HexEncode(*value), "\"") : "null";
}

}  // namespace

std::string TimeAsJson(absl::Time time) {
  return absl::FormatTime("\"%Y-%m-%dT%H:%M:%E6SZ\"", time, absl::UTCTimeZone());
}

std::string TextAsJson(const std::string& text) {
  if (text.empty()) return "null";
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string EntryAsJson(const AuditEntry& entry) {
  const AuditFact& fact = entry.fact;
  return absl::StrCat(
      R"({"kind":"entry","version":1,"relying_party":)", TextAsJson(fact.relying_party_id),
      R"(,"sequence":)", entry.sequence, R"(,"at":)", TimeAsJson(fact.at), R"(,"event":")",
      base::ToAbsl(Name(fact.event)), R"(","link":)", Hex(fact.link_id), R"(,"session":)",
      Hex(fact.session_id), R"(,"act":)", fact.journey.act, R"(,"flow":)", fact.journey.flow,
      R"(,"commitment":)", Hex(fact.commitment), R"(,"key_id":)", TextAsJson(entry.key_id),
      R"(,"previous_mac":")", base::HexEncode(entry.previous_mac), R"(","mac":")",
      base::HexEncode(entry.mac), "\"}");
}

}  // namespace musubi::link
