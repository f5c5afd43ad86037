#include "lib/prelink/fields.h"

#include "absl/status/status.h"

namespace musubi::prelink {

base::Bytes EncodeFields(std::initializer_list<base::ByteView> fields) {
  base::Bytes encoded;
  for (const base::ByteView field : fields) base::AppendField(encoded, field);
  return encoded;
}

absl::StatusOr<std::vector<base::Bytes>> DecodeFields(base::ByteView encoded, size_t count) {
  std::vector<base::Bytes> fields;
  while (encoded.size() >= 4) {
    const size_t size = size_t{encoded[0]} << 24 | size_t{encoded[1]} << 16 |
                        size_t{encoded[2]} << 8 | size_t{encoded[3]};
    if (size > encoded.size() - 4) break;
    fields.push_back(base::ToBytes(encoded.subspan(4, size)));
    encoded = encoded.subspan(4 + size);
  }
  if (!encoded.empty() || fields.size() != count) {
    return absl::DataLossError("encoded fields: cut, or not as many as were written");
  }
  return fields;
}

}  // namespace musubi::prelink
