// The frame itself: it must not be quieter than the suites that it runs.
#include "tests/conformance/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace musubi::conformance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const std::vector<Exception> kListed = {{"toy/b", "valid", "invalid", "no DSA"},
                                        {"other/c", "valid", "invalid", "of another suite"}};

TEST(Tally, WhatIsExpectedAndWhatIsListedIsNoProblem) {
  Tally tally("toy", kListed);
  tally.Case("a", "valid", "valid");
  tally.Case("b", "valid", "invalid");
  EXPECT_THAT(tally.Problems(), IsEmpty());
  EXPECT_EQ(tally.cases(), 2u);
  EXPECT_EQ(tally.as_expected(), 1);
  EXPECT_THAT(tally.exceptions_by_reason(), ElementsAre(Pair("no DSA", 1)));
}

TEST(Tally, AnUnlistedDifferenceIsAProblem) {
  Tally tally("toy", {});
  tally.Case("a", "valid", "invalid", "EXPIRED");
  EXPECT_THAT(tally.Problems(),
              ElementsAre(AllOf(HasSubstr("toy/a: expected valid, is"), HasSubstr("EXPIRED"))));
  EXPECT_EQ(tally.as_expected(), 0);
}

TEST(Tally, AnExceptionThatIsNoneAnyMoreIsAProblem) {
  Tally tally("toy", kListed);
  tally.Case("b", "valid", "valid");
  EXPECT_THAT(tally.Problems(), ElementsAre(HasSubstr("toy/b: is as expected")));
}

TEST(Tally, AnExceptionThatDiffersOtherwiseIsAProblem) {
  Tally other_answer("toy", kListed);
  other_answer.Case("b", "valid", "revoked");
  EXPECT_THAT(other_answer.Problems(), ElementsAre(HasSubstr("listed as invalid for valid")));
  Tally other_question("toy", kListed);
  other_question.Case("b", "good", "invalid");
  EXPECT_THAT(other_question.Problems(), ElementsAre(HasSubstr("is invalid for good")));
}

TEST(Tally, AnExceptionWithoutACaseIsAProblem) {
  Tally tally("toy", kListed);
  tally.Case("a", "valid", "valid");
  EXPECT_THAT(tally.Problems(), ElementsAre("toy/b: listed, but no such case"));
}

TEST(Tally, WhatIsSaidTwiceIsAProblem) {
  Tally cases("toy", {});
  cases.Case("a", "valid", "valid");
  cases.Case("a", "valid", "valid");
  EXPECT_THAT(cases.Problems(), ElementsAre("toy/a: came twice"));
  Tally exceptions("toy", {kListed[0], kListed[0]});
  exceptions.Case("b", "valid", "invalid");
  EXPECT_THAT(exceptions.Problems(), ElementsAre("toy/b: listed twice"));
}

TEST(Tally, AnExceptionWithoutAReasonIsAProblem) {
  Tally tally("toy", {{"toy/a", "valid", "invalid", ""}});
  tally.Case("a", "valid", "invalid");
  EXPECT_THAT(tally.Problems(), ElementsAre("toy/a: exception without reason"));
}

TEST(Tally, ASuiteWithoutCasesIsAProblem) {
  EXPECT_THAT(Tally("toy", {}).Problems(), ElementsAre("toy: no case"));
}

}  // namespace
}  // namespace musubi::conformance
