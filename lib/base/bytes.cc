#include "lib/base/bytes.h"

namespace musubi::base {

void AppendUint32(Bytes& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

void AppendField(Bytes& out, ByteView value) {
  AppendUint32(out, static_cast<uint32_t>(value.size()));
  Append(out, value);
}

bool ConstantTimeEqual(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = difference | (a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace musubi::base
