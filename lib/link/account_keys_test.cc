#include "lib/link/account_keys.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_random.h"

namespace musubi::link {
namespace {

const Account kAccount{"https://idp.mihon.example", "shiken-001"};

class AccountKeysTest : public testing::Test {
 protected:
  fakes::FakeRandom random_;
  const crypto::Keyring old_keyring_ = crypto::Keyring::Generate("n1", random_);
  const crypto::Keyring new_keyring_ =
      *crypto::Keyring::Parse(crypto::Keyring::Generate("n2", random_).Serialize().Reveal() +
                              old_keyring_.Serialize().Reveal());
};

TEST_F(AccountKeysTest, OpensWhatItSealed) {
  const AccountKeys keys(old_keyring_);
  const SealedAccount sealed = keys.Seal(kAccount, {1}, random_);
  EXPECT_EQ(sealed.key_id, "n1");
  const auto opened = keys.Open(sealed, {1});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, kAccount);
}

TEST_F(AccountKeysTest, RefusesAnotherLinksValueASwappedOneAChangedOneAndALostKey) {
  const AccountKeys keys(old_keyring_);
  const SealedAccount sealed = keys.Seal(kAccount, {1}, random_);
  SealedAccount swapped = sealed;
  std::swap(swapped.issuer, swapped.subject);
  SealedAccount changed = sealed;
  changed.subject.back() ^= 1;
  SealedAccount cut = sealed;
  cut.issuer.clear();
  SealedAccount found_by_another = sealed;
  found_by_another.hash = keys.Hash({kAccount.issuer, "shiken-002"});
  SealedAccount of_lost_key = sealed;
  of_lost_key.key_id = "n0";
  const struct {
    const char* what;
    SealedAccount sealed;
    LinkId link;
  } kCases[] = {{"another link", sealed, {2}},
                {"swapped columns", swapped, {1}},
                {"changed", changed, {1}},
                {"cut", cut, {1}},
                {"another account's hash", found_by_another, {1}},
                {"lost key", of_lost_key, {1}}};
  for (const auto& c : kCases) {
    const absl::Status status = keys.Open(c.sealed, c.link).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.what;
    EXPECT_EQ(status.message().find(kAccount.subject), std::string::npos) << status;
    EXPECT_EQ(status.message().find(kAccount.issuer), std::string::npos) << status;
  }
}

TEST_F(AccountKeysTest, FindsWithEveryKeyAndMakesWithTheFirst) {
  const AccountKeys old_keys(old_keyring_);
  const AccountKeys new_keys(new_keyring_);
  EXPECT_EQ(new_keys.active_id(), "n2");
  EXPECT_NE(new_keys.Hash(kAccount), old_keys.Hash(kAccount));
  const std::vector<base::Hash256> hashes = new_keys.Hashes(kAccount);
  EXPECT_EQ(hashes.size(), 2u);
  for (const base::Hash256& hash : {new_keys.Hash(kAccount), old_keys.Hash(kAccount)}) {
    EXPECT_NE(std::find(hashes.begin(), hashes.end(), hash), hashes.end());
  }
  EXPECT_TRUE(new_keys.Has("n1"));
  EXPECT_FALSE(old_keys.Has("n2"));
  EXPECT_EQ(*new_keys.Open(old_keys.Seal(kAccount, {1}, random_), {1}), kAccount);
}

TEST_F(AccountKeysTest, TellsAccountsApartWhoseTextsJoinToTheSame) {
  const AccountKeys keys(old_keyring_);
  EXPECT_NE(keys.Hash({"ab", "c"}), keys.Hash({"a", "bc"}));
}

}  // namespace
}  // namespace musubi::link
