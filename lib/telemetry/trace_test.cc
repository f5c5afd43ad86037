#include "lib/telemetry/trace.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_random.h"

namespace musubi::telemetry {
namespace {

constexpr char kGood[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Trace, ReadsATraceparent) {
  const auto context = ParseTraceparent(kGood);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id[0], 0x0a);
  EXPECT_EQ(context->trace_id[15], 0x9c);
  EXPECT_EQ(context->span_id[0], 0xb7);
  EXPECT_EQ(context->span_id[7], 0x31);
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(FormatTraceparent(*context), kGood);
}

TEST(Trace, PassesOnOnlyTheFlagItKnows) {
  const auto context = ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe");
  ASSERT_TRUE(context.has_value());
  EXPECT_FALSE(context->sampled);
  EXPECT_EQ(FormatTraceparent(*context), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
}

TEST(Trace, RefusesEverythingElse) {
  const char* const kBad[] = {
      "",
      "00",
      // Other versions; the forbidden one.
      "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      // Upper case.
      "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
      // All zero.
      "00-00000000000000000000000000000000-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
      // No hex.
      "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
      // Other lengths and separators; more after the flags; spaces.
      "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
      "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
      " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
  };
  for (const char* text : kBad) EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
}

TEST(Trace, OurPartHasTheCallersTraceAndASpanOfItsOwn) {
  fakes::FakeRandom random;
  const auto parent = ParseTraceparent(kGood);
  const TraceContext ours = NextSpan(parent, random);
  EXPECT_EQ(ours.trace_id, parent->trace_id);
  EXPECT_NE(ours.span_id, parent->span_id);
  EXPECT_TRUE(ours.sampled);
  const TraceContext fresh = NextSpan(std::nullopt, random);
  EXPECT_NE(fresh.trace_id, parent->trace_id);
  EXPECT_FALSE(fresh.sampled);
  EXPECT_TRUE(ParseTraceparent(FormatTraceparent(fresh)).has_value());
}

}  // namespace
}  // namespace musubi::telemetry
