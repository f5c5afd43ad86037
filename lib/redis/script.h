// A Lua script and the name by which Redis knows it.
#ifndef MUSUBI_LIB_REDIS_SCRIPT_H_
#define MUSUBI_LIB_REDIS_SCRIPT_H_

#include <string>

namespace musubi::redis {

// Script is made once, at start, and shared. Immutable.
class Script {
 public:
  explicit Script(std::string text);

  const std::string& text() const { return text_; }
  // SHA-1 of the text in lower-case hex, which is how EVALSHA names a script. No security rests on
  // it: whoever may load scripts may do anything.
  const std::string& sha1() const { return sha1_; }

 private:
  std::string text_;
  std::string sha1_;
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_SCRIPT_H_
