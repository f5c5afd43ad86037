// A directory that lives as long as a test.
#ifndef MUSUBI_TESTS_FAKES_TEMP_DIR_H_
#define MUSUBI_TESTS_FAKES_TEMP_DIR_H_

#include <string>

namespace musubi::fakes {

// TempDir is empty, private (0700), and removed with all it holds when it goes.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_TEMP_DIR_H_
