#include "services/musubictl/line_answers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <sstream>

namespace musubi::services::musubictl {
namespace {

class AnswerLinesTest : public testing::Test {
 protected:
  // What is written if the answer to a lot names its lines, each by number, size and fault.
  std::string Answers(const std::string& lines) {
    std::istringstream in(lines);
    std::ostringstream out;
    EXPECT_TRUE(AnswerLines(in, out, options_, [this](const std::vector<Line>& lot) {
                  ++lots_;
                  std::string answer;
                  for (const Line& line : lot) {
                    answer += std::to_string(line.number) + ":" + std::to_string(line.text.size()) +
                              (line.too_long ? "!" : "") + " ";
                  }
                  return answer;
                }).ok());
    return out.str();
  }

  LineAnswersOptions options_{.threads = 1, .max_line = 100'000, .lines_at_once = 3};
  std::atomic<int> lots_ = 0;
};

TEST_F(AnswerLinesTest, ReadsEveryLineAndCountsEmptyOnes) {
  EXPECT_EQ(Answers(""), "");
  EXPECT_EQ(Answers("a"), "1:1 ");
  EXPECT_EQ(Answers("a\n"), "1:1 ");
  EXPECT_EQ(Answers("a\n\n \t\r\nbb\r\nc"), "1:1 4:3 5:1 ");
  EXPECT_EQ(Answers(std::string("a\0b\n", 4)), "1:3 ");
}

TEST_F(AnswerLinesTest, ALineMayBeAsLongAsTheLimitAndNoLonger) {
  for (const size_t limit :
       {size_t{1}, size_t{16382}, size_t{16383}, size_t{16384}, size_t{40000}}) {
    options_.max_line = limit;
    const std::string most(limit, 'x');
    const std::string size = std::to_string(limit);
    for (const char* end : {"", "\n"}) {
      EXPECT_EQ(Answers(most + end), "1:" + size + " ");
      EXPECT_EQ(Answers(most + "x" + end), "1:0! ") << size;
    }
    EXPECT_EQ(Answers("a\n" + most + most + most + "\nb\n"), "1:1 2:0! 3:1 ") << size;
  }
}

TEST_F(AnswerLinesTest, ALotIsFullByLinesOrByOctets) {
  Answers("a\nb\nc\nd\n");
  EXPECT_EQ(lots_, 2);
  options_.octets_at_once = 2;
  lots_ = 0;
  EXPECT_EQ(Answers("aa\nb\nc\nd\n"), "1:2 2:1 3:1 4:1 ");
  EXPECT_EQ(lots_, 3);
}

TEST_F(AnswerLinesTest, AnswersOfManyThreadsComeInOrder) {
  options_.threads = 4;
  std::string lines;
  std::string wanted;
  for (int i = 1; i <= 1000; ++i) {
    lines += "x\n";
    wanted += std::to_string(i) + ":1 ";
  }
  EXPECT_EQ(Answers(lines), wanted);
}

TEST_F(AnswerLinesTest, AStreamThatFailsIsAnError) {
  std::istringstream in("a\n");
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_FALSE(AnswerLines(in, out, options_, [](const auto&) { return "x"; }).ok());
}

}  // namespace
}  // namespace musubi::services::musubictl
