// The manifests of vectors, read. A small value type, so that each adapter need not compile a JSON
// library: json.cc is the one place that does. For tests: what is not as the adapter says dies.
#ifndef MUSUBI_TESTS_CONFORMANCE_JSON_H_
#define MUSUBI_TESTS_CONFORMANCE_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace musubi::conformance {

class Json {
 public:
  // Load reads a file; dies, naming it, if it is absent or no JSON.
  static Json Load(const std::string& path);

  bool is_null() const { return kind_ == Kind::kNull; }
  // The member, or null if it is absent or this is null.
  const Json& operator[](std::string_view key) const&;
  // Not of a temporary: what these refer to would be gone at the head of a range-for already.
  const Json& operator[](std::string_view key) const&& = delete;
  // Members of an object in alphabetical order.
  const std::vector<std::pair<std::string, Json>>& members() const;

  // These die on another type. Items and texts of null are none.
  const std::string& text() const;
  int64_t number() const;
  bool flag() const;
  const std::vector<Json>& items() const&;
  const std::vector<Json>& items() const&& = delete;
  std::vector<std::string> texts() const;
  // The text, or `fallback` of null.
  std::string text_or(std::string_view fallback) const;

 private:
  friend class JsonReader;
  enum class Kind { kNull, kText, kNumber, kFlag, kList, kObject };

  Kind kind_ = Kind::kNull;
  std::string text_;
  int64_t number_ = 0;  // Or the flag.
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace musubi::conformance

#endif  // MUSUBI_TESTS_CONFORMANCE_JSON_H_
