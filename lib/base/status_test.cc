#include "lib/base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace musubi::base {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(bool good) {
  if (!good) return absl::NotFoundError("no int");
  return std::make_unique<int>(7);
}

absl::StatusOr<int> Use(bool good) {
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<int> value, Make(good));
  return *value;
}

TEST(StatusMacros, AssignMovesTheValueOrReturnsTheStatus) {
  EXPECT_EQ(*Use(true), 7);
  EXPECT_EQ(Use(false).status(), absl::NotFoundError("no int"));
}

TEST(Annotate, KeepsCodeAndLeavesOkAlone) {
  EXPECT_EQ(Annotate(absl::NotFoundError("x"), "reading y"), absl::NotFoundError("reading y: x"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "reading y").ok());
}

}  // namespace
}  // namespace musubi::base
