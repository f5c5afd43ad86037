// What moving cards and their values to other keys must do on every PersonStore's database, as
// tests. Included beside person_store_contract.h, with
// INSTANTIATE_TEST_SUITE_P(Name, PersonRotationContract, testing::Values(&MakeItsWorld)).
#ifndef MUSUBI_LIB_PERSON_PERSON_ROTATION_CONTRACT_H_
#define MUSUBI_LIB_PERSON_PERSON_ROTATION_CONTRACT_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/crypto/key_rotation.h"
#include "lib/person/person_store_contract.h"
#include "tests/fakes/dying_random.h"

namespace musubi::person {

class PersonRotationContract : public PersonStoreContract {
 protected:
  std::unique_ptr<PersonStore> OpenWith(const crypto::Keyring& index, const crypto::Keyring& data) {
    return std::move(Open(index, data)).value();
  }
  std::unique_ptr<crypto::KeyedRows> IndexRows(const crypto::Keyring& index,
                                               const crypto::Keyring& data) {
    return std::move(world_->OpenIndexRows(index, data)).value();
  }
  std::unique_ptr<crypto::KeyedRows> DataRows(const crypto::Keyring& data,
                                              base::SecureRandom& random) {
    return std::move(world_->OpenDataRows(data, random)).value();
  }
  static absl::Status GoOn(int64_t) { return absl::OkStatus(); }

  static CardRecord NumberedCard(int number) {
    CardRecord card = Card(
        static_cast<uint8_t>(number),
        number % 2 == 0 ? std::optional("試験 " + std::to_string(number) + "号") : std::nullopt);
    card.card.serial = {1, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
    return card;
  }
  void MakeCards() {
    const auto store = Open();
    for (int i = 0; i < kCards; ++i) {
      persons_.push_back(*store->Record(NumberedCard(i)));
      commitments_.push_back(*store->Commit(persons_.back(), {}));
    }
  }
  void ExpectCards(PersonStore& store) {
    for (int i = 0; i < kCards; ++i) {
      const PersonId& person = persons_[static_cast<size_t>(i)];
      const auto found = store.Find(NumberedCard(i).card);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(*found, person);
      ASSERT_EQ(*store.Commit(person, {}), commitments_[static_cast<size_t>(i)]);
      ASSERT_EQ(store.GetCertificate(person)->Reveal(), NumberedCard(i).certificate_der);
      const auto name = store.GetName(person);
      ASSERT_TRUE(name.ok()) << name.status();
      ASSERT_EQ(name->has_value(), i % 2 == 0);
      if (name->has_value()) {
        ASSERT_EQ((*name)->Reveal(), NumberedCard(i).name->Reveal());
      }
    }
  }

  // More than two batches.
  static constexpr int kCards = 2 * crypto::kRotationBatch + 10;
  // Commitment key, certificate and identity of each, and every second one's name.
  static constexpr int64_t kValues = 3 * kCards + kCards / 2;
  std::vector<PersonId> persons_;
  std::vector<base::Hash256> commitments_;
  const crypto::Keyring new_index_ = Keyring("i2");
  const crypto::Keyring new_data_ = Keyring("d2");
  const crypto::Keyring both_index_ = Join(new_index_, index_);
  const crypto::Keyring both_data_ = Join(new_data_, data_);
};

TEST_P(PersonRotationContract, MovesEveryCardAndValueAndThenTheOldKeysMayGo) {
  MakeCards();
  const auto index = IndexRows(both_index_, both_data_);
  const auto data = DataRows(both_data_, random_);
  // Nobody uses the new keys yet: those who lack them would find nobody, and read nothing.
  EXPECT_EQ(index->MoveBatch().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(data->MoveBatch().status().code(), absl::StatusCode::kFailedPrecondition);
  const auto store = OpenWith(both_index_, both_data_);
  EXPECT_EQ(*index->Count(), (crypto::KeyCounts{{"i1", kCards}}));
  EXPECT_EQ(*data->Count(), (crypto::KeyCounts{{"d1", kValues}}));
  for (const absl::Status& needed : {index->Retire("i1"), data->Retire("d1")}) {
    EXPECT_EQ(needed.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(needed.message().find("needed by"), std::string::npos) << needed;
  }
  EXPECT_EQ(*crypto::MoveAll(*index, GoOn), kCards);
  ExpectCards(*store);
  EXPECT_EQ(*crypto::MoveAll(*data, GoOn), kValues);
  ExpectCards(*store);
  EXPECT_EQ(*index->Count(), (crypto::KeyCounts{{"i2", kCards}}));
  EXPECT_EQ(*data->Count(), (crypto::KeyCounts{{"d2", kValues}}));
  EXPECT_EQ(*crypto::MoveAll(*index, GoOn), 0);
  EXPECT_EQ(*crypto::MoveAll(*data, GoOn), 0);
  EXPECT_TRUE(index->Retire("i1").ok());
  EXPECT_TRUE(data->Retire("d1").ok());
  const auto after = OpenWith(new_index_, new_data_);
  ExpectCards(*after);
  EXPECT_EQ(*after->Record(NumberedCard(1)), persons_[1]);
  EXPECT_FALSE(Open(index_, data_).ok());
}

TEST_P(PersonRotationContract, AServerWhoseIndexKeyWasRetiredMakesNoPerson) {
  const auto old_first = OpenWith(Join(index_, new_index_), data_);
  const auto new_first = OpenWith(both_index_, data_);
  const PersonId person = *old_first->Record(Card(1));
  const auto rows = IndexRows(both_index_, data_);
  EXPECT_EQ(*crypto::MoveAll(*rows, GoOn), 1);
  ASSERT_TRUE(rows->Retire("i1").ok());
  // It would be under a key that the others are about to lose.
  EXPECT_EQ(base::ReasonOf(old_first->Record(Card(2)).status()), base::ErrorReason::kUnavailable);
  EXPECT_EQ(*old_first->Record(Card(1)), person);
  EXPECT_EQ(*new_first->Record(Card(1)), person);
}

TEST_P(PersonRotationContract, GoesOnAfterItWasStoppedOrKilled) {
  MakeCards();
  OpenWith(both_index_, both_data_);
  const auto stop = [](int64_t) { return absl::CancelledError("between two batches"); };
  EXPECT_FALSE(crypto::MoveAll(*IndexRows(both_index_, both_data_), stop).ok());
  EXPECT_FALSE(crypto::MoveAll(*DataRows(both_data_, random_), stop).ok());
  const crypto::KeyCounts index = {{"i1", kCards - crypto::kRotationBatch},
                                   {"i2", crypto::kRotationBatch}};
  EXPECT_EQ(*IndexRows(both_index_, both_data_)->Count(), index);
  const crypto::KeyCounts data = *DataRows(both_data_, random_)->Count();
  EXPECT_GE(data.at("d2"), crypto::kRotationBatch);
  EXPECT_EXIT(
      {
        fakes::DyingRandom random(crypto::kRotationBatch / 2);
        static_cast<void>(crypto::MoveAll(*DataRows(both_data_, random), GoOn));
      },
      testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(*DataRows(both_data_, random_)->Count(), data);
  ExpectCards(*OpenWith(both_index_, both_data_));
  EXPECT_EQ(*crypto::MoveAll(*IndexRows(both_index_, both_data_), GoOn), index.at("i1"));
  EXPECT_EQ(*crypto::MoveAll(*DataRows(both_data_, random_), GoOn), data.at("d1"));
  ExpectCards(*OpenWith(both_index_, both_data_));
}

TEST_P(PersonRotationContract, ACardStaysOnePersonWhileServersWrite) {
  // One server makes values with the new keys already, the other one with the old keys still.
  const auto old_first = OpenWith(Join(index_, new_index_), Join(data_, new_data_));
  const auto new_first = OpenWith(both_index_, both_data_);
  constexpr int kThreads = 4, kRounds = 40;
  std::atomic<int> running = kThreads;
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Two threads have the same cards.
      for (int round = 0; round < kRounds; ++round) {
        const CardRecord card = NumberedCard((t / 2) * kRounds + round);
        PersonStore& one = (t + round) % 2 == 0 ? *old_first : *new_first;
        PersonStore& two = (t + round) % 2 == 0 ? *new_first : *old_first;
        const auto person = one.Record(card);
        EXPECT_TRUE(person.ok()) << person.status();
        if (!person.ok()) break;
        for (int again = 0; again < 5; ++again) {
          const auto found = two.Find(card.card);
          EXPECT_TRUE(found.ok() && *found == *person) << found.status();
        }
        EXPECT_EQ(*two.Record(card), *person);
        EXPECT_TRUE(one.Commit(*person, {}).ok());
        EXPECT_TRUE(two.GetName(*person).ok());
        if (round % 8 == 7 && t % 2 == 0) {
          // A person may go at any moment.
          const CardRecord other = NumberedCard(1000 + t * kRounds + round);
          EXPECT_TRUE(two.Erase(*one.Record(other)).ok());
        }
        ++made;
      }
      --running;
    });
  }
  const auto index = IndexRows(both_index_, both_data_);
  const auto data = DataRows(both_data_, random_);
  int64_t moved = 0;
  while (running > 0) {
    for (crypto::KeyedRows* rows : {index.get(), data.get()}) {
      const auto batch = rows->MoveBatch();
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (batch.ok()) moved += batch->moved;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, kThreads * kRounds);
  moved += *crypto::MoveAll(*index, GoOn) + *crypto::MoveAll(*data, GoOn);
  EXPECT_GT(moved, 0);
  EXPECT_EQ(*index->Count(), (crypto::KeyCounts{{"i2", kThreads / 2 * kRounds}}));
  EXPECT_FALSE(data->Count()->contains("d1"));
  EXPECT_TRUE(index->Retire("i1").ok());
  EXPECT_TRUE(data->Retire("d1").ok());
  EXPECT_TRUE(Open(new_index_, new_data_).ok());
}

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_PERSON_ROTATION_CONTRACT_H_
