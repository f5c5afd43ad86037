#include "lib/jpki/hierarchy.h"

#include <algorithm>
#include <set>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"

namespace musubi::jpki {
namespace {

constexpr int64_t kFileVersion = 1;

constexpr std::pair<CertificateKind, std::string_view> kKinds[] = {
    {CertificateKind::kUserAuthentication, "user_authentication"},
    {CertificateKind::kDigitalSignature, "digital_signature"},
    {CertificateKind::kPhone, "phone"},
    {CertificateKind::kTest, "test"},
};

// Dotted decimal arcs without leading zeros, as Certificate writes OIDs; the first is 0 to 2.
bool IsOid(std::string_view text) {
  static constexpr size_t kMaxLength = 128;
  if (text.size() < 3 || text.size() > kMaxLength || text[0] > '2' || text[1] != '.') return false;
  char previous = '.';
  bool leading_zero = false;
  for (const char c : text) {
    if (c == '.' ? previous == '.' : c < '0' || c > '9') return false;
    if (c != '.' && leading_zero) return false;
    leading_zero = c == '0' && previous == '.';
    previous = c;
  }
  return previous != '.';
}

bool IsExample(std::string_view oid) { return oid.substr(0, 6) == "2.999."; }

}  // namespace

absl::StatusOr<Hierarchy> Hierarchy::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return Parse(text, path);
}

absl::StatusOr<Hierarchy> Hierarchy::Parse(std::string_view json, std::string source) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject file, base::JsonObject::Parse(json, source));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, file.Integer("version"));
  if (version != kFileVersion) {
    return file.Invalid("\"version\" is " + std::to_string(version) + ", this program reads 1");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string environment_name, file.String("environment"));
  const auto environment = pki::ParseEnvironment(environment_name);
  if (!environment) {
    return file.Invalid("\"environment\" must be \"SIM\", \"TEST\" or \"PRODUCTION\"");
  }
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject entries, file.Object("policies"));
  MUSUBI_RETURN_IF_ERROR(file.RefuseOthers());
  Policies policies;
  for (const auto& [kind, name] : kKinds) {
    MUSUBI_ASSIGN_OR_RETURN(policies[kind], entries.Strings(name));
  }
  MUSUBI_RETURN_IF_ERROR(entries.RefuseOthers());
  auto hierarchy = Create(*environment, std::move(policies));
  if (!hierarchy.ok()) return base::Annotate(hierarchy.status(), source);
  return hierarchy;
}

absl::StatusOr<Hierarchy> Hierarchy::Create(pki::Environment environment, Policies policies) {
  std::set<std::string> seen;
  for (const auto& entry : kKinds) {
    const std::string_view name = entry.second;
    for (const std::string& oid : policies[entry.first]) {
      auto invalid = [&](const std::string& what) {
        return absl::InvalidArgumentError("policies: " + std::string(name) + ": \"" + oid + "\" " +
                                          what);
      };
      if (!IsOid(oid)) return invalid("is not an OID as in 2.999.1.30");
      if (!seen.insert(oid).second) return invalid("came before: one OID has one meaning");
      if (environment == pki::Environment::kSim && !IsExample(oid)) {
        return invalid("is not under 2.999: a simulated hierarchy uses the arc for examples");
      }
      if (environment == pki::Environment::kProduction && IsExample(oid)) {
        return invalid("is under 2.999, the arc for examples: production uses the real OIDs");
      }
    }
  }
  if (policies[CertificateKind::kUserAuthentication].empty()) {
    return absl::InvalidArgumentError(
        "policies: user_authentication is empty: no card could be accepted");
  }
  return Hierarchy(environment, std::move(policies));
}

std::optional<CertificateKind> Hierarchy::KindOf(std::string_view policy_oid) const {
  for (const auto& [kind, oids] : policies_) {
    if (std::find(oids.begin(), oids.end(), policy_oid) != oids.end()) return kind;
  }
  return std::nullopt;
}

const std::vector<std::string>& Hierarchy::PoliciesOf(CertificateKind kind) const {
  return policies_.at(kind);
}

}  // namespace musubi::jpki
