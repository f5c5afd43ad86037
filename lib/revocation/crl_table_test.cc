#include "lib/revocation/crl_table.h"

#include <gtest/gtest.h>

#include <map>

#include "lib/pki/der.h"

namespace musubi::revocation {
namespace {

using base::Bytes;

const absl::Time kThisUpdate =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 3, 0, 0), absl::UTCTimeZone());

// Content octets of a positive INTEGER.
Bytes Serial(uint64_t value) {
  Bytes octets;
  for (; value != 0; value >>= 8) octets.insert(octets.begin(), static_cast<uint8_t>(value));
  if (octets.empty() || (octets[0] & 0x80) != 0) octets.insert(octets.begin(), 0);
  return octets;
}

// Any numbers that are the same every time.
uint32_t Next(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(state >> 32);
}

// Of `all`, everything is found with its own fact, by Find and by ForEach, and nothing near it.
void ExpectHolds(const std::map<Bytes, CrlFact>& all, bool bitmap) {
  CrlTable::Builder builder(kThisUpdate, all.size());
  for (const auto& [serial, fact] : all) builder.Add(serial, fact);
  const auto table = builder.Build();
  EXPECT_EQ(table->is_bitmap(), bitmap);
  ASSERT_EQ(table->entries(), all.size());
  for (const uint32_t any : {1u, 0x10000u, 0x10000000u, UINT32_MAX}) {
    table->PrefetchBucket(any);
    table->PrefetchEntry(any);
  }
  for (const auto& [serial, fact] : all) {
    if (const auto small = pki::SmallSerial(serial)) {
      table->PrefetchBucket(*small);
      table->PrefetchEntry(*small);
    }
    const auto found = table->Find(serial);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->revoked_at, fact.revoked_at);
    EXPECT_EQ(found->reason, fact.reason);
    for (const int bit : {1, 2, 64, 128}) {
      Bytes other = serial;
      other.back() ^= static_cast<uint8_t>(bit);
      EXPECT_EQ(table->Find(other).has_value(), all.contains(other));
    }
  }
  std::map<Bytes, absl::Time> visited;
  table->ForEach([&](base::ByteView serial, const CrlFact& fact) {
    visited[base::ToBytes(serial)] = fact.revoked_at;
  });
  ASSERT_EQ(visited.size(), all.size());
  for (const auto& [serial, at] : visited) EXPECT_EQ(at, all.at(serial).revoked_at);

  const Bytes octets = table->Serialize();
  const auto again = CrlTable::Deserialize(octets);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->entries(), all.size());
  EXPECT_EQ(again->is_bitmap(), bitmap);
  EXPECT_EQ(again->Serialize(), octets);
  for (const auto& [serial, fact] : all) {
    const auto found = again->Find(serial);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->revoked_at, fact.revoked_at);
    EXPECT_EQ(found->reason, fact.reason);
  }
}

std::map<Bytes, CrlFact> Spread(size_t count, uint32_t range) {
  std::map<Bytes, CrlFact> all;
  uint64_t state = 7;
  while (all.size() < count) {
    const uint32_t value = Next(state);
    all[Serial(range == 0 ? value : value % range)] = {
        kThisUpdate - absl::Seconds(value % 100'000'000), static_cast<pki::CrlReason>(value % 7)};
  }
  return all;
}

TEST(CrlTableTest, SparseSerialsAreAnArrayAndDenseOnesABitmap) {
  ExpectHolds(Spread(5000, 0), false);
  ExpectHolds(Spread(5000, 40'000), true);
  ExpectHolds(Spread(5000, 1'000'000), false);
  ExpectHolds(Spread(1, 0), false);
  ExpectHolds(Spread(17, 0), false);
  ExpectHolds({}, false);
}

TEST(CrlTableTest, ABitmapMayHaveHolesOfWholePages) {
  auto all = Spread(20'000, 60'000);
  for (uint32_t i = 0; i < 20'000; ++i) {
    all[Serial(0x7fff0000u + i * 3)] = {kThisUpdate - absl::Seconds(i), pki::CrlReason::kNotGiven};
  }
  ExpectHolds(all, true);
  for (uint32_t i = 0; i < 100'000; ++i) {
    all[Serial(0x00300000u + i * 2)] = {kThisUpdate - absl::Seconds(i), pki::CrlReason::kNotGiven};
    all[Serial(0x007f0000u + i)] = {kThisUpdate - absl::Seconds(i), pki::CrlReason::kNotGiven};
  }
  std::erase_if(all, [](const auto& item) { return item.first.size() > 3; });
  ExpectHolds(all, true);
}

TEST(CrlTableTest, SerialsAtEveryEdgeKeepTheirOwnEntry) {
  std::map<Bytes, CrlFact> all;
  int reason = 0;
  auto add = [&](const Bytes& serial) {
    all[serial] = {kThisUpdate - absl::Hours(++reason), static_cast<pki::CrlReason>(reason % 7)};
  };
  for (const uint64_t edge : {uint64_t{1} << 28, uint64_t{1} << 31, uint64_t{1} << 32}) {
    for (const uint64_t value : {edge - 2, edge - 1, edge, edge + 1}) add(Serial(value));
  }
  add(Serial(0));
  add(Serial(1));
  add({0xff});                    // -1
  add({0x80});                    // -128
  add({0x80, 0x00, 0x00, 0x00});  // -2^31
  add(Bytes(20, 0x7f));
  add(Bytes(20, 0x80));
  add(Bytes(21, 0x01));
  ExpectHolds(all, false);
}

TEST(CrlTableTest, TimesFarFromTheListAreKeptToTheSecond) {
  std::map<Bytes, CrlFact> all;
  for (const absl::Duration offset :
       {absl::Hours(24 * 29), absl::Hours(24 * 31), absl::Hours(-24 * 365 * 8),
        absl::Hours(-24 * 365 * 9), absl::Hours(-24 * 365 * 70), absl::Hours(24 * 365 * 70)}) {
    all[Serial(all.size() + 1)] = {kThisUpdate + offset, pki::CrlReason::kKeyCompromise};
  }
  ExpectHolds(all, false);
}

TEST(CrlTableTest, OfASerialListedTwiceTheEarliestCounts) {
  for (const Bytes& serial : {Serial(5), Bytes(20, 0x11)}) {
    CrlTable::Builder builder(kThisUpdate);
    builder.Add(serial, {kThisUpdate - absl::Hours(1), pki::CrlReason::kNotGiven});
    builder.Add(serial, {kThisUpdate - absl::Hours(3), pki::CrlReason::kSuperseded});
    builder.Add(serial, {kThisUpdate - absl::Hours(2), pki::CrlReason::kNotGiven});
    EXPECT_EQ(builder.Build()->Find(serial)->revoked_at, kThisUpdate - absl::Hours(3));
  }
  // Once beside the serial, once among the others.
  CrlTable::Builder builder(kThisUpdate);
  builder.Add(Serial(5), {kThisUpdate - absl::Hours(1), pki::CrlReason::kNotGiven});
  builder.Add(Serial(5), {kThisUpdate - absl::Hours(24 * 4000), pki::CrlReason::kSuperseded});
  EXPECT_EQ(builder.Build()->Find(Serial(5))->reason, pki::CrlReason::kSuperseded);
}

TEST(CrlTableTest, OctetsThatSerializeDidNotWriteAreNoTable) {
  CrlTable::Builder builder(kThisUpdate);
  builder.Add(Serial(5), {kThisUpdate});
  builder.Add(Bytes(20, 0x11), {kThisUpdate});
  const Bytes octets = builder.Build()->Serialize();
  for (size_t size = 0; size < octets.size(); ++size) {
    EXPECT_EQ(CrlTable::Deserialize(base::ByteView(octets).first(size)), nullptr) << size;
  }
  const size_t size_octet = octets.size() - 22, packed = 19 + 8, exacts = packed + 8;
  for (const size_t at : {size_t{0}, size_octet, packed, exacts}) {
    Bytes other = octets;
    other[at] = 0xff;
    EXPECT_EQ(CrlTable::Deserialize(other), nullptr) << at;
  }
}

TEST(CrlTableTest, AnEntryCostsAboutEightOctets) {
  for (const uint32_t range : {0u, 1'000'000u, 60'000u}) {
    const auto all = Spread(20'000, range);
    CrlTable::Builder builder(kThisUpdate, 2 * all.size());
    for (const auto& [serial, fact] : all) builder.Add(serial, fact);
    const auto table = builder.Build();
    EXPECT_LT(table->memory(), all.size() * 8 + all.size() / 2) << range;
    EXPECT_LT(table->Serialize().size(), all.size() * 8 + 100) << range;
  }
}

}  // namespace
}  // namespace musubi::revocation
