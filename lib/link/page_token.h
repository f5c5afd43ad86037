// Page tokens of lists: the position after which to go on, and which list it belongs to. Not secret
// and not authenticated: the filter itself decides what is seen. The account is in it as its keyed
// hash, so that nobody can try accounts on a token. Internal to lib/link: for its implementations
// of LinkStore.
#ifndef MUSUBI_LIB_LINK_PAGE_TOKEN_H_
#define MUSUBI_LIB_LINK_PAGE_TOKEN_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/link/account_keys.h"
#include "lib/link/link_store.h"

namespace musubi::link {

// Names a list, as in "links", and its filter.
using FilterTag = std::array<uint8_t, 8>;
FilterTag TagOf(std::string_view list, const LinkFilter& filter, const AccountKeys& accounts);

std::string MakeToken(int64_t position, const FilterTag& tag);
// FIELD_INVALID if it is not MakeToken's for this tag.
absl::StatusOr<int64_t> ParseToken(std::string_view text, const FilterTag& tag);

// The number of rows that a page of this size has at most. FIELD_INVALID if it is negative.
absl::StatusOr<int> PageSize(const PageRequest& page);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_PAGE_TOKEN_H_
