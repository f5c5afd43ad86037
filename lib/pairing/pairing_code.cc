#include "lib/pairing/pairing_code.h"

#include <algorithm>

#include "lib/crypto/hash.h"

namespace musubi::pairing {

base::Secret<std::string> NewPairingCode(base::SecureRandom& random) {
  uint32_t number = random.Uniform(1'000'000);
  std::string code(kPairingCodeDigits, '0');
  for (size_t i = code.size(); i-- > 0; number /= 10)
    code[i] = static_cast<char>('0' + number % 10);
  return base::Secret<std::string>(std::move(code));
}

bool IsPairingCode(std::string_view code) {
  return code.size() == kPairingCodeDigits &&
         std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; });
}

namespace {

base::Hash256 MacUnder(const crypto::Keyring::Key& service_key, const base::Id128& session_id,
                       uint32_t generation, std::string_view code) {
  const base::Secret256 key = crypto::DeriveKey(service_key.secret.RevealBytes(), "pairing-code");
  return crypto::HmacSha256LengthPrefixed(
      key.RevealBytes(),
      {session_id, base::AsBytes(std::to_string(generation)), base::AsBytes(code)});
}

}  // namespace

base::Hash256 PairingCodeMac(const crypto::Keyring& keyring, const base::Id128& session_id,
                             uint32_t generation, std::string_view code) {
  return MacUnder(keyring.active(), session_id, generation, code);
}

base::Hash256 PairingCodeMacToCompare(const crypto::Keyring& keyring, const base::Id128& session_id,
                                      uint32_t generation, std::string_view code,
                                      const base::Hash256& stored) {
  for (const auto& [id, key] : keyring.all()) {
    const base::Hash256 mac = MacUnder(key, session_id, generation, code);
    if (base::ConstantTimeEqual(mac, stored)) return mac;
  }
  return PairingCodeMac(keyring, session_id, generation, code);
}

}  // namespace musubi::pairing
