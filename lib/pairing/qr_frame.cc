#include "lib/pairing/qr_frame.h"

#include <algorithm>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/crypto/hash.h"

namespace musubi::pairing {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kMacSize = 32;
constexpr size_t kFieldsSize = 16 + 4 + 4;

static_assert((2 + crypto::Keyring::kMaxIdLength + kFieldsSize + kMacSize) == 74);

uint32_t ReadUint32(base::ByteView bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

base::Hash256 Mac(const crypto::Keyring::Key& key, base::ByteView covered) {
  const base::Secret256 mac_key = crypto::DeriveKey(key.secret.RevealBytes(), "qr-frame");
  return crypto::HmacSha256(mac_key.RevealBytes(), covered);
}

absl::Status Invalid() {
  return base::Error(base::ErrorReason::kQrFrameInvalid, "not a frame of this service");
}

}  // namespace

std::string MakeQrFrame(const crypto::Keyring& keyring, const QrFrame& frame) {
  const crypto::Keyring::Key& key = keyring.active();
  base::Bytes octets = {kVersion, static_cast<uint8_t>(key.id.size())};
  base::Append(octets, base::AsBytes(key.id));
  base::Append(octets, frame.session_id);
  base::AppendUint32(octets, frame.generation);
  base::AppendUint32(octets, frame.frame_number);
  base::Append(octets, Mac(key, octets));
  return base::Base64UrlEncode(octets);
}

absl::StatusOr<QrFrame> OpenQrFrame(const crypto::Keyring& keyring, std::string_view encoded) {
  if (encoded.size() > kMaxEncodedQrFrameSize) return Invalid();
  const auto octets = base::Base64UrlDecode(encoded);
  if (!octets.ok() || octets->size() < 2 || (*octets)[0] != kVersion) return Invalid();
  const base::ByteView all(*octets);
  const size_t id_size = all[1];
  if (all.size() != 2 + id_size + kFieldsSize + kMacSize) return Invalid();
  const crypto::Keyring::Key* key = keyring.Find(base::AsText(all.subspan(2, id_size)));
  if (key == nullptr ||
      !base::ConstantTimeEqual(Mac(*key, all.first(all.size() - kMacSize)), all.last(kMacSize))) {
    return Invalid();
  }
  const base::ByteView fields = all.subspan(2 + id_size, kFieldsSize);
  QrFrame frame;
  std::copy_n(fields.begin(), 16, frame.session_id.begin());
  frame.generation = ReadUint32(fields.subspan(16, 4));
  frame.frame_number = ReadUint32(fields.subspan(20, 4));
  return frame;
}

}  // namespace musubi::pairing
