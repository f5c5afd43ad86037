// Checks of what a caller gave a LinkStore, before anything is read or written. FIELD_INVALID,
// naming the field and its rule. Internal to lib/link: for its implementations of LinkStore.
#ifndef MUSUBI_LIB_LINK_LINK_CHECKS_H_
#define MUSUBI_LIB_LINK_LINK_CHECKS_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "lib/link/link_store.h"

namespace musubi::link {

absl::Status FieldInvalid(std::string_view field, std::string_view rule);

// Not empty, and at most `limit` octets.
absl::Status CheckLength(std::string_view field, std::string_view value, size_t limit);
absl::Status CheckParty(std::string_view relying_party_id, const Account& account);
absl::Status CheckNewLink(const NewLink& link);
absl::Status CheckAnswer(std::string_view answer);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_LINK_CHECKS_H_
