// What every SessionStore must do: one suite, run on each implementation by
// INSTANTIATE_TYPED_TEST_SUITE_P with a fixture that has store() and Advance(duration).
#ifndef MUSUBI_LIB_SESSION_SESSION_STORE_CONTRACT_H_
#define MUSUBI_LIB_SESSION_SESSION_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "lib/session/lifetimes.h"
#include "lib/session/session_store.h"

namespace musubi::session {

// A record of version 0 that was made now, by the store's time.
inline SessionRecord NewRecordIn(SessionStore& store, uint8_t id) {
  SessionRecord record;
  record.id[0] = id;
  record.created_at = *store.Now();
  record.expires_at = record.created_at + absl::Minutes(30);
  return record;
}

template <typename Fixture>
class SessionStoreContract : public ::testing::Test {
 protected:
  SessionRecord NewRecord(uint8_t id) { return NewRecordIn(store(), id); }
  SessionStore& store() { return fixture_.store(); }
  // As of what is stored now.
  absl::StatusOr<bool> CompareAndSet(const SessionRecord& next) {
    const auto stored = store().Get(next.id);
    return store().CompareAndSet(next, stored.ok() ? stored->tenure : "");
  }

  Fixture fixture_;
};

TYPED_TEST_SUITE_P(SessionStoreContract);

TYPED_TEST_P(SessionStoreContract, ReturnsWhatWasInsertedWithItsOwnTime) {
  const SessionRecord record = this->NewRecord(1);
  ASSERT_TRUE(*this->store().Insert(record));
  this->fixture_.Advance(absl::Seconds(7));
  const absl::Time before = *this->store().Now();
  const auto stored = this->store().Get(record.id);
  const absl::Time after = *this->store().Now();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->record, record);
  EXPECT_FALSE(stored->failed_over);
  EXPECT_GE(before, record.created_at + absl::Seconds(7));
  EXPECT_GE(stored->now, before);
  EXPECT_LE(stored->now, after);
}

TYPED_TEST_P(SessionStoreContract, DoesNotOverwriteATakenId) {
  SessionRecord record = this->NewRecord(1);
  ASSERT_TRUE(*this->store().Insert(record));
  record.locale = "en";
  EXPECT_FALSE(*this->store().Insert(record));
  EXPECT_EQ(this->store().Get(record.id)->record.locale, "");
}

TYPED_TEST_P(SessionStoreContract, UnknownIsNotFound) {
  EXPECT_EQ(base::ReasonOf(this->store().Get(SessionId{}).status()),
            base::ErrorReason::kSessionNotFound);
  SessionRecord record = this->NewRecord(1);
  record.version = 1;
  EXPECT_EQ(base::ReasonOf(this->CompareAndSet(record).status()),
            base::ErrorReason::kSessionNotFound);
}

TYPED_TEST_P(SessionStoreContract, KeepsRecordsUntilTheGraceIsOver) {
  const SessionRecord record = this->NewRecord(1);
  ASSERT_TRUE(*this->store().Insert(record));
  this->fixture_.Advance(absl::Minutes(30) + kRecordGrace - absl::Minutes(1));
  EXPECT_TRUE(this->store().Get(record.id).ok());
  this->fixture_.Advance(absl::Minutes(1));
  EXPECT_EQ(base::ReasonOf(this->store().Get(record.id).status()),
            base::ErrorReason::kSessionNotFound);
}

TYPED_TEST_P(SessionStoreContract, WritesOnlyTheNextVersion) {
  SessionRecord record = this->NewRecord(1);
  ASSERT_TRUE(*this->store().Insert(record));
  record.version = 2;
  EXPECT_FALSE(*this->CompareAndSet(record));
  record.version = 1;
  record.locale = "ja";
  EXPECT_TRUE(*this->CompareAndSet(record));
  EXPECT_FALSE(*this->CompareAndSet(record));
  EXPECT_EQ(this->store().Get(record.id)->record.locale, "ja");
}

TYPED_TEST_P(SessionStoreContract, OneOfManyRacingWritersWinsEachVersion) {
  const SessionRecord record = this->NewRecord(1);
  ASSERT_TRUE(*this->store().Insert(record));
  constexpr int kWriters = 4, kWrites = 50;
  std::atomic<int> won = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&] {
      for (int done = 0; done < kWrites;) {
        SessionStore::Stored read = *this->store().Get(record.id);
        SessionRecord& next = read.record;
        ++next.version;
        ++next.wrong_codes;
        if (*this->store().CompareAndSet(next, read.tenure)) {
          ++done;
          ++won;
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const SessionRecord last = this->store().Get(record.id)->record;
  EXPECT_EQ(won, kWriters * kWrites);
  EXPECT_EQ(last.wrong_codes, kWriters * kWrites);
  EXPECT_EQ(last.version, static_cast<uint64_t>(kWriters * kWrites));
}

TYPED_TEST_P(SessionStoreContract, TellsSubscribersOfTheirSessionOnly) {
  SessionRecord one = this->NewRecord(1);
  SessionRecord two = this->NewRecord(2);
  ASSERT_TRUE(*this->store().Insert(one));
  ASSERT_TRUE(*this->store().Insert(two));
  std::atomic<int> heard = 0;
  auto subscription = this->store().Subscribe(one.id, [&] { ++heard; });
  one.version = two.version = 1;
  ASSERT_TRUE(*this->CompareAndSet(two));
  ASSERT_TRUE(*this->CompareAndSet(one));
  this->fixture_.WaitUntil([&] { return heard == 1; });
  EXPECT_EQ(heard, 1);
  subscription.reset();
  one.version = 2;
  ASSERT_TRUE(*this->CompareAndSet(one));
  EXPECT_EQ(heard, 1);
}

REGISTER_TYPED_TEST_SUITE_P(SessionStoreContract, ReturnsWhatWasInsertedWithItsOwnTime,
                            DoesNotOverwriteATakenId, UnknownIsNotFound,
                            KeepsRecordsUntilTheGraceIsOver, WritesOnlyTheNextVersion,
                            OneOfManyRacingWritersWinsEachVersion,
                            TellsSubscribersOfTheirSessionOnly);

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_SESSION_STORE_CONTRACT_H_
