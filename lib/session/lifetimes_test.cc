#include "lib/session/lifetimes.h"

#include <gtest/gtest.h>

namespace musubi::session {
namespace {

TEST(Lifetimes, DefaultsAreValid) { EXPECT_TRUE(Lifetimes().Validate().ok()); }

TEST(Lifetimes, NameTheFlagAndItsLowerBound) {
  Lifetimes lifetimes;
  lifetimes.pairing_code = absl::Seconds(9);
  EXPECT_EQ(lifetimes.Validate(),
            absl::InvalidArgumentError("--pairing_code_lifetime=9s is below its lower bound 10s"));
  lifetimes = Lifetimes{.proofs = 0};
  EXPECT_EQ(lifetimes.Validate(),
            absl::InvalidArgumentError("--proof_tries=0 is below its lower bound 1"));
}

}  // namespace
}  // namespace musubi::session
