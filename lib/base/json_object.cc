#include "lib/base/json_object.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "lib/base/status.h"

namespace musubi::base {
namespace {

using Json = nlohmann::json;

}  // namespace

struct JsonObject::Node {
  std::string where;
  Json value;
  std::set<std::string, std::less<>> read;

  // The member of this name, noted as read; an error if absent.
  absl::StatusOr<const Json*> Take(std::string_view key) {
    const auto it = value.find(std::string(key));
    if (it == value.end()) {
      return absl::InvalidArgumentError(where + ": the key \"" + std::string(key) +
                                        "\" is missing");
    }
    read.emplace(key);
    return &*it;
  }
  absl::Status WrongType(std::string_view key, std::string_view want) const {
    return absl::InvalidArgumentError(where + ": \"" + std::string(key) + "\" must be " +
                                      std::string(want));
  }
};

JsonObject::JsonObject(std::unique_ptr<Node> node) : node_(std::move(node)) {}
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;
JsonObject::~JsonObject() = default;

absl::StatusOr<JsonObject> JsonObject::Parse(std::string_view text, std::string where) {
  // nlohmann keeps the last of two equal keys: they are counted here, a set for each open object.
  std::vector<std::set<std::string>> open;
  std::string repeated;
  auto note_keys = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key &&
        !open.back().insert(parsed.get<std::string>()).second) {
      repeated = parsed.get<std::string>();
    }
    return true;
  };
  auto node = std::make_unique<Node>();
  node->where = std::move(where);
  try {
    node->value = Json::parse(text.begin(), text.end(), note_keys);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(node->where + ": not JSON: " + error.what());
  }
  if (!repeated.empty()) {
    return absl::InvalidArgumentError(node->where + ": the key \"" + repeated +
                                      "\" appears twice in one object");
  }
  if (!node->value.is_object()) return absl::InvalidArgumentError(node->where + ": not an object");
  return JsonObject(std::move(node));
}

absl::StatusOr<std::string> JsonObject::String(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  if (!member->is_string()) return node_->WrongType(key, "a string");
  return member->get<std::string>();
}

absl::StatusOr<std::optional<std::string>> JsonObject::StringOrNull(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  if (member->is_null()) return std::optional<std::string>();
  if (!member->is_string()) return node_->WrongType(key, "a string or null");
  return std::optional<std::string>(member->get<std::string>());
}

absl::StatusOr<int64_t> JsonObject::Integer(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  const bool too_large = member->is_number_unsigned() && (member->get<uint64_t>() >> 63) != 0;
  if (!member->is_number_integer() || too_large) return node_->WrongType(key, "an integer");
  return member->get<int64_t>();
}

absl::StatusOr<bool> JsonObject::Bool(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  if (!member->is_boolean()) return node_->WrongType(key, "true or false");
  return member->get<bool>();
}

absl::StatusOr<std::vector<std::string>> JsonObject::Strings(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  if (!member->is_array()) return node_->WrongType(key, "an array of strings");
  std::vector<std::string> strings;
  for (const Json& element : *member) {
    if (!element.is_string()) return node_->WrongType(key, "an array of strings");
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

absl::StatusOr<JsonObject> JsonObject::Object(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  if (!member->is_object()) return node_->WrongType(key, "an object");
  return JsonObject(
      std::make_unique<Node>(Node{node_->where + ": " + std::string(key), *member, {}}));
}

absl::StatusOr<std::vector<JsonObject>> JsonObject::Objects(std::string_view key) {
  MUSUBI_ASSIGN_OR_RETURN(const Json* member, node_->Take(key));
  if (!member->is_array()) return node_->WrongType(key, "an array of objects");
  std::vector<JsonObject> objects;
  for (const Json& element : *member) {
    if (!element.is_object()) return node_->WrongType(key, "an array of objects");
    objects.push_back(JsonObject(std::make_unique<Node>(
        Node{node_->where + ": " + std::string(key) + "[" + std::to_string(objects.size()) + "]",
             element,
             {}})));
  }
  return objects;
}

std::vector<std::string> JsonObject::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : node_->value.items()) keys.push_back(key);
  return keys;
}

absl::Status JsonObject::RefuseOthers() const {
  for (const auto& [key, value] : node_->value.items()) {
    if (!node_->read.contains(key)) {
      return Invalid("unknown key \"" + key + "\": correct or remove it");
    }
  }
  return absl::OkStatus();
}

absl::Status JsonObject::Invalid(std::string_view what) const {
  return absl::InvalidArgumentError(node_->where + ": " + std::string(what));
}

const std::string& JsonObject::where() const { return node_->where; }

}  // namespace musubi::base
