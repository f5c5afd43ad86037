// The municipalities of the simulated world. All fictional: the codes 99001 and above belong to no
// place, and the names mean "sample", "example", "imaginary".
#ifndef MUSUBI_SANDBOX_MUNICIPALITY_H_
#define MUSUBI_SANDBOX_MUNICIPALITY_H_

#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace musubi::sandbox {

// Municipality issues cards and has a CRL partition of its own in each CA generation.
struct Municipality {
  std::string_view code;           // Five digits, as in a card's CN.
  std::string_view prefecture;     // As in the OU of a distribution point's name.
  std::string_view name;           // As in the CN of a distribution point's name.
  std::string_view name_japanese;  // Prefecture and municipality, as in an address.
};

std::span<const Municipality> Municipalities();

// FindMunicipality returns the one of this code. INVALID_ARGUMENT lists the codes that exist.
absl::StatusOr<Municipality> FindMunicipality(std::string_view code);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_MUNICIPALITY_H_
