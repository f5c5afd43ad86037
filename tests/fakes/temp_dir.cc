#include "tests/fakes/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include "lib/base/check.h"

namespace musubi::fakes {

TempDir::TempDir() : path_(std::filesystem::temp_directory_path() / "musubi-test-XXXXXX") {
  MUSUBI_CHECK(mkdtemp(path_.data()) != nullptr, "cannot make a temporary directory");
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace musubi::fakes
