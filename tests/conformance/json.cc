#include "tests/conformance/json.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "lib/base/check.h"

namespace musubi::conformance {

class JsonReader {
 public:
  static Json Read(const nlohmann::json& value) {
    Json json;
    if (value.is_string()) {
      json.kind_ = Json::Kind::kText;
      json.text_ = value.get<std::string>();
    } else if (value.is_boolean()) {
      json.kind_ = Json::Kind::kFlag;
      json.number_ = value.get<bool>();
    } else if (value.is_number()) {
      json.kind_ = Json::Kind::kNumber;
      json.number_ = value.get<int64_t>();
    } else if (value.is_array()) {
      json.kind_ = Json::Kind::kList;
      for (const auto& item : value) json.items_.push_back(Read(item));
    } else if (value.is_object()) {
      json.kind_ = Json::Kind::kObject;
      for (const auto& [key, member] : value.items()) json.members_.emplace_back(key, Read(member));
    }
    return json;
  }
};

Json Json::Load(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json parsed =
      nlohmann::json::parse(file, /*cb=*/nullptr, /*allow_exceptions=*/false);
  MUSUBI_CHECK(!parsed.is_discarded(), "no JSON file: " + path);
  return JsonReader::Read(parsed);
}

const Json& Json::operator[](std::string_view key) const& {
  static const Json kNothing;
  if (is_null()) return kNothing;
  for (const auto& [name, member] : members()) {
    if (name == key) return member;
  }
  return kNothing;
}

const std::vector<std::pair<std::string, Json>>& Json::members() const {
  MUSUBI_CHECK(kind_ == Kind::kObject, "the manifest has no object here");
  return members_;
}

const std::string& Json::text() const {
  MUSUBI_CHECK(kind_ == Kind::kText, "the manifest has no text here");
  return text_;
}

int64_t Json::number() const {
  MUSUBI_CHECK(kind_ == Kind::kNumber, "the manifest has no number here");
  return number_;
}

bool Json::flag() const {
  MUSUBI_CHECK(kind_ == Kind::kFlag, "the manifest has no boolean here");
  return number_ != 0;
}

const std::vector<Json>& Json::items() const& {
  MUSUBI_CHECK(kind_ == Kind::kList || is_null(), "the manifest has no list here");
  return items_;
}

std::vector<std::string> Json::texts() const {
  std::vector<std::string> texts;
  for (const Json& item : items()) texts.push_back(item.text());
  return texts;
}

std::string Json::text_or(std::string_view fallback) const {
  return is_null() ? std::string(fallback) : text();
}

}  // namespace musubi::conformance
