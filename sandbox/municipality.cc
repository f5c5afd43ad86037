#include "sandbox/municipality.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"

namespace musubi::sandbox {
namespace {

// One of each form that distribution points have: town, city, ward of a city, metropolis, village.
constexpr std::array kMunicipalities = {
    Municipality{"99001", "Mihon-ken", "Mihon-machi", "見本県見本町"},
    Municipality{"99002", "Mihon-ken", "Rei-shi", "見本県例市"},
    Municipality{"99003", "Tatoe-fu", "Tatoe-shi Kita-ku", "喩府喩市北区"},
    Municipality{"99004", "Kakuu-to", "Kakuu-ku", "架空都架空区"},
    Municipality{"99005", "Kakuu-to", "Tameshi-mura", "架空都試村"},
};

}  // namespace

std::span<const Municipality> Municipalities() { return kMunicipalities; }

absl::StatusOr<Municipality> FindMunicipality(std::string_view code) {
  std::string known;
  for (const Municipality& municipality : kMunicipalities) {
    if (municipality.code == code) return municipality;
    absl::StrAppend(&known, known.empty() ? "" : ", ", base::ToAbsl(municipality.code));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no municipality has the code ", base::ToAbsl(code), ": use one of ", known));
}

}  // namespace musubi::sandbox
