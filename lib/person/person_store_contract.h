// What every PersonStore must do, as tests. A new implementation includes this file in one .cc, and
// adds one line: INSTANTIATE_TEST_SUITE_P(Name, PersonStoreContract,
// testing::Values(&MakeItsWorld)).
#ifndef MUSUBI_LIB_PERSON_PERSON_STORE_CONTRACT_H_
#define MUSUBI_LIB_PERSON_PERSON_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/crypto/key_rotation.h"
#include "lib/crypto/keyring.h"
#include "lib/person/person_store.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::person {

// PersonStoreWorld is an empty database of its own, which goes with the object. It can be opened
// several times at once, as by several processes.
class PersonStoreWorld {
 public:
  virtual ~PersonStoreWorld() = default;
  virtual absl::StatusOr<std::unique_ptr<PersonStore>> Open(const base::Clock& clock,
                                                            base::SecureRandom& random,
                                                            crypto::Keyring index_keyring,
                                                            crypto::Keyring data_keyring) = 0;
  virtual absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenIndexRows(
      crypto::Keyring index_keyring, crypto::Keyring data_keyring) = 0;
  virtual absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenDataRows(
      crypto::Keyring data_keyring, base::SecureRandom& random) = 0;
};
using MakePersonStoreWorld = std::unique_ptr<PersonStoreWorld> (*)();

inline CardRecord Card(uint8_t number, std::optional<std::string> name = std::nullopt) {
  CardRecord record{.card = {.issuer_key_hash = {1}, .serial = {number}},
                    .certificate_der = base::Bytes(64, number),
                    .name = std::nullopt};
  if (name.has_value()) record.name.emplace(*std::move(name));
  return record;
}

class PersonStoreContract : public testing::TestWithParam<MakePersonStoreWorld> {
 protected:
  crypto::Keyring Keyring(std::string id) {
    return crypto::Keyring::Generate(std::move(id), random_);
  }

  static crypto::Keyring Join(const crypto::Keyring& first, const crypto::Keyring& second) {
    return *crypto::Keyring::Parse(first.Serialize().Reveal() + second.Serialize().Reveal());
  }

  absl::StatusOr<std::unique_ptr<PersonStore>> Open(const crypto::Keyring& index,
                                                    const crypto::Keyring& data) {
    return world_->Open(clock_, random_, index, data);
  }
  std::unique_ptr<PersonStore> Open() { return std::move(Open(index_, data_)).value(); }

  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  const std::unique_ptr<PersonStoreWorld> world_ = GetParam()();
  const crypto::Keyring index_ = Keyring("i1");
  const crypto::Keyring data_ = Keyring("d1");
};

TEST_P(PersonStoreContract, ACardIsOnePersonHoweverOftenRecorded) {
  const auto store = Open();
  EXPECT_EQ(*store->Find(Card(1).card), std::nullopt);
  const auto person = store->Record(Card(1, "試験 一号"));
  ASSERT_TRUE(person.ok()) << person.status();
  EXPECT_EQ(*store->Record(Card(1)), *person);
  EXPECT_EQ(*store->Find(Card(1).card), *person);
  EXPECT_NE(*store->Record(Card(2)), *person);
  CardRecord other_ca = Card(1);
  other_ca.card.issuer_key_hash[0] = 2;
  EXPECT_NE(*store->Record(other_ca), *person);
  EXPECT_EQ(store->GetName(*person)->value().Reveal(), "試験 一号");  // No name given: it stays.
  EXPECT_EQ(store->GetCertificate(*person)->Reveal(), Card(1).certificate_der);
  ASSERT_TRUE(store->Record(Card(1, "試験 二号")).ok());
  EXPECT_EQ(store->GetName(*person)->value().Reveal(), "試験 二号");
  EXPECT_EQ(Open()->GetName(*person)->value().Reveal(), "試験 二号");
}

TEST_P(PersonStoreContract, APersonWithoutANameHasNone) {
  const auto store = Open();
  const PersonId person = *store->Record(Card(1));
  EXPECT_FALSE(store->GetName(person)->has_value());
}

TEST_P(PersonStoreContract, UnknownPersonsAreNotFound) {
  const auto store = Open();
  EXPECT_EQ(store->GetName({9}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->GetCertificate({9}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->Commit({9}, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->Erase({9}).ok());
}

TEST_P(PersonStoreContract, RefusesFieldsOutsideTheirLimits) {
  const auto store = Open();
  struct Case {
    std::string field;
    std::function<void(CardRecord&)> damage;
  };
  const std::vector<Case> cases = {
      {"serial", [](CardRecord& r) { r.card.serial.clear(); }},
      {"serial", [](CardRecord& r) { r.card.serial.resize(kMaxSerialLength + 1); }},
      {"certificate", [](CardRecord& r) { r.certificate_der.clear(); }},
      {"certificate", [](CardRecord& r) { r.certificate_der.resize(kMaxCertificateSize + 1); }},
      {"name", [](CardRecord& r) { r.name.emplace(""); }},
      {"name", [](CardRecord& r) { r.name.emplace(std::string(kMaxNameLength + 1, 'x')); }},
  };
  for (const Case& c : cases) {
    CardRecord record = Card(1);
    c.damage(record);
    const absl::Status status = store->Record(record).status();
    EXPECT_EQ(base::ReasonOf(status), base::ErrorReason::kFieldInvalid) << c.field;
    EXPECT_EQ(base::MetadataOf(status)["field"], c.field);
  }
  CardRecord largest = Card(1, std::string(kMaxNameLength, 'x'));
  largest.card.serial.resize(kMaxSerialLength);
  largest.certificate_der.resize(kMaxCertificateSize);
  EXPECT_TRUE(store->Record(largest).ok());
}

TEST_P(PersonStoreContract, OldIndexKeysStillFindAndMissingOnesAreRefused) {
  const crypto::Keyring newer = Keyring("i2");
  const PersonId person = *Open()->Record(Card(1));
  {
    const auto both = std::move(Open(Join(newer, index_), data_)).value();
    EXPECT_EQ(*both->Find(Card(1).card), person);
    EXPECT_EQ(*both->Record(Card(1)), person);
    ASSERT_TRUE(both->Record(Card(2)).ok());
  }
  const absl::Status status = Open(newer, data_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("key i1"), std::string::npos) << status;
}

TEST_P(PersonStoreContract, OldDataKeysStillOpenAndMissingOnesAreRefused) {
  const crypto::Keyring newer = Keyring("d2");
  const auto old_only = Open();
  const PersonId person = *old_only->Record(Card(1, "試験 一号"));
  const auto both = std::move(Open(index_, Join(newer, data_))).value();
  EXPECT_EQ(both->GetName(person)->value().Reveal(), "試験 一号");
  const absl::Status status = Open(index_, newer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("key d1"), std::string::npos) << status;
  // A process that was not given the new key cannot read what it seals.
  const PersonId other = *both->Record(Card(2, "試験 二号"));
  EXPECT_EQ(old_only->GetName(other).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(old_only->GetCertificate(other).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(old_only->Commit(other, {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_P(PersonStoreContract, CommitmentsDependOnThePersonAndEachFact) {
  const auto store = Open();
  const PersonId one = *store->Record(Card(1));
  const PersonId two = *store->Record(Card(2));
  const auto commit = [&](const PersonId& person, std::string_view a, std::string_view b) {
    return *store->Commit(person, {base::AsBytes(a), base::AsBytes(b)});
  };
  EXPECT_EQ(commit(one, "a", "bc"), commit(one, "a", "bc"));
  EXPECT_NE(commit(one, "a", "bc"), commit(one, "ab", "c"));
  EXPECT_NE(commit(one, "a", "bc"), commit(two, "a", "bc"));
}

TEST_P(PersonStoreContract, SweepsWhatNothingRefersToAfterItsGrace) {
  const auto store = Open();
  std::vector<PersonId> persons;
  // More than one batch, and every third is referenced.
  for (int i = 0; i < 600; ++i) {
    CardRecord record = Card(1);
    record.card.serial = {static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    persons.push_back(*store->Record(record));
  }
  std::vector<PersonId> kept;
  for (size_t i = 0; i < persons.size(); i += 3) kept.push_back(persons[i]);
  const auto referenced =
      [&](std::span<const PersonId> asked) -> absl::StatusOr<std::vector<PersonId>> {
    EXPECT_LE(asked.size(), 256u);
    return kept;
  };
  clock_.Advance(kUnreferencedGrace);
  EXPECT_EQ(*store->SweepUnreferenced(clock_.Now() - kUnreferencedGrace, referenced), 0);
  clock_.Advance(absl::Seconds(1));
  // One is recorded anew: a link is about to be made.
  CardRecord again = Card(1);
  again.card.serial = {0, 1};
  EXPECT_EQ(*store->Record(again), persons[1]);
  EXPECT_EQ(*store->SweepUnreferenced(clock_.Now() - kUnreferencedGrace, referenced), 399);
  EXPECT_TRUE(store->GetName(persons[0]).ok());
  EXPECT_TRUE(store->GetName(persons[1]).ok());
  EXPECT_EQ(store->GetName(persons[2]).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(PersonStoreContract, SweepKeepsAPersonThatIsRecordedWhileItAsks) {
  const auto store = Open();
  const PersonId person = *store->Record(Card(1));
  clock_.Advance(kUnreferencedGrace + absl::Seconds(1));
  EXPECT_EQ(*store->SweepUnreferenced(
                clock_.Now() - kUnreferencedGrace,
                [&](std::span<const PersonId>) -> absl::StatusOr<std::vector<PersonId>> {
                  EXPECT_EQ(*store->Record(Card(1)), person);
                  return std::vector<PersonId>();
                }),
            0);
  EXPECT_TRUE(store->GetName(person).ok());
}

TEST_P(PersonStoreContract, SweepStopsWhenNobodyCanSayWhatIsReferenced) {
  const auto store = Open();
  const PersonId person = *store->Record(Card(1));
  clock_.Advance(absl::Hours(2));
  const auto away = [](std::span<const PersonId>) -> absl::StatusOr<std::vector<PersonId>> {
    return base::Error(base::ErrorReason::kUnavailable, "away");
  };
  EXPECT_EQ(base::ReasonOf(store->SweepUnreferenced(clock_.Now(), away).status()),
            base::ErrorReason::kUnavailable);
  EXPECT_TRUE(store->GetName(person).ok());
}

TEST_P(PersonStoreContract, TwoStoresOnOneDatabaseAgreeOnWhoACardIs) {
  const auto first = Open();
  const auto second = Open();
  std::vector<PersonId> ids(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < ids.size(); ++i) {
    threads.emplace_back([&, i] { ids[i] = *(i % 2 == 0 ? first : second)->Record(Card(1)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const PersonId& id : ids) EXPECT_EQ(id, ids[0]);
}

TEST_P(PersonStoreContract, ACardIsOnePersonEvenWhileTheIndexKeyChanges) {
  const crypto::Keyring newer = Keyring("i2");
  // One process indexes with the new key already, the other one with the old key still.
  const auto first = std::move(Open(Join(index_, newer), data_)).value();
  const auto second = std::move(Open(Join(newer, index_), data_)).value();
  for (uint8_t card = 1; card <= 10; ++card) {
    std::vector<PersonId> ids(8);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < ids.size(); ++i) {
      threads.emplace_back([&, i] { ids[i] = *(i % 2 == 0 ? first : second)->Record(Card(card)); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const PersonId& id : ids) EXPECT_EQ(id, ids[0]);
  }
}

TEST_P(PersonStoreContract, AProcessWithoutAKeyThatOthersUseRefusesRatherThanGuesses) {
  const crypto::Keyring newer = Keyring("i2");
  const auto old_only = Open();
  const PersonId known = *old_only->Record(Card(1));
  // The step that gives every process the new key was left out.
  const auto new_first = std::move(Open(Join(newer, index_), data_)).value();
  const PersonId person = *new_first->Record(Card(2));
  EXPECT_EQ(*old_only->Find(Card(1).card), known);
  EXPECT_EQ(*old_only->Record(Card(1)), known);
  for (const absl::Status& refused :
       {old_only->Find(Card(2).card).status(), old_only->Record(Card(2)).status(),
        old_only->Record(Card(3)).status()}) {
    EXPECT_EQ(base::ReasonOf(refused), base::ErrorReason::kUnavailable) << refused;
    EXPECT_NE(refused.message().find("key i2"), std::string::npos) << refused;
  }
  EXPECT_EQ(*new_first->Find(Card(2).card), person);
  EXPECT_EQ(*new_first->Find(Card(3).card), std::nullopt);
}

TEST_P(PersonStoreContract, ACardIsOnePersonEvenWhileAProcessLacksTheNewIndexKey) {
  const crypto::Keyring newer = Keyring("i2");
  const auto old_only = Open();
  std::vector<std::thread> threads;
  std::vector<absl::StatusOr<PersonId>> by_old(20, PersonId{});
  threads.emplace_back([&] {
    for (size_t i = 0; i < by_old.size(); ++i) {
      by_old[i] = old_only->Record(Card(static_cast<uint8_t>(i + 1)));
    }
  });
  // Starts in the middle of it, with the new key in front.
  const auto new_first = std::move(Open(Join(newer, index_), data_)).value();
  std::vector<PersonId> by_new;
  for (size_t i = by_old.size(); i > 0; --i) {
    by_new.push_back(*new_first->Record(Card(static_cast<uint8_t>(i))));
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < by_old.size(); ++i) {
    if (by_old[i].ok()) {
      EXPECT_EQ(*by_old[i], by_new[by_old.size() - 1 - i]);
    } else {
      EXPECT_EQ(base::ReasonOf(by_old[i].status()), base::ErrorReason::kUnavailable);
    }
  }
}

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_PERSON_STORE_CONTRACT_H_
