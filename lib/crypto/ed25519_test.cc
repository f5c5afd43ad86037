#include "lib/crypto/ed25519.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::crypto {
namespace {

Ed25519PublicKey PublicKey(std::string_view hex) {
  Ed25519PublicKey key;
  std::ranges::copy(*base::HexDecode(hex), key.begin());
  return key;
}

TEST(Ed25519, VerifiesRfc8032Section71Test2) {
  const auto key = PublicKey("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const base::Bytes signature = *base::HexDecode(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(VerifyEd25519(key, base::Bytes{0x72}, signature));
  EXPECT_FALSE(VerifyEd25519(key, base::Bytes{0x73}, signature));
  EXPECT_FALSE(VerifyEd25519(key, base::Bytes{0x72}, base::ByteView(signature).first(63)));
  EXPECT_FALSE(VerifyEd25519(key, base::Bytes{0x72}, {}));
}

TEST(Ed25519, SignsTheSameWayAfterLoading) {
  fakes::TempDir dir;
  fakes::FakeRandom random;
  const auto key = Ed25519PrivateKey::Generate("e1", random);
  const std::string path = dir.File("evidence.key");
  ASSERT_TRUE(base::WriteFileAtomically(path, key.Serialize().Reveal(), 0600).ok());
  const auto loaded = Ed25519PrivateKey::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->id(), "e1");
  EXPECT_EQ(loaded->public_key(), key.public_key());
  const base::ByteView message = base::AsBytes("statement");
  EXPECT_EQ(loaded->Sign(message), key.Sign(message));
  EXPECT_TRUE(VerifyEd25519(key.public_key(), message, loaded->Sign(message)));
}

TEST(Ed25519, AnotherKeyDoesNotVerify) {
  fakes::FakeRandom random;
  const auto key = Ed25519PrivateKey::Generate("e1", random);
  const auto other = Ed25519PrivateKey::Generate("e1", random);
  EXPECT_FALSE(VerifyEd25519(other.public_key(), base::AsBytes("a"), key.Sign(base::AsBytes("a"))));
}

}  // namespace
}  // namespace musubi::crypto
