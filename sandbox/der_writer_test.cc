#include "sandbox/der_writer.h"

#include <gtest/gtest.h>

#include "lib/base/encoding.h"

namespace musubi::sandbox {
namespace {

using base::HexEncode;

TEST(DerWriter, WritesMinimalIntegers) {
  EXPECT_EQ(HexEncode(DerInteger(0)), "020100");
  EXPECT_EQ(HexEncode(DerInteger(127)), "02017f");
  EXPECT_EQ(HexEncode(DerInteger(128)), "02020080");
  EXPECT_EQ(HexEncode(DerInteger(180'000'001)), "02040aba9501");
  EXPECT_EQ(HexEncode(DerInteger(UINT64_MAX)), "020900ffffffffffffffff");
}

TEST(DerWriter, WritesArcsAboveOneOctet) {
  EXPECT_EQ(HexEncode(DerOid("1.2.840.113549.1.1.11")), "06092a864886f70d01010b");
  EXPECT_EQ(HexEncode(DerOid("2.999.1.30")), "06048837011e");
  EXPECT_EQ(HexEncode(DerOid("2.5.29.15")), "0603551d0f");
}

TEST(DerWriter, WritesTheShortestLength) {
  EXPECT_EQ(HexEncode(DerOctetString(base::Bytes(127))).substr(0, 4), "047f");
  EXPECT_EQ(HexEncode(DerOctetString(base::Bytes(128))).substr(0, 6), "048180");
  EXPECT_EQ(HexEncode(DerOctetString(base::Bytes(256))).substr(0, 8), "04820100");
}

TEST(DerWriter, ChangesTheFormOfTimeAfter2049) {
  const absl::Time last = absl::FromUnixSeconds(2524607999);
  EXPECT_EQ(base::ToString(DerTime(last)).substr(2), "491231235959Z");
  EXPECT_EQ(DerTime(last)[0], 0x17);
  EXPECT_EQ(base::ToString(DerTime(last + absl::Seconds(1))).substr(2), "20500101000000Z");
  EXPECT_EQ(DerTime(last + absl::Seconds(1))[0], 0x18);
}

}  // namespace
}  // namespace musubi::sandbox
