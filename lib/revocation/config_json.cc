#include "lib/revocation/config_json.h"

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace musubi::revocation {

absl::StatusOr<ConfigObject> ConfigObject::Create(const nlohmann::json& value, std::string where,
                                                  std::initializer_list<std::string_view> members) {
  if (!value.is_object()) return absl::InvalidArgumentError(where + ": must be a JSON object");
  for (const std::string_view member : members) {
    if (!value.contains(std::string(member))) {
      return absl::InvalidArgumentError(where + ": member \"" + std::string(member) +
                                        "\" is missing; add it");
    }
  }
  for (const auto& item : value.items()) {
    if (std::ranges::find(members, item.key()) == members.end()) {
      return absl::InvalidArgumentError(where + ": member \"" + item.key() +
                                        "\" is not known; remove it");
    }
  }
  return ConfigObject(value, std::move(where));
}

absl::Status ConfigObject::Error(const char* member, std::string_view rule) const {
  return absl::InvalidArgumentError(where_ + "." + member + ": " + std::string(rule));
}

absl::StatusOr<std::string> ConfigObject::String(const char* member) const {
  const nlohmann::json& value = (*value_)[member];
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return Error(member, "must be a string that is not empty");
  }
  return value.get<std::string>();
}

absl::StatusOr<int64_t> ConfigObject::Integer(const char* member, int64_t least,
                                              int64_t most) const {
  const nlohmann::json& value = (*value_)[member];
  const int64_t number = value.is_number_integer() ? value.get<int64_t>() : least - 1;
  if (number < least || number > most) {
    return Error(member, "must be a whole number from " + std::to_string(least) + " to " +
                             std::to_string(most));
  }
  return number;
}

absl::StatusOr<const nlohmann::json*> ConfigObject::Array(const char* member) const {
  const nlohmann::json& value = (*value_)[member];
  if (!value.is_array() || value.empty()) return Error(member, "must be an array, not empty");
  return &value;
}

absl::StatusOr<nlohmann::json> ParseVersioned(std::string_view text, const std::string& where,
                                              const char* list) {
  nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return absl::InvalidArgumentError(where + ": is not JSON");
  MUSUBI_ASSIGN_OR_RETURN(const ConfigObject top,
                          ConfigObject::Create(document, where, {"version", list}));
  MUSUBI_RETURN_IF_ERROR(top.Integer("version", 1, 1).status());
  if (!document[list].is_array()) return top.Error(list, "must be an array");
  return std::move(document[list]);
}

}  // namespace musubi::revocation
