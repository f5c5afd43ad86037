#include "lib/session/record_codec.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/session/random_record.h"

namespace musubi::session {
namespace {

constexpr int kRecords = 200;

TEST(RecordCodec, EveryFieldSurvives) {
  RandomRecord random(1);
  for (int i = 0; i < kRecords; ++i) {
    const SessionRecord record = random.Next(i % 2 == 0);
    const auto octets = EncodeRecord(record);
    ASSERT_TRUE(octets.ok()) << octets.status();
    const auto decoded = DecodeRecord(*octets);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, record);
  }
  const auto empty = EncodeRecord(SessionRecord{});
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(*DecodeRecord(*empty), SessionRecord{});
}

TEST(RecordCodec, InfiniteTimesSurvive) {
  SessionRecord record;
  record.created_at = absl::InfinitePast();
  record.expires_at = absl::InfiniteFuture();
  EXPECT_EQ(*DecodeRecord(*EncodeRecord(record)), record);
}

TEST(RecordCodec, RefusesWhatIsCutShortOrGoesOn) {
  base::Bytes octets = *EncodeRecord(RandomRecord(2).Next(true));
  for (size_t size = 0; size < octets.size(); ++size) {
    EXPECT_FALSE(DecodeRecord(base::ByteView(octets).first(size)).ok()) << size;
  }
  octets.push_back(0);
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(octets).status()));
}

TEST(RecordCodec, RefusesEveryOtherEncoding) {
  base::Bytes octets = *EncodeRecord(RandomRecord(3).Next(true));
  for (int encoding = 0; encoding < 256; ++encoding) {
    octets[0] = static_cast<uint8_t>(encoding);
    EXPECT_EQ(DecodeRecord(octets).ok(), encoding == kRecordEncoding) << encoding;
  }
}

// Also what the fuzzer tries: a record has one encoding.
TEST(RecordCodec, RefusesWhatItWouldNotHaveWritten) {
  RandomRecord random(4);
  int refused = 0;
  for (int i = 0; i < 10 * kRecords; ++i) {
    base::Bytes octets = *EncodeRecord(random.Next(i % 2 == 0));
    octets[random.Below(static_cast<uint32_t>(octets.size()))] ^=
        static_cast<uint8_t>(1 + random.Below(255));
    const auto decoded = DecodeRecord(octets);
    if (decoded.ok()) {
      EXPECT_EQ(*EncodeRecord(*decoded), octets);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(RecordCodec, RefusesMoreAnswersThanARecordKeeps) {
  SessionRecord record;
  record.answers.resize(kMaxStoredAnswers);
  EXPECT_TRUE(DecodeRecord(*EncodeRecord(record)).ok());
  record.answers.emplace_back();
  EXPECT_FALSE(DecodeRecord(*EncodeRecord(record)).ok());
}

TEST(RecordCodec, RefusesARecordThatIsTooLarge) {
  SessionRecord record;
  const size_t empty = EncodeRecord(record)->size();
  record.sealed_card.resize(kMaxEncodedRecord - empty);
  ASSERT_TRUE(EncodeRecord(record).ok());
  EXPECT_TRUE(DecodeRecord(*EncodeRecord(record)).ok());
  record.sealed_card.push_back(0);
  EXPECT_EQ(base::ReasonOf(EncodeRecord(record).status()), base::ErrorReason::kInternal);
  EXPECT_FALSE(DecodeRecord(base::Bytes(kMaxEncodedRecord + 1, kRecordEncoding)).ok());
}

}  // namespace
}  // namespace musubi::session
