#include "services/musubictl/roles.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "lib/base/check.h"

namespace musubi::services::musubictl {
namespace {

constexpr size_t kColumns = 5;
constexpr std::string_view kBetween = "  ";
using Row = std::array<std::string, kColumns>;

std::string_view KindName(rpc::MethodKind kind) {
  switch (kind) {
    case rpc::MethodKind::kUnary:
      return "unary";
    case rpc::MethodKind::kWatch:
      return "watch";
    case rpc::MethodKind::kBulk:
      return "bulk";
  }
  MUSUBI_CHECK(false, "not a MethodKind");
}

std::string RoleNames(unsigned roles) {
  std::string names;
  for (const rpc::Role role :
       {rpc::Role::kFront, rpc::Role::kPlatform, rpc::Role::kOperator, rpc::Role::kRelyingParty}) {
    if ((roles & static_cast<unsigned>(role)) == 0) continue;
    names += (names.empty() ? "" : ",") + std::string(rpc::Name(role));
  }
  return names;
}

}  // namespace

std::string RolesAsText(std::span<const rpc::MethodRule> table) {
  std::vector<Row> rows = {{"METHOD", "KIND", "ROLES", "CREDENTIAL", "LARGEST_REQUEST"}};
  for (const rpc::MethodRule& rule : table) {
    rows.push_back({std::string(rule.method), std::string(KindName(rule.kind)),
                    RoleNames(rule.roles),
                    rule.credential == rpc::Credential::kRequired ? "required" : "none",
                    std::to_string(rule.max_request)});
  }
  std::array<size_t, kColumns> widths = {};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < kColumns; ++i) {
      text += row[i] + std::string(widths[i] - row[i].size(), ' ') + std::string(kBetween);
    }
    text += row.back() + "\n";
  }
  return text;
}

}  // namespace musubi::services::musubictl
