#include "lib/link/sqlite_link_pages.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/status.h"
#include "lib/link/link_rows.h"
#include "lib/link/page_token.h"
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

// The rows of one page: `read` returns a StatusOr of an item; its position is the first column.
template <typename T, typename Read>
absl::StatusOr<Page<T>> ReadPage(sqlite::Database& db, std::string_view select, Where where,
                                 std::string_view position, const PageRequest& page,
                                 const FilterTag& tag, Read read) {
  MUSUBI_ASSIGN_OR_RETURN(const int size, PageSize(page));
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
  if (where.values().empty()) return EmptyFilter();
  if (!filter.include_ended) where.And("ended_at IS NULL");
  auto links = ReadPage<Link>(db, "SELECT " + std::string(kLinkColumns) + " FROM links",
                              std::move(where), "row", page, TagOf("links", filter, accounts),
                              [&](const Statement& row) { return ReadLink(row, accounts); });
  if (!hashes.empty()) MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts));
  return links;
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
  if (where.values().empty()) return EmptyFilter();
  auto entries = ReadPage<AuditEntry>(
      db, "SELECT " + std::string(kAuditColumns) + " FROM audit", std::move(where), "sequence",
      page, TagOf("events", filter, accounts),
      [](const Statement& row) -> absl::StatusOr<AuditEntry> { return ReadEntry(row); });
  if (!hashes.empty()) MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts));
  return entries;
}

}  // namespace musubi::link
