// Reading of this module's JSON files, with errors that name the place and the rule. For .cc files
// of lib/revocation.
#ifndef MUSUBI_LIB_REVOCATION_CONFIG_JSON_H_
#define MUSUBI_LIB_REVOCATION_CONFIG_JSON_H_

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace musubi::revocation {

// ConfigObject reads members of one JSON object. `where` names it in errors.
class ConfigObject {
 public:
  // INVALID_ARGUMENT unless `value` is an object with exactly these members.
  static absl::StatusOr<ConfigObject> Create(const nlohmann::json& value, std::string where,
                                             std::initializer_list<std::string_view> members);

  absl::StatusOr<std::string> String(const char* member) const;
  // From `least` to `most`.
  absl::StatusOr<int64_t> Integer(const char* member, int64_t least, int64_t most) const;
  // A non-empty array.
  absl::StatusOr<const nlohmann::json*> Array(const char* member) const;
  absl::Status Error(const char* member, std::string_view rule) const;

 private:
  ConfigObject(const nlohmann::json& value, std::string where)
      : value_(&value), where_(std::move(where)) {}

  const nlohmann::json* value_;
  std::string where_;
};

// ParseVersioned parses {"version":1, LIST:[...]}.
absl::StatusOr<nlohmann::json> ParseVersioned(std::string_view text, const std::string& where,
                                              const char* list);

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CONFIG_JSON_H_
