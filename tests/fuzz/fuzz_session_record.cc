// DecodeRecord on any octets: no crash, no read beyond the end, and what is decoded is encoded back
// to the very input.
#include <cstddef>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/session/record_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  const base::ByteView octets(data, size);
  const auto record = session::DecodeRecord(octets);
  if (record.ok()) {
    const auto again = session::EncodeRecord(*record);
    MUSUBI_CHECK(again.ok() && *again == base::ToBytes(octets), "a record has two encodings");
  }
  return 0;
}
