#include "lib/link/sqlite_link_pages.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/link/link_checks.h"
#include "lib/link/sqlite_audit.h"
#include "lib/link/sqlite_link_rows.h"

namespace musubi::link {
namespace {

using sqlite::Statement;

// A WHERE clause that grows with the fields of a filter. Views the values.
class Where {
 public:
  void And(std::string_view condition) {
    sql_ += sql_.empty() ? " WHERE " : " AND ";
    sql_ += condition;
  }
  void And(std::string_view condition, sqlite::Value value) {
    And(condition);
    values_.push_back(value);
  }
  void And(std::string_view condition, const std::vector<base::Hash256>& values) {
    And(condition);
    values_.insert(values_.end(), values.begin(), values.end());
  }
  const std::string& sql() const { return sql_; }
  const std::vector<sqlite::Value>& values() const { return values_; }

 private:
  std::string sql_;
  std::vector<sqlite::Value> values_;
};

// Nothing if the filter names no account.
std::vector<base::Hash256> HashesOf(const LinkFilter& filter, const AccountKeys& accounts) {
  return filter.account.has_value() ? accounts.Hashes(*filter.account)
                                    : std::vector<base::Hash256>();
}

// Page tokens: the position after which to go on, and which list it belongs to. Not secret and not
// authenticated: the filter itself decides what is seen. The account is in it as its keyed hash,
// so that nobody can try accounts on a token.
std::array<uint8_t, 8> FilterTag(std::string_view list, const LinkFilter& filter,
                                 const AccountKeys& accounts) {
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
  std::array<uint8_t, 8> tag;
  std::copy_n(hash.begin(), tag.size(), tag.begin());
  return tag;
}

std::string MakeToken(int64_t position, const std::array<uint8_t, 8>& tag) {
  base::Bytes token;
  for (int shift = 56; shift >= 0; shift -= 8) {
    token.push_back(static_cast<uint8_t>(static_cast<uint64_t>(position) >> shift));
  }
  base::Append(token, tag);
  return base::Base64UrlEncode(token);
}

absl::StatusOr<int64_t> ParseToken(std::string_view text, const std::array<uint8_t, 8>& tag) {
  const auto token = base::Base64UrlDecode(text);
  if (!token.ok() || token->size() != 16 || token->front() > 0x7f ||
      !std::equal(tag.begin(), tag.end(), token->begin() + 8)) {
    return FieldInvalid("page_token", "is not one that this list returned for this filter");
  }
  int64_t position = 0;
  for (size_t i = 0; i < 8; ++i) position = position << 8 | (*token)[i];
  return position;
}

// The rows of one page: `read` returns a StatusOr of an item; its position is the first column.
template <typename T, typename Read>
absl::StatusOr<Page<T>> ReadPage(sqlite::Database& db, std::string_view select, Where where,
                                 std::string_view position, const PageRequest& page,
                                 const std::array<uint8_t, 8>& tag, Read read) {
  if (page.size < 0) return FieldInvalid("page_size", "is not negative");
  const int size = page.size == 0 ? kDefaultPageSize : std::min(page.size, kMaxPageSize);
  if (!page.token.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t after, ParseToken(page.token, tag));
    where.And(std::string(position) + " < ?", after);
  }
  const std::string sql = std::string(select) + where.sql() + " ORDER BY " + std::string(position) +
                          " DESC LIMIT " + std::to_string(size + 1);
  Statement query = db.Query(sql, where.values());
  Page<T> result;
  int64_t last = 0;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return result;
    if (result.items.size() == static_cast<size_t>(size)) {
      result.next_token = MakeToken(last, tag);
      return result;
    }
    last = query.Int(0);
    MUSUBI_ASSIGN_OR_RETURN(T item, read(query));
    result.items.push_back(std::move(item));
  }
}

}  // namespace

absl::StatusOr<Page<Link>> ReadLinkPage(sqlite::Database& db, const AccountKeys& accounts,
                                        const LinkFilter& filter, const PageRequest& page) {
  const std::vector<base::Hash256> hashes = HashesOf(filter, accounts);
  Where where;
  if (filter.relying_party_id) where.And("relying_party_id = ?", *filter.relying_party_id);
  if (!hashes.empty()) where.And(AccountCondition(hashes.size()), hashes);
  if (filter.link_id) where.And("link_id = ?", *filter.link_id);
  if (where.values().empty()) return FieldInvalid("filter", "names no link, account or party");
  if (!filter.include_ended) where.And("ended_at IS NULL");
  return ReadPage<Link>(db, "SELECT " + std::string(kLinkColumns) + " FROM links", std::move(where),
                        "row", page, FilterTag("links", filter, accounts),
                        [&](const Statement& row) { return ReadLink(row, accounts); });
}

absl::StatusOr<Page<AuditEntry>> ReadEventPage(sqlite::Database& db, const AccountKeys& accounts,
                                               const LinkFilter& filter, const PageRequest& page) {
  const std::vector<base::Hash256> hashes = HashesOf(filter, accounts);
  Where where;
  if (filter.relying_party_id) where.And("relying_party_id = ?", *filter.relying_party_id);
  if (!hashes.empty()) {
    where.And(
        "link_id IN (SELECT link_id FROM links WHERE " + AccountCondition(hashes.size()) + ")",
        hashes);
  }
  if (filter.link_id) where.And("link_id = ?", *filter.link_id);
  if (where.values().empty()) return FieldInvalid("filter", "names no link, account or party");
  return ReadPage<AuditEntry>(
      db, "SELECT " + std::string(kAuditColumns) + " FROM audit", std::move(where), "sequence",
      page, FilterTag("events", filter, accounts),
      [](const Statement& row) -> absl::StatusOr<AuditEntry> { return ReadEntry(row); });
}

}  // namespace musubi::link
