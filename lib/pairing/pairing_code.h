// The 6-digit code that the phone shows and a person types on the PC. How often and how long it may
// be tried is the state machine's to say (lib/session).
#ifndef MUSUBI_LIB_PAIRING_PAIRING_CODE_H_
#define MUSUBI_LIB_PAIRING_PAIRING_CODE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"

namespace musubi::pairing {

inline constexpr size_t kPairingCodeDigits = 6;

// NewPairingCode draws one of 1,000,000 codes, each as likely as any other.
base::Secret<std::string> NewPairingCode(base::SecureRandom& random);

// IsPairingCode: exactly six ASCII digits.
bool IsPairingCode(std::string_view code);

// PairingCodeMac is how a code is stored: a plain hash of six digits could be searched through.
// HMAC-SHA256 under a key derived from the active key, over session id, generation and code.
base::Hash256 PairingCodeMac(const crypto::Keyring& keyring, const base::Id128& session_id,
                             uint32_t generation, std::string_view code);

// PairingCodeMacToCompare is the Mac of the key under which `code` gives `stored`, or of the active
// key if there is none: while keys change, another process may have stored it under another one,
// and a right code must not count as a wrong one.
base::Hash256 PairingCodeMacToCompare(const crypto::Keyring& keyring, const base::Id128& session_id,
                                      uint32_t generation, std::string_view code,
                                      const base::Hash256& stored);

}  // namespace musubi::pairing

#endif  // MUSUBI_LIB_PAIRING_PAIRING_CODE_H_
