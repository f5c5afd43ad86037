#include "lib/rpc/error_mapping.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "musubi/v1/common.pb.h"

namespace musubi::rpc {
namespace {

using base::ErrorReason;
using testing::HasSubstr;
using testing::Not;

struct ReasonRow {
  ErrorReason reason;
  int number;
};
constexpr ReasonRow kReasons[] = {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) {ErrorReason::k##name, number},
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
};

TEST(ErrorReasonEnum, MirrorsTheTableNameByNameAndNumberByNumber) {
  const auto& wire = *v1::ErrorReason_descriptor();
  EXPECT_EQ(wire.value_count(), 1 + static_cast<int>(std::size(kReasons)));
  for (const ReasonRow& row : kReasons) {
    const auto* value = wire.FindValueByNumber(row.number);
    ASSERT_NE(value, nullptr) << base::Name(row.reason);
    EXPECT_EQ(value->name(), "ERROR_REASON_" + std::string(base::Name(row.reason)));
  }
}

TEST(ErrorReasonEnum, CommentsAreTheTablesSentences) {
  const auto file = base::ReadFile("proto/musubi/v1/common.proto");
  ASSERT_TRUE(file.ok()) << file.status();
  // Comment lines, and then the value that they are about.
  const std::regex entry(R"(((?:  //[^\n]*\n)+)  ERROR_REASON_(\w+) = \d+;)");
  std::map<std::string, std::string> comments;
  for (std::sregex_iterator it(file->begin(), file->end(), entry), end; it != end; ++it) {
    comments[(*it)[2]] = std::regex_replace((*it)[1].str(), std::regex(R"(\s*//|\n)"), "");
  }
  for (const ReasonRow& row : kReasons) {
    EXPECT_EQ(comments[std::string(base::Name(row.reason))],
              " " + std::string(base::Sentence(row.reason)));
  }
}

TEST(ToGrpc, CarriesReasonDomainAndMetadata) {
  const grpc::Status status = ToGrpc(
      base::Error(ErrorReason::kPairingCodeWrong, "wrong code", {{"tries_left", "4"}}), "req-1");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "wrong code");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.message(), "wrong code");
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "PAIRING_CODE_WRONG");
  EXPECT_EQ(info.domain(), "musubi");
  EXPECT_EQ(info.metadata().at("tries_left"), "4");
  EXPECT_EQ(info.metadata().at("request_id"), "req-1");
}

TEST(ToGrpc, HidesWhatHasNoReasonBehindInternal) {
  for (const absl::Status& cause :
       {absl::UnavailableError("postgres at 10.0.0.7 said no"), absl::UnknownError("postgres"),
        base::Error(ErrorReason::kInternal, "postgres", {{"host", "10.0.0.7"}})}) {
    const grpc::Status status = ToGrpc(cause, "req-2");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_EQ(status.error_message(), "internal error; report the request id req-2");
    EXPECT_THAT(status.error_details(), Not(HasSubstr("postgres")));
    EXPECT_THAT(status.error_details(), Not(HasSubstr("10.0.0.7")));
    EXPECT_EQ(base::ReasonOf(FromGrpc(status)), ErrorReason::kInternal);
  }
}

TEST(ToGrpc, DoesNotTellACallerWhichFileOfAStoreIsAway) {
  const grpc::Status status =
      ToGrpc(base::Error(ErrorReason::kUnavailable, "SQLite (/srv/links.db): database is locked"),
             "req-2");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), base::Sentence(ErrorReason::kUnavailable));
  EXPECT_THAT(status.error_details(), Not(HasSubstr("links.db")));
  EXPECT_EQ(base::ReasonOf(FromGrpc(status)), ErrorReason::kUnavailable);
}

TEST(ToGrpc, TellsWhenToRetryIfOverloaded) {
  const grpc::Status status = ToGrpc(base::Error(ErrorReason::kOverloaded, "full"), "req-3");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::RetryInfo retry;
  ASSERT_EQ(details.details_size(), 2);
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), absl::ToInt64Seconds(kRetryDelay));
}

TEST(ToGrpc, TellsWhenToRetryWhatWasRefusedForItsRate) {
  const grpc::Status status =
      ToGrpc(base::RetryLater(ErrorReason::kRateLimited, "too often",
                              absl::Seconds(90) + absl::Microseconds(1'000'001)),
             "req-3");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::RetryInfo retry;
  ASSERT_EQ(details.details_size(), 2);
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 91);
  EXPECT_EQ(retry.retry_delay().nanos(), 1'000'000);
  EXPECT_EQ(base::RetryDelayOf(FromGrpc(status)), absl::Seconds(91) + absl::Milliseconds(1));
}

TEST(ToGrpc, CutsALongMessageBetweenCharacters) {
  std::string text(kMaxErrorMessage - 1, 'a');
  text += "結び";
  const grpc::Status status = ToGrpc(base::Error(ErrorReason::kFieldInvalid, text), "req-4");
  EXPECT_EQ(status.error_message(), std::string(kMaxErrorMessage - 1, 'a'));
}

TEST(FromGrpc, GivesBackEveryReason) {
  for (const ReasonRow& row : kReasons) {
    const absl::Status status = FromGrpc(ToGrpc(base::Error(row.reason, "detail"), "req-5"));
    EXPECT_EQ(base::ReasonOf(status), row.reason);
    EXPECT_EQ(status.code(), base::CodeOf(row.reason));
  }
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  const absl::Status foreign = FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "refused"));
  EXPECT_EQ(foreign.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(base::ReasonOf(foreign), std::nullopt);
}

}  // namespace
}  // namespace musubi::rpc
