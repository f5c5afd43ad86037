// Keyring files and audit heads on any text: no crash, and what is read is written back the same.
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/check.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_chain.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  const std::string_view text = base::AsText({data, size});
  if (const auto keyring = crypto::Keyring::Parse(text); keyring.ok()) {
    const auto again = crypto::Keyring::Parse(keyring->Serialize().Reveal());
    MUSUBI_CHECK(again.ok() && again->active().id == keyring->active().id &&
                     again->all().size() == keyring->all().size(),
                 "a keyring is written as it is read");
    for (const auto& [id, key] : keyring->all()) {
      MUSUBI_CHECK(again->Find(id) != nullptr && again->Find(id)->secret == key.secret,
                   "a key stays the same");
    }
  }
  if (const auto head = link::AuditHead::Parse(text); head.ok()) {
    const auto again = link::AuditHead::Parse(head->ToHex());
    MUSUBI_CHECK(again.ok() && *again == *head, "a head is written as it is read");
  }
  return 0;
}
