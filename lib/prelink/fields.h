// A list of byte strings in one: how the use cases put small values into a sealed answer or into a
// hash of a request's body. Not a wire format.
#ifndef MUSUBI_LIB_PRELINK_FIELDS_H_
#define MUSUBI_LIB_PRELINK_FIELDS_H_

#include <initializer_list>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::prelink {

// EncodeFields writes each field with its length (4 octets, big-endian) in front.
base::Bytes EncodeFields(std::initializer_list<base::ByteView> fields);

// DecodeFields reads exactly `count` fields and nothing after them. DATA_LOSS otherwise.
absl::StatusOr<std::vector<base::Bytes>> DecodeFields(base::ByteView encoded, size_t count);

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_FIELDS_H_
