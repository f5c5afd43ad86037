// Where the vectors lie that others wrote: MUSUBI_CONFORMANCE_DIR, by default
// ../shared/conformance.
#ifndef MUSUBI_TESTS_CONFORMANCE_VECTORS_H_
#define MUSUBI_TESTS_CONFORMANCE_VECTORS_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace musubi::conformance {

// VectorFile returns the path of `name` below the folder. Nothing, and a loud line, if the folder
// is absent: the test then has nothing to hold against, and our own vectors still run. A file that
// is missing from a folder that is there is the caller's failure.
inline std::optional<std::string> VectorFile(const std::string& name) {
  const char* variable = std::getenv("MUSUBI_CONFORMANCE_DIR");
  const std::string folder = variable != nullptr ? variable : "../shared/conformance";
  if (!std::filesystem::is_directory(folder)) {
    std::fprintf(stderr,
                 "\n*** CONFORMANCE VECTORS ABSENT: %s is no folder; %s was NOT run. Set "
                 "MUSUBI_CONFORMANCE_DIR. ***\n\n",
                 folder.c_str(), name.c_str());
    return std::nullopt;
  }
  return folder + "/" + name;
}

}  // namespace musubi::conformance

#endif  // MUSUBI_TESTS_CONFORMANCE_VECTORS_H_
