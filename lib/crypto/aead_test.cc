#include "lib/crypto/aead.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_random.h"

namespace musubi::crypto {
namespace {

using base::AsBytes;

TEST(Aead, OpensWhatItSealed) {
  fakes::FakeRandom random;
  const Keyring keyring = Keyring::Generate("k1", random);
  for (std::string_view text : {"", "x", "試験 一号"}) {
    const auto opened =
        Open(keyring, Seal(keyring, AsBytes(text), AsBytes("row 1"), random), AsBytes("row 1"));
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(base::AsText(opened->RevealBytes()), text);
  }
}

TEST(Aead, RefusesEveryChangedOctetAndOtherAssociatedData) {
  fakes::FakeRandom random;
  const Keyring keyring = Keyring::Generate("k1", random);
  const base::Bytes sealed = Seal(keyring, AsBytes("text"), AsBytes("row 1"), random);
  EXPECT_EQ(Open(keyring, sealed, AsBytes("row 2")).status().code(), absl::StatusCode::kDataLoss);
  for (size_t i = 0; i < sealed.size(); ++i) {
    base::Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_EQ(Open(keyring, changed, AsBytes("row 1")).status().code(), absl::StatusCode::kDataLoss)
        << "octet " << i;
    EXPECT_EQ(Open(keyring, base::ByteView(sealed).first(i), AsBytes("row 1")).status().code(),
              absl::StatusCode::kDataLoss)
        << "cut at " << i;
  }
}

TEST(Aead, OldKeyStillOpensAfterANewOneIsActive) {
  fakes::FakeRandom random;
  const Keyring old_ring = Keyring::Generate("k1", random);
  const base::Bytes sealed = Seal(old_ring, AsBytes("text"), {}, random);
  const Keyring new_ring = Keyring::Generate("k2", random);
  EXPECT_EQ(Open(new_ring, sealed, {}).status().code(), absl::StatusCode::kDataLoss);
  const auto both = Keyring::Parse(new_ring.Serialize().Reveal() + old_ring.Serialize().Reveal());
  ASSERT_TRUE(both.ok());
  EXPECT_TRUE(Open(*both, sealed, {}).ok());
}

TEST(Aead, RepeatsNothingOfAValueThatWasNeverSealed) {
  fakes::FakeRandom random;
  const Keyring keyring = Keyring::Generate("k1", random);
  // A length octet, then what would be the id.
  for (const std::string id : {"SHIKEN ICHIGO", "shiken-ichigo-no-1", "\xe8\xa9\xa6", ""}) {
    base::Bytes plain = {static_cast<uint8_t>(id.size())};
    base::Append(plain, AsBytes(id + std::string(64, 'x')));
    const absl::Status status = Open(keyring, plain, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(status.message(), "sealed value: wrong key, wrong associated data, or changed");
  }
}

TEST(Aead, SealingTwiceGivesDifferentOctets) {
  fakes::FakeRandom random;
  const base::Secret256 key(random.Bytes<32>());
  EXPECT_NE(SealWithKey(key, AsBytes("a"), {}, random), SealWithKey(key, AsBytes("a"), {}, random));
}

}  // namespace
}  // namespace musubi::crypto
