#include "lib/checklog/check_row.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"

namespace musubi::checklog {
namespace {

using base::ToAbsl;

constexpr std::string_view kCheckBegins = R"({"kind":"check",)";
constexpr std::string_view kStartBegins = R"({"kind":"start",)";
constexpr std::string_view kStopBegins = R"({"kind":"stop",)";

// As in "2026-11-27T21:30:05.123456Z". Rows come in order and many a second: a thread keeps the
// text of its last second, which takes most of the time to make.
void AppendTime(std::string& out, absl::Time at) {
  struct Second {
    int64_t number = INT64_MIN;
    std::string text;
  };
  static thread_local Second last;
  const int64_t second = absl::ToUnixSeconds(at);
  if (second != last.number) {
    last.text =
        absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::FromUnixSeconds(second), absl::UTCTimeZone());
    last.number = second;
  }
  const int64_t micros = absl::ToInt64Microseconds(at - absl::FromUnixSeconds(second));
  absl::StrAppend(&out, last.text, ".", absl::Dec(micros, absl::kZeroPad6), "Z");
}

std::string Begin(std::string_view begins, int64_t number, absl::Time at) {
  std::string json = absl::StrCat(ToAbsl(begins), R"("n":)", number, R"(,"at":")");
  AppendTime(json, at);
  json += '"';
  return json;
}

// Callers are roles: what needs escapes does not come.
std::string Quoted(const std::string& text) {
  const bool plain = std::ranges::all_of(
      text, [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-'; });
  if (plain) return absl::StrCat("\"", text, "\"");
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string_view Name(CheckPurpose purpose) {
  switch (purpose) {
    case CheckPurpose::kUnspecified:
      break;
    case CheckPurpose::kIdentityProofing:
      return "IDENTITY_PROOFING";
    case CheckPurpose::kAuthentication:
      return "AUTHENTICATION";
    case CheckPurpose::kAccountRecovery:
      return "ACCOUNT_RECOVERY";
    case CheckPurpose::kStatusMonitoring:
      return "STATUS_MONITORING";
    case CheckPurpose::kServiceTest:
      return "SERVICE_TEST";
  }
  return "UNSPECIFIED";
}

std::string CheckAsJson(const CheckRow& row, int64_t number, std::string_view key_id) {
  std::string json = Begin(kCheckBegins, number, row.at);
  absl::StrAppend(&json, R"(,"caller":)", Quoted(row.caller), R"(,"purpose":")",
                  ToAbsl(Name(row.purpose)), R"(","method":")", ToAbsl(pki::Name(row.method)),
                  R"(","data_age_s":)");
  if (row.data_age.has_value()) {
    absl::StrAppend(&json, absl::ToInt64Seconds(*row.data_age));
  } else {
    absl::StrAppend(&json, "null");
  }
  absl::StrAppend(&json, R"(,"status":")", ToAbsl(pki::Name(row.status)), R"(","reason":")",
                  ToAbsl(pki::Name(row.reason)), "\"");
  if (row.card.has_value()) {
    absl::StrAppend(&json, R"(,"key_id":")", ToAbsl(key_id), R"(","card":")",
                    base::HexEncode(*row.card), "\"}");
  } else {
    absl::StrAppend(&json, R"(,"key_id":null,"card":null})");
  }
  return json;
}

std::string StartAsJson(absl::Time at, int64_t number, uint64_t cut_octets) {
  return absl::StrCat(Begin(kStartBegins, number, at), R"(,"cut_octets":)", cut_octets, "}");
}

std::string StopAsJson(absl::Time at, int64_t number) {
  return absl::StrCat(Begin(kStopBegins, number, at), "}");
}

RowKind KindOf(std::string_view json) {
  if (json.starts_with(kCheckBegins)) return RowKind::kCheck;
  if (json.starts_with(kStartBegins)) return RowKind::kStart;
  if (json.starts_with(kStopBegins)) return RowKind::kStop;
  return RowKind::kOther;
}

}  // namespace musubi::checklog
