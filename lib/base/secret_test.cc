#include "lib/base/secret.h"

#include <gtest/gtest.h>

#include <ostream>

namespace musubi::base {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!Printable<Secret<std::string>>, "a secret must not be printable");

TEST(Secret, ComparesByContent) {
  EXPECT_TRUE(Secret<std::string>("a") == Secret<std::string>("a"));
  EXPECT_FALSE(Secret<std::string>("a") == Secret<std::string>("b"));
}

TEST(Secret, MayBeEmpty) {
  Secret<Bytes> empty;
  empty = Secret<Bytes>(Bytes());
  EXPECT_TRUE(Secret<Bytes>(std::move(empty)).empty());
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
  Secret256 from({1, 2, 3});
  const Secret256 to = std::move(from);
  EXPECT_EQ(to.Reveal()[2], 3);
  EXPECT_EQ(from.Reveal()[2], 0);  // NOLINT(bugprone-use-after-move): that is the claim.
}

}  // namespace
}  // namespace musubi::base
