#include "lib/crypto/keyring.h"

#include <algorithm>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::crypto {

bool Keyring::IsId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

absl::StatusOr<Keyring> Keyring::Parse(std::string_view text) {
  Keyring keyring;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    auto invalid = [number](std::string_view rule) {
      return absl::InvalidArgumentError("keyring line " + std::to_string(number) + ": " +
                                        std::string(rule));
    };
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return invalid("want `id key`, separated by one space");
    const std::string id(line.substr(0, space));
    if (!IsId(id)) return invalid("an id is 1 to 16 characters of a-z, 0-9 and -");
    auto octets = base::Base64UrlDecode(line.substr(space + 1));
    if (!octets.ok() || octets->size() != 32) {
      return invalid("a key is 32 octets in base64url without padding (43 characters)");
    }
    std::array<uint8_t, 32> value;
    std::copy(octets->begin(), octets->end(), value.begin());
    base::Wipe(octets->data(), octets->size());
    Key key{id, base::Secret256(value)};
    if (keyring.keys_.empty()) keyring.active_ = key;
    if (!keyring.keys_.emplace(id, std::move(key)).second) return invalid("this id came before");
  }
  if (keyring.keys_.empty()) return absl::InvalidArgumentError("keyring: no key in it");
  return keyring;
}

absl::StatusOr<Keyring> Keyring::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(std::string text, base::ReadSecretFile(path));
  auto keyring = Parse(text);
  base::Wipe(text.data(), text.size());
  if (!keyring.ok()) return base::Annotate(keyring.status(), path);
  return keyring;
}

Keyring Keyring::Generate(std::string id, base::SecureRandom& random) {
  Keyring keyring;
  keyring.active_ = Key{id, base::Secret256(random.Bytes<32>())};
  keyring.keys_.emplace(std::move(id), keyring.active_);
  return keyring;
}

base::Secret<std::string> Keyring::Serialize() const {
  auto line = [](const Key& key) {
    return key.id + " " + base::Base64UrlEncode(key.secret.RevealBytes()) + "\n";
  };
  std::string text = line(active_);
  for (const auto& [id, key] : keys_) {
    if (id != active_.id) text += line(key);
  }
  return base::Secret<std::string>(std::move(text));
}

const Keyring::Key* Keyring::Find(std::string_view id) const {
  const auto it = keys_.find(id);
  return it == keys_.end() ? nullptr : &it->second;
}

}  // namespace musubi::crypto
