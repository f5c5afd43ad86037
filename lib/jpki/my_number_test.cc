#include "lib/jpki/my_number.h"

#include <gtest/gtest.h>

#include "lib/base/encoding.h"

namespace musubi::jpki {
namespace {

// 123456789018 carries a right check digit and belongs to nobody: it is the specimen of textbooks.
TEST(MyNumber, IsFoundByTagAtAnyDepth) {
  struct Case {
    std::string hex;
    bool want;
  };
  for (const Case& c : {
           Case{"ff100131", true},             // FF10
           Case{"df3103aabbcc", true},         // DF31
           Case{"ff3006df3103aabbcc", true},   // FF30 { DF31 }
           Case{"0000ff100131", true},         // After padding.
           Case{"ff2006df2203e5b1b1", false},  // FF20 { DF22 name }
           Case{"df2204ff1001aa", false},      // FF10 inside a primitive value is its content.
           Case{"ff10", false},                // Cut: no object.
           Case{"", false},
       }) {
    EXPECT_EQ(HoldsMyNumber(*base::HexDecode(c.hex)), c.want) << c.hex;
  }
}

TEST(MyNumber, IsFoundAsDigitsWithARightCheckDigit) {
  for (std::string_view text :
       {"123456789018", "1234 5678 9018", "1234-5678-9018", "No. 123456789018.",
        "１２３４５６７８９０１８", "99123456789018"}) {
    EXPECT_TRUE(HoldsMyNumber(base::AsBytes(text))) << text;
  }
  for (std::string_view text : {"123456789012", "12345678901", "試験 一号", "1234x56789018"}) {
    EXPECT_FALSE(HoldsMyNumber(base::AsBytes(text))) << text;
  }
}

}  // namespace
}  // namespace musubi::jpki
