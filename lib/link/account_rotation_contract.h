// What moving accounts to another key must do on every LinkStore's database, as tests. Included
// beside link_store_contract.h, with
// INSTANTIATE_TEST_SUITE_P(Name, AccountRotationContract, testing::Values(&MakeItsWorld)).
#ifndef MUSUBI_LIB_LINK_ACCOUNT_ROTATION_CONTRACT_H_
#define MUSUBI_LIB_LINK_ACCOUNT_ROTATION_CONTRACT_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/crypto/key_rotation.h"
#include "lib/link/link_store_contract.h"
#include "tests/fakes/dying_random.h"

namespace musubi::link {

class AccountRotationContract : public LinkStoreContract {
 protected:
  static crypto::Keyring Join(const crypto::Keyring& first, const crypto::Keyring& second) {
    return *crypto::Keyring::Parse(first.Serialize().Reveal() + second.Serialize().Reveal());
  }
  std::unique_ptr<LinkStore> OpenWith(const crypto::Keyring& accounts) {
    return std::move(world_->Open(clock_, random_, keyring_, accounts)).value();
  }
  std::unique_ptr<crypto::KeyedRows> Rows(const crypto::Keyring& accounts,
                                          base::SecureRandom& random) {
    return std::move(world_->OpenAccountRows(accounts, random)).value();
  }
  std::unique_ptr<crypto::KeyedRows> Rows(const crypto::Keyring& accounts) {
    return Rows(accounts, random_);
  }
  static absl::Status GoOn(int64_t) { return absl::OkStatus(); }

  // One link of each account; every third is ended.
  void MakeLinks(int count) {
    for (int i = 0; i < count; ++i) {
      const auto link = Create(OfNewPerson("account-" + std::to_string(i)));
      ASSERT_TRUE(link.ok()) << link.status();
      if (i % 3 == 0) {
        ASSERT_TRUE(store_->EndLink(Request(), EndOf(*link)).ok());
      }
    }
  }
  void ExpectLinks(LinkStore& store, int count) {
    for (int i = 0; i < count; ++i) {
      const LinkFilter filter{
          .account = Account{"https://idp.example", "account-" + std::to_string(i)},
          .include_ended = true};
      const auto links = store.ListLinks(filter, {});
      ASSERT_TRUE(links.ok()) << links.status();
      ASSERT_EQ(links->items.size(), 1u) << i;
      EXPECT_EQ(links->items[0].account, *filter.account);
      EXPECT_EQ(links->items[0].active(), i % 3 != 0);
    }
  }

  // More than two batches.
  static constexpr int kLinks = 2 * crypto::kRotationBatch + 10;
  const crypto::Keyring newer_ = crypto::Keyring::Generate("n2", random_);
  const crypto::Keyring old_first_ = Join(account_keyring_, newer_);
  const crypto::Keyring new_first_ = Join(newer_, account_keyring_);
};

TEST_P(AccountRotationContract, MovesEveryLinkAndThenTheOldKeyMayGo) {
  MakeLinks(kLinks);
  // Nobody uses the new key yet: those who lack it would see no link any more.
  const auto rows = Rows(new_first_);
  EXPECT_EQ(rows->MoveBatch().status().code(), absl::StatusCode::kFailedPrecondition);
  const auto store = OpenWith(new_first_);
  EXPECT_EQ(*rows->Count(), (crypto::KeyCounts{{"n1", kLinks}}));
  const absl::Status needed = rows->Retire("n1");
  EXPECT_EQ(needed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(needed.message().find("needed by " + std::to_string(kLinks)), std::string::npos)
      << needed;
  std::vector<int64_t> progress;
  EXPECT_EQ(*crypto::MoveAll(*rows,
                             [&](int64_t moved) {
                               progress.push_back(moved);
                               return absl::OkStatus();
                             }),
            kLinks);
  EXPECT_GE(progress.size(), 3u);
  EXPECT_EQ(progress.front(), crypto::kRotationBatch);
  EXPECT_EQ(*rows->Count(), (crypto::KeyCounts{{"n2", kLinks}}));
  EXPECT_EQ(*crypto::MoveAll(*rows, GoOn), 0);
  ExpectLinks(*store, kLinks);
  EXPECT_TRUE(rows->Retire("n1").ok());
  EXPECT_TRUE(rows->Retire("n1").ok());
  ExpectLinks(*OpenWith(newer_), kLinks);
  // Who would still write under it refuses, and does not start again.
  EXPECT_EQ(ReasonOf(Create(OfNewPerson("late"))), ErrorReason::kUnavailable);
  EXPECT_FALSE(world_->Open(clock_, random_, keyring_, account_keyring_).ok());
}

TEST_P(AccountRotationContract, GoesOnAfterItWasStoppedOrKilled) {
  MakeLinks(kLinks);
  OpenWith(new_first_);
  const auto stopped = crypto::MoveAll(
      *Rows(new_first_), [](int64_t) { return absl::CancelledError("between two batches"); });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  constexpr int64_t kLeft = kLinks - crypto::kRotationBatch;
  EXPECT_EQ(*Rows(new_first_)->Count(),
            (crypto::KeyCounts{{"n1", kLeft}, {"n2", crypto::kRotationBatch}}));
  // Two values a link, so that this is in the middle of a batch.
  EXPECT_EXIT(
      {
        fakes::DyingRandom random(crypto::kRotationBatch);
        static_cast<void>(crypto::MoveAll(*Rows(new_first_, random), GoOn));
      },
      testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(*Rows(new_first_)->Count(),
            (crypto::KeyCounts{{"n1", kLeft}, {"n2", crypto::kRotationBatch}}));
  ExpectLinks(*OpenWith(new_first_), kLinks);
  EXPECT_EQ(*crypto::MoveAll(*Rows(new_first_), GoOn), kLeft);
  ExpectLinks(*OpenWith(new_first_), kLinks);
}

TEST_P(AccountRotationContract, NoAccountLosesOrDoublesALinkWhileServersWrite) {
  // One server makes values with the new key already, the other one with the old key still.
  const auto old_first = OpenWith(old_first_);
  const auto new_first = OpenWith(new_first_);
  constexpr int kThreads = 4, kRounds = 12;
  std::atomic<int> running = kThreads;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Account account{"https://idp.example", "thread-" + std::to_string(t)};
      for (int round = 0; round < kRounds; ++round) {
        LinkStore& one = round % 2 == 0 ? *old_first : *new_first;
        LinkStore& two = round % 2 == 0 ? *new_first : *old_first;
        const auto request = [&] {
          return RequestKey{.id = random_.Bytes<16>(), .body_hash = random_.Bytes<32>()};
        };
        NewLink link = OfNewPerson(account.subject);
        const auto made = one.CreateLink(request(), link, AccountPolicy::kOneLinkPerAccount);
        EXPECT_TRUE(made.ok()) << made.status();
        if (!made.ok()) break;
        // The same account and another card; the same card and another account.
        EXPECT_EQ(ReasonOf(two.CreateLink(request(), OfNewPerson(account.subject),
                                          AccountPolicy::kOneLinkPerAccount)),
                  ErrorReason::kAccountAlreadyLinked);
        link.account.subject = "other-" + std::to_string(t);
        link.session_id = Session();
        link.subject = random_.Bytes<32>();  // As after a change of the subject key.
        EXPECT_EQ(ReasonOf(two.CreateLink(request(), link, AccountPolicy::kOneLinkPerAccount)),
                  ErrorReason::kCardAlreadyLinked);
        const auto replaced = two.ReplaceLink(request(), OfNewPerson(account.subject));
        EXPECT_TRUE(replaced.ok()) << replaced.status();
        const auto listed = one.ListLinks({.account = account}, {});
        EXPECT_TRUE(listed.ok() && listed->items.size() == 1) << listed.status();
        if (replaced.ok() && round + 1 < kRounds) {
          const auto ended = one.EndLink(request(), EndOf(*replaced));
          EXPECT_TRUE(ended.ok()) << ended.status();
        }
      }
      --running;
    });
  }
  const auto rows = Rows(new_first_);
  int64_t moved = 0;
  while (running > 0) {
    const auto batch = rows->MoveBatch();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (batch.ok()) moved += batch->moved;
  }
  for (std::thread& thread : threads) thread.join();
  moved += *crypto::MoveAll(*rows, GoOn);
  EXPECT_GT(moved, 0);
  EXPECT_EQ(*rows->Count(), (crypto::KeyCounts{{"n2", 2 * kThreads * kRounds}}));
  EXPECT_TRUE(rows->Retire("n1").ok());
  const auto after = OpenWith(newer_);
  for (int t = 0; t < kThreads; ++t) {
    const Account account{"https://idp.example", "thread-" + std::to_string(t)};
    EXPECT_EQ(after->ListLinks({.account = account}, {})->items.size(), 1u);
  }
  EXPECT_TRUE(after->VerifyChain(std::nullopt)->ok);
}

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_ACCOUNT_ROTATION_CONTRACT_H_
