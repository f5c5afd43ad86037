// HoldsMyNumber on any octets: no crash, no read beyond the end, and a number is found wherever it
// stands in a text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/check.h"
#include "lib/jpki/my_number.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  constexpr std::string_view kSpecimen = "123456789018";
  base::Bytes octets(data, data + size);
  (void)jpki::HoldsMyNumber(octets);
  base::Append(octets, base::AsBytes(kSpecimen));
  MUSUBI_CHECK(jpki::HoldsMyNumber(octets), "a number at the end was not found");
  return 0;
}
