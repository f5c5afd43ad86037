#include "lib/revocation/crl_table.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "lib/base/same_octets.h"
#include "lib/pki/der.h"

namespace musubi::revocation {
namespace {

using base::ByteView;

constexpr int kReasonBits = 4;
constexpr int kTimeBits = 32 - kReasonBits;
// How far after thisUpdate a revocation may lie and still have its place beside the serial.
constexpr int64_t kAfterThisUpdate = 30 * 24 * 3600;

// Entries of a bucket of the array: on average one line of memory.
constexpr size_t kBucketEntries = 8;

constexpr int kPageBits = 16;
constexpr size_t kPageWords = size_t{1} << (kPageBits - 6);  // 8 KiB.
constexpr size_t kLineWords = 8;                             // 64 octets.
constexpr size_t kPageLines = kPageWords / kLineWords;

uint32_t SerialOf(uint64_t packed) { return static_cast<uint32_t>(packed >> 32); }

// Minimal content octets of an INTEGER; `buffer` holds them.
ByteView SerialOctets(uint32_t serial, std::array<uint8_t, 5>& buffer) {
  for (size_t i = 0; i < 5; ++i) {
    buffer[i] = i == 0 ? 0 : static_cast<uint8_t>(serial >> (8 * (4 - i)));
  }
  size_t skip = 0;
  while (skip < 4 && buffer[skip] == 0 && (buffer[skip + 1] & 0x80) == 0) ++skip;
  return ByteView(buffer).subspan(skip);
}

// Buckets are as many as a power of two that leaves kBucketEntries to 2 * kBucketEntries in each,
// if serials are spread evenly.
uint8_t BucketShift(std::span<const uint64_t> packed) {
  const uint32_t range = SerialOf(packed.back()) - SerialOf(packed.front());
  const int range_bits = static_cast<int>(std::bit_width(range));
  const int bucket_bits = static_cast<int>(std::bit_width(packed.size() / kBucketEntries)) - 1;
  return static_cast<uint8_t>(std::clamp(range_bits - bucket_bits, 0, range_bits));
}

// Sorts by serial, in three passes over 11 bits each, the last over 10: a third of std::sort's time
// for a large list, for as much memory again.
void SortBySerial(std::vector<uint64_t>& packed) {
  constexpr int kDigitBits = 11;
  constexpr size_t kDigits = size_t{1} << kDigitBits;
  // Below, the counting costs more than the sorting.
  constexpr size_t kFewEntries = 4096;
  if (std::ranges::is_sorted(packed)) return;
  if (packed.size() < kFewEntries) {
    std::ranges::sort(packed);
    return;
  }
  std::vector<uint64_t> other(packed.size());
  for (int shift = 32; shift < 64; shift += kDigitBits) {
    std::array<size_t, kDigits + 1> starts{};
    for (const uint64_t entry : packed) ++starts[(entry >> shift & (kDigits - 1)) + 1];
    for (size_t digit = 0; digit < kDigits; ++digit) starts[digit + 1] += starts[digit];
    for (const uint64_t entry : packed) other[starts[entry >> shift & (kDigits - 1)]++] = entry;
    packed.swap(other);
  }
}

// Leaves the least of each serial, which is the earliest: time is above reason.
void KeepEarliest(std::vector<uint64_t>& packed) {
  size_t kept = 0;
  for (const uint64_t entry : packed) {
    if (kept > 0 && SerialOf(packed[kept - 1]) == SerialOf(entry)) {
      packed[kept - 1] = std::min(packed[kept - 1], entry);
    } else {
      packed[kept++] = entry;
    }
  }
  packed.resize(kept);
}

constexpr std::string_view kSerializedMark = "musubi-crl-table 1\n";
constexpr size_t kSerializedHead = kSerializedMark.size() + 24;

void AppendUint64(base::Bytes& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

// Of at least 8 octets.
uint64_t TakeUint64(ByteView& octets) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | octets[i];
  octets = octets.subspan(8);
  return value;
}

void PrefetchLine(const void* address) { __builtin_prefetch(address); }

}  // namespace

CrlTable::Builder::Builder(absl::Time this_update, size_t entries)
    : base_(absl::ToUnixSeconds(this_update) + kAfterThisUpdate - (int64_t{1} << kTimeBits)) {
  packed_.reserve(entries);
}

void CrlTable::Builder::Add(ByteView serial, const CrlFact& fact) {
  const auto small = pki::SmallSerial(serial);
  const int64_t offset = absl::ToUnixSeconds(fact.revoked_at) - base_;
  if (small && offset >= 0 && offset >> kTimeBits == 0) {
    packed_.push_back(uint64_t{*small} << 32 | static_cast<uint64_t>(offset) << kReasonBits |
                      static_cast<uint64_t>(fact.reason));
    return;
  }
  Exact exact;
  exact.octets = {};
  exact.size = static_cast<uint8_t>(std::min(serial.size(), kMaxSerial));
  std::copy_n(serial.begin(), exact.size, exact.octets.begin());
  exact.reason = fact.reason;
  exact.revoked_at = fact.revoked_at;
  exact_.push_back(exact);
}

std::shared_ptr<const CrlTable> CrlTable::Builder::Build() {
  auto table = std::shared_ptr<CrlTable>(new CrlTable());
  table->base_ = base_;
  SortBySerial(packed_);
  KeepEarliest(packed_);
  if (!packed_.empty()) {
    if (BitmapSize(packed_) < ArraySize(packed_)) {
      table->BuildBitmap(packed_);
    } else {
      table->BuildArray(std::move(packed_));
    }
  }
  std::ranges::sort(exact_, [](const Exact& a, const Exact& b) {
    if (a.size != b.size) return a.size < b.size;
    return a.octets != b.octets ? a.octets < b.octets : a.revoked_at < b.revoked_at;
  });
  exact_.shrink_to_fit();
  table->exact_ = std::move(exact_);
  table->has_exact_ = !table->exact_.empty();
  packed_ = {};
  return table;
}

size_t CrlTable::ArraySize(std::span<const uint64_t> packed) {
  const uint32_t range = SerialOf(packed.back()) - SerialOf(packed.front());
  return 8 * packed.size() + 4 * ((size_t{range} >> BucketShift(packed)) + 2);
}

size_t CrlTable::BitmapSize(std::span<const uint64_t> packed) {
  size_t pages = 0;
  uint32_t last = 0;
  for (const uint64_t entry : packed) {
    const uint32_t page = SerialOf(entry) >> kPageBits;
    if (pages == 0 || page != last) ++pages;
    last = page;
  }
  const uint32_t range = last - (SerialOf(packed.front()) >> kPageBits) + 1;
  return 4 * packed.size() + 4 * size_t{range} + pages * (8 * kPageWords + 4 * kPageLines);
}

void CrlTable::BuildArray(std::vector<uint64_t> packed) {
  first_ = SerialOf(packed.front());
  shift_ = BucketShift(packed);
  const size_t buckets = BucketOf(SerialOf(packed.back())) + 1;
  starts_.reserve(buckets + 1);
  for (size_t i = 0; i < packed.size(); ++i) {
    const size_t bucket = BucketOf(SerialOf(packed[i]));
    while (starts_.size() <= bucket) starts_.push_back(static_cast<uint32_t>(i));
  }
  starts_.push_back(static_cast<uint32_t>(packed.size()));
  packed.shrink_to_fit();
  entries_ = std::move(packed);
}

void CrlTable::BuildBitmap(std::span<const uint64_t> packed) {
  is_bitmap_ = true;
  first_page_ = SerialOf(packed.front()) >> kPageBits;
  page_of_.resize((SerialOf(packed.back()) >> kPageBits) - first_page_ + 1);
  uint32_t pages = 0;
  for (const uint64_t entry : packed) {
    uint32_t& page = page_of_[(SerialOf(entry) >> kPageBits) - first_page_];
    if (page == 0) page = ++pages;
  }
  bits_.resize(pages * kPageWords);
  for (const uint64_t entry : packed) {
    const uint32_t serial = SerialOf(entry);
    const size_t page = page_of_[(serial >> kPageBits) - first_page_] - 1;
    const size_t bit = serial & ((1u << kPageBits) - 1);
    bits_[page * kPageWords + bit / 64] |= uint64_t{1} << (bit % 64);
  }
  facts_.reserve(packed.size());
  for (const uint64_t entry : packed) facts_.push_back(static_cast<uint32_t>(entry));
  ranks_.reserve(pages * kPageLines);
  uint32_t rank = 0;
  for (size_t word = 0; word < bits_.size(); ++word) {
    if (word % kLineWords == 0) ranks_.push_back(rank);
    rank += static_cast<uint32_t>(std::popcount(bits_[word]));
  }
}

std::optional<uint32_t> CrlTable::FindSmall(uint32_t serial) const {
  if (is_bitmap_) {
    const uint32_t page_number = serial >> kPageBits;
    if (page_number < first_page_ || page_number - first_page_ >= page_of_.size()) return {};
    const size_t page = page_of_[page_number - first_page_];
    if (page == 0) return {};
    const size_t bit = (page - 1) * kPageWords * 64 + (serial & ((1u << kPageBits) - 1));
    const size_t word = bit / 64;
    if ((bits_[word] >> (bit % 64) & 1) == 0) return {};
    const size_t line = word / kLineWords;
    int rank = std::popcount(bits_[word] & ((uint64_t{1} << (bit % 64)) - 1));
    for (size_t i = line * kLineWords; i < word; ++i) rank += std::popcount(bits_[i]);
    return facts_[ranks_[line] + static_cast<size_t>(rank)];
  }
  if (entries_.empty() || serial < first_) return {};
  const size_t bucket = BucketOf(serial);
  if (bucket + 1 >= starts_.size()) return {};
  // A lower bound without branches: which way it goes is anybody's guess.
  const uint64_t* at = entries_.data() + starts_[bucket];
  const uint64_t* const end = entries_.data() + starts_[bucket + 1];
  for (size_t left = static_cast<size_t>(end - at); left > 0;) {
    const size_t half = (left + 1) / 2;
    at += SerialOf(at[half - 1]) < serial ? half : 0;
    left -= half;
  }
  if (at == end || SerialOf(*at) != serial) return {};
  return static_cast<uint32_t>(*at);
}

CrlFact CrlTable::Unpack(uint32_t fact) const {
  return {absl::FromUnixSeconds(base_ + (fact >> kReasonBits)),
          static_cast<pki::CrlReason>(fact & ((1u << kReasonBits) - 1))};
}

std::optional<CrlFact> CrlTable::Find(ByteView serial) const {
  std::optional<CrlFact> found;
  if (const auto small = pki::SmallSerial(serial)) {
    if (const auto fact = FindSmall(*small)) found = Unpack(*fact);
  }
  if (!has_exact_) return found;
  const auto at = std::partition_point(exact_.begin(), exact_.end(), [serial](const Exact& exact) {
    if (exact.size != serial.size()) return exact.size < serial.size();
    return std::ranges::lexicographical_compare(exact.serial(), serial);
  });
  if (at != exact_.end() && base::SameOctets(at->serial(), serial) &&
      (!found || at->revoked_at < found->revoked_at)) {
    found = CrlFact{at->revoked_at, at->reason};
  }
  return found;
}

void CrlTable::PrefetchBucket(uint32_t serial) const {
  if (is_bitmap_) {
    const uint32_t page_number = serial >> kPageBits;
    if (page_number < first_page_ || page_number - first_page_ >= page_of_.size()) return;
    PrefetchLine(&page_of_[page_number - first_page_]);
    return;
  }
  if (entries_.empty() || serial < first_) return;
  const size_t bucket = BucketOf(serial);
  if (bucket < starts_.size()) PrefetchLine(&starts_[bucket]);
}

void CrlTable::PrefetchEntry(uint32_t serial) const {
  if (is_bitmap_) {
    const uint32_t page_number = serial >> kPageBits;
    if (page_number < first_page_ || page_number - first_page_ >= page_of_.size()) return;
    const size_t page = page_of_[page_number - first_page_];
    if (page == 0) return;
    PrefetchLine(&bits_[(page - 1) * kPageWords + (serial & ((1u << kPageBits) - 1)) / 64]);
    return;
  }
  if (entries_.empty() || serial < first_) return;
  const size_t bucket = BucketOf(serial);
  if (bucket + 1 >= starts_.size()) return;
  const uint64_t* begin = entries_.data() + starts_[bucket];
  PrefetchLine(begin);
  PrefetchLine(begin + kBucketEntries);
}

template <typename Visit>
void CrlTable::ForEachPacked(Visit visit) const {
  for (const uint64_t entry : entries_) visit(entry);
  size_t index = 0;
  for (size_t p = 0; p < page_of_.size(); ++p) {
    if (page_of_[p] == 0) continue;
    const uint64_t* words = &bits_[(page_of_[p] - 1) * kPageWords];
    for (size_t word = 0; word < kPageWords; ++word) {
      for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
        const uint64_t serial = ((first_page_ + p) << kPageBits) + word * 64 +
                                static_cast<size_t>(std::countr_zero(bits));
        visit(serial << 32 | facts_[index++]);
      }
    }
  }
}

void CrlTable::ForEach(const std::function<void(ByteView, const CrlFact&)>& visit) const {
  std::array<uint8_t, 5> buffer;
  ForEachPacked([&](uint64_t entry) {
    visit(SerialOctets(SerialOf(entry), buffer), Unpack(static_cast<uint32_t>(entry)));
  });
  for (const Exact& exact : exact_) visit(exact.serial(), {exact.revoked_at, exact.reason});
}

// kSerializedMark, base_, how many packed entries, how many exact ones; the packed ones; of each
// exact one time, reason, how many octets its serial has, and these, filled up with zeros. Numbers
// are big-endian.
base::Bytes CrlTable::Serialize() const {
  const size_t packed = entries_.size() + facts_.size();
  base::Bytes out;
  out.reserve(kSerializedHead + 8 * packed + kSerializedExact * exact_.size());
  base::Append(out, base::AsBytes(kSerializedMark));
  AppendUint64(out, static_cast<uint64_t>(base_));
  AppendUint64(out, packed);
  AppendUint64(out, exact_.size());
  ForEachPacked([&out](uint64_t entry) { AppendUint64(out, entry); });
  for (const Exact& exact : exact_) {
    AppendUint64(out, static_cast<uint64_t>(absl::ToUnixSeconds(exact.revoked_at)));
    out.push_back(static_cast<uint8_t>(exact.reason));
    out.push_back(exact.size);
    base::Append(out, exact.octets);
  }
  return out;
}

std::shared_ptr<const CrlTable> CrlTable::Deserialize(ByteView octets) {
  if (octets.size() < kSerializedHead || !base::AsText(octets).starts_with(kSerializedMark)) {
    return nullptr;
  }
  octets = octets.subspan(kSerializedMark.size());
  Builder builder(absl::UnixEpoch());
  builder.base_ = static_cast<int64_t>(TakeUint64(octets));
  const uint64_t packed = TakeUint64(octets);
  const uint64_t exacts = TakeUint64(octets);
  if (packed > octets.size() / 8 || exacts > octets.size() / kSerializedExact ||
      octets.size() != 8 * packed + kSerializedExact * exacts) {
    return nullptr;
  }
  builder.packed_.reserve(packed);
  for (uint64_t i = 0; i < packed; ++i) builder.packed_.push_back(TakeUint64(octets));
  builder.exact_.reserve(exacts);
  while (!octets.empty()) {
    Exact exact;
    exact.revoked_at = absl::FromUnixSeconds(static_cast<int64_t>(TakeUint64(octets)));
    exact.reason = static_cast<pki::CrlReason>(octets[0]);
    exact.size = octets[1];
    if (exact.size > kMaxSerial) return nullptr;
    std::ranges::copy(octets.subspan(2, kMaxSerial), exact.octets.begin());
    octets = octets.subspan(2 + kMaxSerial);
    builder.exact_.push_back(exact);
  }
  return builder.Build();
}

size_t CrlTable::memory() const {
  return 4 * (facts_.capacity() + starts_.capacity() + page_of_.capacity() + ranks_.capacity()) +
         8 * (entries_.capacity() + bits_.capacity()) + sizeof(Exact) * exact_.capacity();
}

}  // namespace musubi::revocation
