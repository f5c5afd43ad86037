#include "lib/checklog/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/checklog/check_log_fixture.h"

namespace musubi::checklog {
namespace {

using VerifyTest = CheckLogFixture;

TEST_F(VerifyTest, AWholeLogHoldsOverSegments) {
  WriteThreeSegments();
  ASSERT_GE(segments_.files().size(), 3u);
  const Verified verified = Verify();
  EXPECT_TRUE(verified.report.ok) << verified.report.what;
  EXPECT_EQ(verified.report.checks, 4);
  EXPECT_EQ(verified.report.head.rows, 6) << "a start, four checks, a stop";
  EXPECT_EQ(verified.report.broken_runs, 0);
  EXPECT_FALSE(verified.report.tail_checked);
  for (size_t i = 0; i < 4; ++i) {
    const char* const callers[] = {"first", "second", "third", "fourth"};
    EXPECT_NE(verified.rows.at(i + 1).find(callers[i]), std::string::npos) << verified.rows[i + 1];
  }
}

TEST_F(VerifyTest, EveryFlippedBitOfEveryOctetIsFound) {
  WriteThreeSegments();
  const fakes::MemorySegments::Files files = segments_.files();
  for (const auto& [name, content] : files) {
    for (size_t i = 0; i < content.size(); ++i) {
      std::string changed = content;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
      fakes::MemorySegments segments(files);
      segments.Put(name, changed);
      const VerifyReport report = VerifyOf(segments).report;
      EXPECT_FALSE(report.ok) << name << ", octet " << i;
      EXPECT_EQ(report.path, "/memory/" + name) << "octet " << i;
    }
  }
}

TEST_F(VerifyTest, AnyOctetThatIsCutOffOrAddedIsFound) {
  WriteThreeSegments();
  const fakes::MemorySegments::Files files = segments_.files();
  const auto& [name, content] = *files.begin();
  for (size_t size = 0; size < content.size(); ++size) {
    fakes::MemorySegments segments(files);
    segments.Put(name, content.substr(0, size));
    EXPECT_FALSE(VerifyOf(segments).report.ok) << size;
  }
  fakes::MemorySegments segments(files);
  segments.Put(name, content + "x");
  EXPECT_EQ(VerifyOf(segments).report.fault, ChainFault::kTorn);
  segments.Put(name, content + "x\n");
  EXPECT_EQ(VerifyOf(segments).report.fault, ChainFault::kRowBroken);
}

TEST_F(VerifyTest, ARowThatIsRemovedDoubledOrMovedIsFound) {
  {
    const auto log = MustOpen();
    for (const char* caller : {"a", "b", "c"}) ASSERT_TRUE(log->Append(Row(caller)).ok());
  }
  const std::string name = SegmentName(1);
  const std::string content = segments_.files().at(name);
  std::vector<std::string> lines;
  for (size_t from = 0; from < content.size();) {
    const size_t end = content.find('\n', from) + 1;
    lines.push_back(content.substr(from, end - from));
    from = end;
  }
  ASSERT_EQ(lines.size(), 6u) << "header, start, three checks, stop";
  const auto fault_of = [&](const std::vector<size_t>& order) {
    std::string changed;
    for (const size_t line : order) changed += lines[line];
    segments_.Put(name, changed);
    return Verify().report.fault;
  };
  EXPECT_EQ(fault_of({0, 1, 2, 3, 4, 5}), ChainFault::kNone);
  EXPECT_EQ(fault_of({0, 1, 2, 4, 5}), ChainFault::kRowBroken);
  EXPECT_EQ(fault_of({0, 1, 2, 2, 3, 4, 5}), ChainFault::kRowBroken);
  EXPECT_EQ(fault_of({0, 1, 3, 2, 4, 5}), ChainFault::kRowBroken);
  EXPECT_EQ(fault_of({1, 2, 3, 4, 5}), ChainFault::kHeaderBroken);
}

TEST_F(VerifyTest, AMissingSegmentIsNamed) {
  WriteThreeSegments();
  for (const int number : {1, 2}) {
    fakes::MemorySegments::Files files = segments_.files();
    ASSERT_EQ(files.erase(SegmentName(number)), 1u);
    fakes::MemorySegments segments(files);
    const VerifyReport report = VerifyOf(segments).report;
    EXPECT_EQ(report.fault, ChainFault::kSegmentMissing);
    EXPECT_EQ(report.path, "/memory/" + SegmentName(number));
  }
  fakes::MemorySegments none;
  EXPECT_EQ(VerifyOf(none).report.fault, ChainFault::kSegmentMissing);
}

TEST_F(VerifyTest, ASegmentInThePlaceOfAnotherIsFound) {
  WriteThreeSegments();
  fakes::MemorySegments::Files files = segments_.files();
  std::swap(files.at(SegmentName(1)), files.at(SegmentName(2)));
  fakes::MemorySegments segments(files);
  EXPECT_EQ(VerifyOf(segments).report.fault, ChainFault::kHeaderBroken);
}

TEST_F(VerifyTest, ATailThatWasCutOffShowsByTheExpectedHeadAlone) {
  WriteThreeSegments();
  const VerifyReport whole = Verify().report;
  fakes::MemorySegments::Files files = segments_.files();
  files.erase(std::prev(files.end()));
  fakes::MemorySegments segments(files);
  EXPECT_TRUE(VerifyOf(segments).report.ok);
  const VerifyReport cut = VerifyOf(segments, {.expected_head = whole.head}).report;
  EXPECT_EQ(cut.fault, ChainFault::kHeadMissing) << cut.what;
  // The log may have grown since the head was kept.
  const ChainPoint earlier = VerifyOf(segments).report.head;
  const VerifyReport grown = Verify({.expected_head = earlier}).report;
  EXPECT_TRUE(grown.ok) << grown.what;
  EXPECT_TRUE(grown.tail_checked);
  ChainPoint other = earlier;
  other.mac[0] ^= 1;
  EXPECT_EQ(Verify({.expected_head = other}).report.fault, ChainFault::kHeadMismatch);
}

TEST_F(VerifyTest, OldSegmentsMayBePutAwayOnPurposeAlone) {
  WriteThreeSegments();
  fakes::MemorySegments::Files files = segments_.files();
  files.erase(SegmentName(1));
  fakes::MemorySegments segments(files);
  const VerifyReport report = VerifyOf(segments, {.first_segment = 2}).report;
  EXPECT_TRUE(report.ok) << report.what;
  EXPECT_EQ(report.head, Verify().report.head);
}

TEST_F(VerifyTest, AnotherKeyringSaysWhichKeyItLacksOrThatRowsAreForeign) {
  WriteThreeSegments();
  keyring_ = NewKeyring("k2");
  EXPECT_EQ(Verify().report.fault, ChainFault::kUnknownKey);
  fakes::FakeRandom random;
  random.Script({1, 2, 3, 4});
  keyring_ = crypto::Keyring::Generate("k1", random);
  EXPECT_EQ(Verify().report.fault, ChainFault::kHeaderBroken);
}

TEST_F(VerifyTest, AHeadIsReadAsItIsPrinted) {
  WriteThreeSegments();
  const ChainPoint head = Verify().report.head;
  EXPECT_EQ(*ChainPoint::Parse(head.ToText()), head);
  const std::string digits = base::HexEncode(head.mac);
  const std::vector<std::string> others = {"",
                                           ":",
                                           digits,
                                           "6",
                                           "6:" + digits + "0",
                                           "-6:" + digits,
                                           "x:" + digits,
                                           "6:" + digits.substr(1)};
  for (const std::string& text : others) {
    EXPECT_EQ(ChainPoint::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST_F(VerifyTest, EveryFaultHasAName) {
  for (int number = 0; number <= static_cast<int>(ChainFault::kHeadMismatch); ++number) {
    EXPECT_NE(Name(static_cast<ChainFault>(number)), "UNKNOWN") << number;
  }
}

}  // namespace
}  // namespace musubi::checklog
