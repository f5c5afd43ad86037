#include "lib/crypto/hash.h"

#include <gtest/gtest.h>

#include "lib/base/encoding.h"

namespace musubi::crypto {
namespace {

using base::AsBytes;
using base::HexEncode;

TEST(Sha256, MatchesFips180Example) {
  EXPECT_EQ(HexEncode(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, MatchesRfc4231Cases) {
  EXPECT_EQ(HexEncode(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(HmacSha256(base::Bytes(20, 0x0b), AsBytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST(HmacSha256, TakesAnEmptyKey) {
  EXPECT_EQ(HexEncode(HmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Sha256LengthPrefixed, TellsWhereOnePartEnds) {
  EXPECT_NE(Sha256LengthPrefixed({AsBytes("ab"), AsBytes("c")}),
            Sha256LengthPrefixed({AsBytes("a"), AsBytes("bc")}));
  EXPECT_NE(Sha256LengthPrefixed({AsBytes("")}), Sha256LengthPrefixed({}));
}

TEST(DeriveKey, DependsOnSecretLabelAndContext) {
  const auto key = DeriveKey(AsBytes("secret"), "qr", AsBytes("x"));
  EXPECT_TRUE(key == DeriveKey(AsBytes("secret"), "qr", AsBytes("x")));
  EXPECT_FALSE(key == DeriveKey(AsBytes("secret"), "code", AsBytes("x")));
  EXPECT_FALSE(key == DeriveKey(AsBytes("secret"), "qr", AsBytes("y")));
  EXPECT_FALSE(key == DeriveKey(AsBytes("Secret"), "qr", AsBytes("x")));
}

}  // namespace
}  // namespace musubi::crypto
