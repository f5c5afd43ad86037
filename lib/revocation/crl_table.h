// The entries of one CRL in memory, found by serial: about 8 octets each, fewer where serials are
// dense. Immutable; knows no scope and no signature.
#ifndef MUSUBI_LIB_REVOCATION_CRL_TABLE_H_
#define MUSUBI_LIB_REVOCATION_CRL_TABLE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/crl.h"
#include "lib/pki/verdict.h"

namespace musubi::revocation {

struct CrlFact {
  absl::Time revoked_at;
  pki::CrlReason reason = pki::CrlReason::kNotGiven;
};

// CrlTable is thread-safe. Serials that pki::SmallSerial reads are in a sorted array or in a paged
// bitmap, whichever is smaller, with time and reason beside. All others, and entries whose time
// does not fit beside (more than about eight years before the list, or a month after it), are in a
// table of full octets.
class alignas(64) CrlTable {
 public:
  class Builder;

  // Find gives the entry of a serial, in content octets; the earliest if it is listed more than
  // once. Allocates nothing.
  std::optional<CrlFact> Find(base::ByteView serial) const;
  // Each begins to bring what the next will read into the caches, and PrefetchEntry what Find will,
  // for a serial as pki::SmallSerial reads it.
  void Prefetch() const { __builtin_prefetch(this); }
  void PrefetchBucket(uint32_t serial) const;
  void PrefetchEntry(uint32_t serial) const;
  // In no order that means anything; serials as content octets, for as long as the call.
  void ForEach(const std::function<void(base::ByteView, const CrlFact&)>& visit) const;

  // Serialize writes all entries down, about 8 octets each; the same ones of equal tables.
  base::Bytes Serialize() const;
  // Deserialize makes a table of what Serialize wrote; null if it is anything else. It trusts the
  // entries: whoever keeps the octets has to know that they are the same.
  static std::shared_ptr<const CrlTable> Deserialize(base::ByteView octets);

  size_t entries() const { return entries_.size() + facts_.size() + exact_.size(); }
  bool is_bitmap() const { return is_bitmap_; }
  // Octets on the heap.
  size_t memory() const;

 private:
  // Longest serial that the parser takes, with its sign octet.
  static constexpr size_t kMaxSerial = 21;
  // Octets of one Exact, serialized.
  static constexpr size_t kSerializedExact = 8 + 1 + 1 + kMaxSerial;
  struct Exact {
    std::array<uint8_t, kMaxSerial> octets;
    uint8_t size = 0;
    pki::CrlReason reason = pki::CrlReason::kNotGiven;
    absl::Time revoked_at;

    base::ByteView serial() const { return base::ByteView(octets).first(size); }
  };

  CrlTable() = default;

  void BuildArray(std::vector<uint64_t> packed);
  void BuildBitmap(std::span<const uint64_t> packed);
  static size_t ArraySize(std::span<const uint64_t> packed);
  static size_t BitmapSize(std::span<const uint64_t> packed);
  // The fact of an entry, as it is packed.
  std::optional<uint32_t> FindSmall(uint32_t serial) const;
  // In 64 bits: shift_ may be 32. `serial` is not below first_.
  size_t BucketOf(uint32_t serial) const { return size_t{serial - first_} >> shift_; }
  CrlFact Unpack(uint32_t fact) const;
  // All that are in the array or the bitmap, in the order of serials: serial << 32 | fact.
  template <typename Visit>
  void ForEachPacked(Visit visit) const;

  // All that most look-ups read of the table itself comes first, in one line of memory.

  // A fact is seconds since base_ << 4 | reason.
  int64_t base_ = 0;  // Unix seconds.

  // Array: serial << 32 | fact, sorted, so that one line of memory has all of an entry. Buckets of
  // 2^shift_ serials from first_ on; starts_[b] is the first entry of b.
  uint32_t first_ = 0;
  uint8_t shift_ = 0;
  bool is_bitmap_ = false;
  bool has_exact_ = false;
  std::vector<uint32_t> starts_;
  std::vector<uint64_t> entries_;

  // Bitmap: page_of_[(serial >> 16) - first_page_] is a page of 8 KiB, plus one; 0: none. ranks_
  // has the entries before each line of 64 octets; facts_ has their facts in the order of serials.
  std::vector<uint32_t> page_of_;
  std::vector<uint64_t> bits_;
  std::vector<uint32_t> ranks_;
  std::vector<uint32_t> facts_;
  uint32_t first_page_ = 0;

  std::vector<Exact> exact_;  // Sorted by size, then octets, then time.
};

// Builder gathers entries in any order. Not thread-safe.
class CrlTable::Builder {
 public:
  // `this_update` is that of the list. `entries` is how many will come, if known: an upper bound
  // costs address space only.
  explicit Builder(absl::Time this_update, size_t entries = 0);

  void Add(base::ByteView serial, const CrlFact& fact);
  // Ends the builder.
  std::shared_ptr<const CrlTable> Build();

 private:
  friend class CrlTable;

  int64_t base_;                  // As CrlTable's.
  std::vector<uint64_t> packed_;  // Serial << 32 | fact.
  std::vector<Exact> exact_;
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_TABLE_H_
