#include "lib/checklog/check_row.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"

namespace musubi::checklog {
namespace {

using base::ToAbsl;

constexpr std::string_view kCheckBegins = R"({"kind":"check",)";
constexpr std::string_view kStartBegins = R"({"kind":"start",)";
constexpr std::string_view kStopBegins = R"({"kind":"stop",)";

std::string Begin(std::string_view begins, int64_t number, absl::Time at) {
  return absl::StrCat(ToAbsl(begins), R"("n":)", number, R"(,"at":")",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", at, absl::UTCTimeZone()), "\"");
}

std::string Quoted(const std::string& text) {
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
