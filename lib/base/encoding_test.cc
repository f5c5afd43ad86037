#include "lib/base/encoding.h"

#include <gtest/gtest.h>

namespace musubi::base {
namespace {

struct Pair {
  std::string_view octets;
  std::string_view text;
};

TEST(Base64Url, MatchesRfc4648Section10WithoutPadding) {
  for (const Pair& pair : {Pair{"", ""}, Pair{"f", "Zg"}, Pair{"fo", "Zm8"}, Pair{"foo", "Zm9v"},
                           Pair{"foob", "Zm9vYg"}, Pair{"fooba", "Zm9vYmE"},
                           Pair{"foobar", "Zm9vYmFy"}, Pair{"\xfb\xff", "-_8"}}) {
    EXPECT_EQ(Base64UrlEncode(AsBytes(pair.octets)), pair.text);
    const auto decoded = Base64UrlDecode(pair.text);
    ASSERT_TRUE(decoded.ok()) << pair.text;
    EXPECT_EQ(ToString(*decoded), pair.octets);
  }
}

TEST(Base64Url, RefusesWhatEncodeWouldNotWrite) {
  for (std::string_view text : {"Zg==", "Zh", "Z", "Zm9+", "Zm9/", "Zm 9", "Zm9v\n", "Zm9"}) {
    EXPECT_EQ(Base64UrlDecode(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Base64, MatchesRfc4648Section10) {
  for (const Pair& pair : {Pair{"", ""}, Pair{"f", "Zg=="}, Pair{"fo", "Zm8="}, Pair{"foo", "Zm9v"},
                           Pair{"foob", "Zm9vYg=="}, Pair{"\xfb\xff", "+/8="}}) {
    EXPECT_EQ(Base64Encode(AsBytes(pair.octets)), pair.text);
    const auto decoded = Base64Decode(pair.text);
    ASSERT_TRUE(decoded.ok()) << pair.text;
    EXPECT_EQ(ToString(*decoded), pair.octets);
  }
}

TEST(Base64, RefusesWhatEncodeWouldNotWrite) {
  for (std::string_view text :
       {"Zg", "Zg=", "Zh==", "Z===", "====", "=", "Zm9v====", "-_8=", "Zm9v\n", "Zg==Zg=="}) {
    EXPECT_EQ(Base64Decode(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Hex, RoundTripsAndRefusesOtherForms) {
  const Bytes all = {0x00, 0x7f, 0x80, 0xff};
  EXPECT_EQ(HexEncode(all), "007f80ff");
  EXPECT_EQ(*HexDecode("007f80ff"), all);
  for (std::string_view text : {"0", "0g", "FF", " 00", "0x00"}) {
    EXPECT_EQ(HexDecode(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ConstantTimeEqual, ComparesLengthAndContent) {
  EXPECT_TRUE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abc")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abd")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("ab")));
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
}

}  // namespace
}  // namespace musubi::base
