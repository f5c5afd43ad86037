// What Redis answered, as a value of its own.
#ifndef MUSUBI_LIB_REDIS_REPLY_H_
#define MUSUBI_LIB_REDIS_REPLY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace musubi::redis {

// Reply is one value of RESP2. A whole answer is never of kind kError: that is a Status (see
// client.h); an element of an array may be.
struct Reply {
  enum class Kind {
    kNil = 0,
    kInteger = 1,
    kString = 2,  // Bulk or simple string.
    kArray = 3,
    kError = 4,
  };

  Kind kind = Kind::kNil;
  int64_t integer = 0;               // Of kInteger.
  std::string text = {};             // Of kString, any octets, and kError, "CODE what happened".
  std::vector<Reply> elements = {};  // Of kArray.

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_integer() const { return kind == Kind::kInteger; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_array() const { return kind == Kind::kArray; }
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_REPLY_H_
