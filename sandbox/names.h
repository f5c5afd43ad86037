// Names of enumerators on the command line, read back. For .cc files of the sandbox only.
#ifndef MUSUBI_SANDBOX_NAMES_H_
#define MUSUBI_SANDBOX_NAMES_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status.h"

namespace musubi::sandbox {

// ParseName returns the one of `all` whose Name is `name`. INVALID_ARGUMENT lists them; `what` says
// what they are.
template <typename Enum>
absl::StatusOr<Enum> ParseName(std::string_view what, std::string_view name,
                               std::span<const Enum> all) {
  std::string names;
  for (const Enum value : all) {
    if (Name(value) == name) return value;
    absl::StrAppend(&names, names.empty() ? "" : ", ", base::ToAbsl(Name(value)));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no ", base::ToAbsl(what), " \"", base::ToAbsl(name), "\": use one of ", names));
}

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_NAMES_H_
