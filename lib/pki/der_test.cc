#include "lib/pki/der.h"

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "lib/base/encoding.h"

namespace musubi::pki {
namespace {

base::Bytes Hex(std::string_view text) { return base::HexDecode(text).value(); }

TEST(Der, RefusesWhatIsNotCanonical) {
  const struct {
    const char* what;
    const char* hex;
    bool strict;
  } kCases[] = {
      {"an empty SEQUENCE", "3000", true},
      {"nothing", "", true},
      {"a length in the long form that fits the short", "308100", false},
      {"a length with a leading zero", "30820001ff", false},
      {"an indefinite length", "30800000", false},
      {"a length beyond the end", "3001", false},
      {"a length of five octets", "30850000000001ff", false},
      {"a high tag number", "1f2000", false},
      {"end-of-contents", "0000", false},
      {"TRUE as 01", "010101", false},
      {"TRUE as ff", "0101ff", true},
      {"BOOLEAN of two octets", "0102ffff", false},
      {"an empty INTEGER", "0200", false},
      {"a padded INTEGER", "02020001", false},
      {"a padded negative INTEGER", "0202ff80", false},
      {"INTEGER 128", "02020080", true},
      {"NULL with content", "050100", false},
      {"an OID with a padded arc", "06032a8001", false},
      {"an OID that is cut off", "06022a86", false},
      {"an empty OID", "0600", false},
      {"BIT STRING without the unused-bits octet", "0300", false},
      {"BIT STRING of 8 unused bits", "03020800", false},
      {"BIT STRING with a set unused bit", "03020101", false},
      {"an empty BIT STRING with unused bits", "030101", false},
      {"a constructed OCTET STRING", "2403040100", false},
      {"a primitive SEQUENCE", "1000", false},
      {"a SET out of order", "3106020102020101", false},
      {"a SET in order", "3106020101020102", true},
      {"UTF8String of two octets", "0c02c3a9", true},
      {"UTF8String that is overlong", "0c02c0af", false},
      {"UTF8String that is cut off", "0c01c3", false},
      {"UTF8String with a surrogate", "0c03eda080", false},
      {"UTF8String of four octets", "0c04f48fbfbf", true},
      {"UTF8String beyond U+10FFFF", "0c04f4908080", false},
      {"UTF8String with a lone continuation", "0c0180", false},
      {"PrintableString with &", "130126", false},
      {"PrintableString", "130e41617a30392027282b2c2f3a3d3f", true},
      {"NumericString with a letter", "120161", false},
      {"NumericString", "1203312039", true},
      {"IA5String of 8 bits", "160180", false},
      {"VisibleString with a control character", "1a0109", false},
      {"TeletexString of 8 bits", "1401e9", true},
      {"BMPString of an odd number of octets", "1e03004100", false},
      {"BMPString with a surrogate", "1e02d800", false},
      {"UniversalString of two octets", "1c020041", false},
      {"UniversalString beyond U+10FFFF", "1c0400110000", false},
      {"UniversalString", "1c0400010000", true},
      {"something wrong inside [0]", "a003010101", false},
  };
  for (const auto& c : kCases) EXPECT_EQ(IsStrictDer(Hex(c.hex)), c.strict) << c.what;
}

TEST(Der, RefusesNestingBeyondTheLimit) {
  base::Bytes nested;
  for (int depth = 1; depth < kMaxDerDepth; ++depth) {
    base::Bytes outer{0x30, static_cast<uint8_t>(nested.size())};
    base::Append(outer, nested);
    nested = outer;
  }
  EXPECT_TRUE(IsStrictDer(nested));
  base::Bytes deeper{0x30, static_cast<uint8_t>(nested.size())};
  base::Append(deeper, nested);
  EXPECT_FALSE(IsStrictDer(deeper));
}

TEST(Der, ReadSingleRefusesTrailingOctets) {
  EXPECT_TRUE(ReadSingle(Hex("020101"), der_tag::kInteger).has_value());
  EXPECT_FALSE(ReadSingle(Hex("02010100"), der_tag::kInteger).has_value());
  EXPECT_FALSE(ReadSingle(Hex("020101"), der_tag::kOid).has_value());
}

TEST(Der, ReadsTimesAsRfc5280Demands) {
  const struct {
    uint8_t tag;
    std::string_view text;
    const char* want;  // Empty: refused.
  } kCases[] = {
      {0x17, "260401000000Z", "2026-04-01T00:00:00+00:00"},
      {0x17, "491231235959Z", "2049-12-31T23:59:59+00:00"},
      {0x17, "500101000000Z", "1950-01-01T00:00:00+00:00"},
      {0x18, "20500101000000Z", "2050-01-01T00:00:00+00:00"},
      {0x18, "20260401000000Z", "2026-04-01T00:00:00+00:00"},
      {0x18, "99991231235959Z", "9999-12-31T23:59:59+00:00"},
      {0x17, "240229000000Z", "2024-02-29T00:00:00+00:00"},
      {0x17, "230229000000Z", ""},
      {0x17, "260431000000Z", ""},
      {0x17, "261301000000Z", ""},
      {0x17, "260001000000Z", ""},
      {0x17, "260400000000Z", ""},
      {0x17, "260401240000Z", ""},
      {0x17, "260401006000Z", ""},
      {0x17, "260401000060Z", ""},
      {0x17, "2604010000Z", ""},
      {0x17, "260401000000+0000", ""},
      {0x17, "260401000000", ""},
      {0x18, "20260401000000.5Z", ""},
      {0x18, "2026040100Z", ""},
      {0x17, "2604010000 0Z", ""},
      {0x04, "260401000000Z", ""},
  };
  for (const auto& c : kCases) {
    const auto time = ParseTime({c.tag, base::AsBytes(c.text), {}});
    ASSERT_EQ(time.has_value(), *c.want != '\0') << c.text;
    if (!time) continue;
    EXPECT_EQ(absl::FormatTime(absl::RFC3339_sec, *time, absl::UTCTimeZone()), c.want);
  }
}

TEST(Der, WritesOidsAsText) {
  EXPECT_EQ(OidText(Hex("2a864886f70d01010b")), "1.2.840.113549.1.1.11");
  EXPECT_EQ(OidText(Hex("883701")), "2.999.1");
  EXPECT_EQ(OidText(Hex("00")), "0.0");
  EXPECT_EQ(OidText(Hex("27")), "0.39");
  EXPECT_EQ(OidText(Hex("28")), "1.0");
  EXPECT_EQ(OidText(Hex("4f")), "1.39");
  EXPECT_EQ(OidText(Hex("50")), "2.0");
  EXPECT_EQ(OidText(Hex("8100")), "2.48");
  EXPECT_EQ(OidText(Hex("550100")), "2.5.1.0");
  // 2^77 - 1, alone and as an arc of its own.
  EXPECT_EQ(OidText(Hex("ffffffffffffffffffff7f")), "2.151115727451828646838191");
  EXPECT_EQ(OidText(Hex("69ffffffffffffffffffff7f")), "2.25.151115727451828646838271");
  EXPECT_EQ(OidText(Hex("8001")), std::nullopt);
  EXPECT_EQ(OidText(Hex("2a81")), std::nullopt);
  EXPECT_TRUE(OidText(base::Bytes(kMaxOidSize, 0x2a)).has_value());
  EXPECT_EQ(OidText(base::Bytes(kMaxOidSize + 1, 0x2a)), std::nullopt);
}

TEST(Der, OnlySerialsBetweenZeroAndTwoToThe32AreSmall) {
  EXPECT_EQ(SmallSerial(Hex("01")), 1u);
  EXPECT_EQ(SmallSerial(Hex("10000000")), 0x10000000u);
  EXPECT_EQ(SmallSerial(Hex("7fffffff")), 0x7fffffffu);
  EXPECT_EQ(SmallSerial(Hex("0080000000")), 0x80000000u);
  EXPECT_EQ(SmallSerial(Hex("00ffffffff")), 0xffffffffu);
  for (const char* other :
       {"", "00", "ff", "80000000", "ffffffff", "0001", "000fffffff", "0100000000", "0000000001",
        "0080000000000000000000000000000000000000"}) {
    EXPECT_EQ(SmallSerial(Hex(other)), std::nullopt) << other;
  }
}

TEST(Der, CountsDaysAsTheCalendarDoes) {
  // Against Abseil's calendar: every day of a few years around each rule for leap years.
  for (const int year : {0, 1, 1600, 1899, 1900, 1969, 1970, 1999, 2000, 2023, 2024, 2100, 9999}) {
    for (absl::CivilDay day(year, 1, 1); day.year() == year; ++day) {
      const std::string text = absl::StrFormat("%04d%02d%02d235958Z", year, day.month(), day.day());
      const auto time = ParseTime({der_tag::kGeneralizedTime, base::AsBytes(text), {}});
      ASSERT_TRUE(time.has_value()) << text;
      EXPECT_EQ(*time, absl::FromCivil(absl::CivilSecond(day) + 86398, absl::UTCTimeZone()))
          << text;
    }
  }
}

TEST(Der, ReadsUnsignedIntegers) {
  EXPECT_EQ(ToUint64(Hex("00")), 0u);
  EXPECT_EQ(ToUint64(Hex("00ffffffffffffffff")), ~uint64_t{0});
  EXPECT_EQ(ToUint64(Hex("01ffffffffffffffff")), std::nullopt);
  EXPECT_EQ(ToUint64(Hex("ff")), std::nullopt) << "negative";
  EXPECT_EQ(ToUint64({}), std::nullopt);
}

}  // namespace
}  // namespace musubi::pki
