#include "lib/link/page_token.h"

#include <algorithm>
#include <cstddef>

#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/crypto/hash.h"
#include "lib/link/link_checks.h"

namespace musubi::link {

FilterTag TagOf(std::string_view list, const LinkFilter& filter, const AccountKeys& accounts) {
  const auto text = [](bool present, std::string_view value) {
    return (present ? "1" : "0") + std::string(value);
  };
  const base::Hash256 account =
      filter.account.has_value() ? accounts.Hash(*filter.account) : base::Hash256{};
  const base::Hash256 hash = crypto::Sha256LengthPrefixed(
      {base::AsBytes(list),
       base::AsBytes(
           text(filter.relying_party_id.has_value(), filter.relying_party_id.value_or(""))),
       account,
       base::AsBytes(
           text(filter.link_id.has_value(), filter.link_id ? base::AsText(*filter.link_id) : "")),
       base::AsBytes(filter.include_ended ? "1" : "0")});
  FilterTag tag;
  std::copy_n(hash.begin(), tag.size(), tag.begin());
  return tag;
}

std::string MakeToken(int64_t position, const FilterTag& tag) {
  base::Bytes token;
  for (int shift = 56; shift >= 0; shift -= 8) {
    token.push_back(static_cast<uint8_t>(static_cast<uint64_t>(position) >> shift));
  }
  base::Append(token, tag);
  return base::Base64UrlEncode(token);
}

absl::StatusOr<int64_t> ParseToken(std::string_view text, const FilterTag& tag) {
  const auto token = base::Base64UrlDecode(text);
  if (!token.ok() || token->size() != 16 || token->front() > 0x7f ||
      !std::equal(tag.begin(), tag.end(), token->begin() + 8)) {
    return FieldInvalid("page_token", "is not one that this list returned for this filter");
  }
  int64_t position = 0;
  for (size_t i = 0; i < 8; ++i) position = position << 8 | (*token)[i];
  return position;
}

absl::StatusOr<int> PageSize(const PageRequest& page) {
  if (page.size < 0) return FieldInvalid("page_size", "is not negative");
  return page.size == 0 ? kDefaultPageSize : std::min(page.size, kMaxPageSize);
}

}  // namespace musubi::link
