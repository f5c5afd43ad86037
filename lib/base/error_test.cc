#include "lib/base/error.h"

#include <gtest/gtest.h>

#include "lib/base/status.h"

namespace musubi::base {
namespace {

TEST(Error, CarriesReasonCodeAndMetadata) {
  const absl::Status status =
      Error(ErrorReason::kPairingCodeWrong, "not the code", {{"tries_left", "3"}, {"a", "b=c"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), ErrorReason::kPairingCodeWrong);
  EXPECT_EQ(MetadataOf(status), (ErrorMetadata{{"tries_left", "3"}, {"a", "b=c"}}));
}

TEST(Error, SurvivesAnnotation) {
  const absl::Status status = Annotate(Error(ErrorReason::kLinkNotFound, "gone"), "resolving");
  EXPECT_EQ(ToStd(status.message()), "resolving: gone");
  EXPECT_EQ(ReasonOf(status), ErrorReason::kLinkNotFound);
}

TEST(Error, PlainStatusHasNoReason) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), std::nullopt);
  EXPECT_TRUE(MetadataOf(absl::InternalError("x")).empty());
}

TEST(Error, NamesAreScreamingSnake) {
  EXPECT_EQ(Name(ErrorReason::kSessionNotFound), "SESSION_NOT_FOUND");
  EXPECT_EQ(Name(ErrorReason::kQrFrameStale), "QR_FRAME_STALE");
}

}  // namespace
}  // namespace musubi::base
