// Strict reading of small JSON files of ours (anchors, hierarchies, public keys): every key is
// known, present once and of its type, or the error says where and what. Not for other people's
// messages and not for writing.
#ifndef MUSUBI_LIB_BASE_JSON_OBJECT_H_
#define MUSUBI_LIB_BASE_JSON_OBJECT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace musubi::base {

// JsonObject reads the members of one object by name. All errors are INVALID_ARGUMENT and start
// with where the object is, as in "anchors.json: anchors[2]". Movable; not thread-safe.
class JsonObject {
 public:
  // Parse takes exactly one object; a key that appears twice anywhere is an error. `where` names
  // the source, as a path.
  static absl::StatusOr<JsonObject> Parse(std::string_view text, std::string where);

  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;
  ~JsonObject();

  absl::StatusOr<std::string> String(std::string_view key);
  // Nothing if the member is null; its absence is an error all the same.
  absl::StatusOr<std::optional<std::string>> StringOrNull(std::string_view key);
  absl::StatusOr<int64_t> Integer(std::string_view key);
  absl::StatusOr<bool> Bool(std::string_view key);
  absl::StatusOr<std::vector<std::string>> Strings(std::string_view key);
  absl::StatusOr<JsonObject> Object(std::string_view key);
  absl::StatusOr<std::vector<JsonObject>> Objects(std::string_view key);

  // In order of the alphabet.
  std::vector<std::string> Keys() const;

  // RefuseOthers fails, naming them, if there are members that were not read: call it last.
  absl::Status RefuseOthers() const;

  // An error about this object, for the caller's own rules.
  absl::Status Invalid(std::string_view what) const;
  const std::string& where() const;

 private:
  struct Node;
  explicit JsonObject(std::unique_ptr<Node> node);

  std::unique_ptr<Node> node_;
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_JSON_OBJECT_H_
