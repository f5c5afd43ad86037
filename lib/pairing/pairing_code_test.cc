#include "lib/pairing/pairing_code.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/fakes/fake_random.h"

namespace musubi::pairing {
namespace {

TEST(PairingCode, IsSixDigitsWithLeadingZeros) {
  fakes::FakeRandom random;
  // 967,296 is the smallest draw without bias: 967296 mod 10^6, then 1000042 mod 10^6.
  random.Script({0x80, 0xc2, 0x0e, 0x00, 0x6a, 0x42, 0x0f, 0x00});
  EXPECT_EQ(NewPairingCode(random).Reveal(), "967296");
  EXPECT_EQ(NewPairingCode(random).Reveal(), "000042");
}

TEST(PairingCode, OnlySixAsciiDigitsAreOne) {
  EXPECT_TRUE(IsPairingCode("000000"));
  for (std::string_view code : {"", "12345", "1234567", "12345a", " 12345", "12345\n", "-12345"}) {
    EXPECT_FALSE(IsPairingCode(code)) << code;
  }
}

TEST(PairingCodeMac, DependsOnKeySessionGenerationAndCode) {
  fakes::FakeRandom random;
  const auto keyring = crypto::Keyring::Generate("k1", random);
  const auto other_keyring = crypto::Keyring::Generate("k1", random);
  const base::Id128 session{1}, other_session{2};
  const std::set<base::Hash256> macs = {
      PairingCodeMac(keyring, session, 1, "123456"),
      PairingCodeMac(keyring, session, 1, "123457"),
      PairingCodeMac(keyring, session, 2, "123456"),
      PairingCodeMac(keyring, other_session, 1, "123456"),
      PairingCodeMac(other_keyring, session, 1, "123456"),
  };
  EXPECT_EQ(macs.size(), 5u);
  EXPECT_TRUE(macs.contains(PairingCodeMac(keyring, session, 1, "123456")));
}

TEST(PairingCodeMac, IsComparedUnderTheKeyThatStoredIt) {
  fakes::FakeRandom random;
  const auto older = crypto::Keyring::Generate("k1", random);
  const auto newer = crypto::Keyring::Generate("k2", random);
  const auto both =
      *crypto::Keyring::Parse(newer.Serialize().Reveal() + older.Serialize().Reveal());
  const base::Id128 session{1};
  const base::Hash256 stored = PairingCodeMac(older, session, 1, "123456");
  EXPECT_EQ(PairingCodeMacToCompare(both, session, 1, "123456", stored), stored);
  EXPECT_EQ(PairingCodeMacToCompare(older, session, 1, "123456", stored), stored);
  EXPECT_NE(PairingCodeMacToCompare(both, session, 1, "123457", stored), stored);
  EXPECT_NE(PairingCodeMacToCompare(both, session, 2, "123456", stored), stored);
  EXPECT_NE(PairingCodeMacToCompare(newer, session, 1, "123456", stored), stored);
}

}  // namespace
}  // namespace musubi::pairing
