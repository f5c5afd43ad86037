#include "bench/load/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "bench/load/call_status.h"
#include "bench/load/http2_connection.h"
#include "bench/load/question.pb.h"
#include "bench/load/questions.h"
#include "bench/load/tally.h"
#include "bench/load/wire.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "musubi/v1/validation.pb.h"

namespace musubi::bench::load {
namespace {

using v1::LoadQuestion;

using testing::ElementsAre;
using testing::IsEmpty;

musubi::v1::Verdict FullVerdict() {
  musubi::v1::Verdict verdict;
  verdict.set_status(musubi::v1::VERDICT_STATUS_INVALID);
  verdict.set_reason(musubi::v1::VERDICT_REASON_REVOKED);
  verdict.set_cert_index(0);
  verdict.mutable_checked_at()->set_seconds(1'900'000'000);
  verdict.set_possession(musubi::v1::POSSESSION_OUTCOME_PROVEN);
  verdict.mutable_revocation()->set_outcome(musubi::v1::REVOCATION_OUTCOME_REVOKED);
  verdict.mutable_revocation()->mutable_revoked_at()->set_nanos(7);
  return verdict;
}

TEST(ReadAnswer, FindsStatusAndReasonAmongAllOtherFields) {
  musubi::v1::ValidateCertificateResponse response;
  *response.mutable_verdict() = FullVerdict();
  EXPECT_EQ(ReadAnswer(response.SerializeAsString()), (VerdictWords{2, 70}));
  response.mutable_verdict()->Clear();
  EXPECT_EQ(ReadAnswer(response.SerializeAsString()), (VerdictWords{0, 0}));
  response.Clear();
  EXPECT_EQ(ReadAnswer(response.SerializeAsString()), std::nullopt);
}

TEST(ReadAnswer, MergesWhatComesTwiceAsProtobufDoes) {
  musubi::v1::ValidateCertificateResponse first, second;
  *first.mutable_verdict() = FullVerdict();
  second.mutable_verdict()->set_status(musubi::v1::VERDICT_STATUS_VALID);
  const std::string both = first.SerializeAsString() + second.SerializeAsString();
  musubi::v1::ValidateCertificateResponse merged;
  ASSERT_TRUE(merged.ParseFromString(both));
  EXPECT_EQ(ReadAnswer(both), (VerdictWords{static_cast<uint64_t>(merged.verdict().status()),
                                            static_cast<uint64_t>(merged.verdict().reason())}));
}

TEST(ReadAnswer, RefusesEveryPartThatProtobufRefuses) {
  musubi::v1::ValidateCertificateResponse response;
  *response.mutable_verdict() = FullVerdict();
  const std::string whole = response.SerializeAsString();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    if (response.ParseFromString(part)) continue;
    EXPECT_EQ(ReadAnswer(part), std::nullopt) << size;
  }
  EXPECT_EQ(ReadAnswer(std::string("\x0b", 1)), std::nullopt);      // A group.
  EXPECT_EQ(ReadAnswer(std::string("\x00\x01", 2)), std::nullopt);  // Field 0.
  EXPECT_EQ(ReadAnswer(std::string(11, '\xff')), std::nullopt);     // A varint without end.
}

TEST(ReadStreamAnswers, GivesEachAnswerWithItsIndex) {
  musubi::v1::ValidateCertificatesResponse response;
  musubi::v1::IndexedAnswer* answer = response.add_answers();
  answer->set_index(99'999);
  *answer->mutable_verdict() = FullVerdict();
  answer = response.add_answers();  // Index 0 is not on the wire.
  answer->mutable_error()->set_reason(musubi::v1::ERROR_REASON_OVERLOADED);
  answer->mutable_error()->set_detail("too much");
  std::vector<StreamAnswer> answers;
  EXPECT_TRUE(ReadStreamAnswers(response.SerializeAsString(),
                                [&](const StreamAnswer& of) { answers.push_back(of); }));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].index, 99'999u);
  EXPECT_EQ(answers[0].verdict, (VerdictWords{2, 70}));
  EXPECT_EQ(answers[1].index, 0u);
  EXPECT_EQ(answers[1].verdict, std::nullopt);
  EXPECT_EQ(answers[1].error_reason, 3u);
  EXPECT_FALSE(ReadStreamAnswers("\x0a\x05\x08", [](const StreamAnswer&) {}));
}

std::string Details(const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_domain("musubi");
  info.set_reason(reason);
  google::rpc::Status status;
  status.set_message("more than can be done in time");
  status.add_details()->PackFrom(google::rpc::RetryInfo());
  status.add_details()->PackFrom(info);
  return base::Base64Encode(base::AsBytes(status.SerializeAsString()));
}

TEST(ReadErrorReason, FindsErrorInfoAmongTheDetailsPaddedOrNot) {
  std::string details = Details("OVERLOADED");
  EXPECT_EQ(ReadErrorReason(details), "OVERLOADED");
  while (details.back() == '=') details.pop_back();
  EXPECT_EQ(ReadErrorReason(details), "OVERLOADED");
  EXPECT_EQ(ReadErrorReason(Details("OVERLOADED2")), "OVERLOADED2");
  EXPECT_EQ(ReadErrorReason(Details("OVERLOADED23")), "OVERLOADED23");
  EXPECT_EQ(ReadErrorReason("no base64!"), "");
  EXPECT_EQ(ReadErrorReason(""), "");
}

TEST(CallStatus, IsThatOfTheTrailersOrOfHowTheStreamEnded) {
  const struct {
    const char* what;
    std::vector<std::pair<std::string, std::string>> headers;
    uint32_t error_code;
    int code;
    std::string reason;
  } cases[] = {
      {"OK", {{":status", "200"}, {"grpc-status", "0"}}, NGHTTP2_NO_ERROR, kOk, ""},
      {"an error",
       {{"grpc-status", "8"}, {"grpc-status-details-bin", Details("OVERLOADED")}},
       NGHTTP2_NO_ERROR,
       8,
       "OVERLOADED"},
      {"an error without details", {{"grpc-status", "14"}}, NGHTTP2_NO_ERROR, 14, ""},
      {"no number", {{"grpc-status", "?"}}, NGHTTP2_NO_ERROR, kUnknown, ""},
      {"no trailers", {}, NGHTTP2_NO_ERROR, kUnknown, "local:no_status"},
      {"refused", {}, NGHTTP2_REFUSED_STREAM, kUnavailable, "local:refused_stream"},
      {"reset", {}, NGHTTP2_INTERNAL_ERROR, kInternal, "local:reset"},
      {"lost", {}, kStreamConnectionLost, kUnavailable, "local:connection_lost"},
      {"lost after the trailers", {{"grpc-status", "0"}}, kStreamConnectionLost, kOk, ""},
  };
  for (const auto& expected : cases) {
    CallStatus status;
    for (const auto& [name, value] : expected.headers) status.OnHeader(name, value);
    const CallStatus::End end = status.Finish(expected.error_code);
    EXPECT_EQ(end.code, expected.code) << expected.what;
    EXPECT_EQ(end.reason, expected.reason) << expected.what;
  }
}

TEST(MessageReader, GivesMessagesHoweverTheirOctetsAreCut) {
  Bodies bodies;
  bodies.Add("first");
  bodies.Add("");
  bodies.Add(std::string(1000, 'x'));
  std::string all;
  for (size_t i = 0; i < bodies.size(); ++i) all += bodies[i];
  for (const size_t step : {size_t{1}, size_t{3}, size_t{7}, size_t{500}, all.size()}) {
    MessageReader reader;
    std::vector<std::string> messages;
    for (size_t at = 0; at < all.size(); at += step) {
      EXPECT_TRUE(reader.Take(std::string_view(all).substr(at, step),
                              [&](std::string_view of) { messages.emplace_back(of); }));
    }
    EXPECT_THAT(messages, ElementsAre("first", "", std::string(1000, 'x'))) << step;
  }
}

TEST(MessageReader, RefusesCompressedAndEndlessMessages) {
  const auto none = [](std::string_view) { ADD_FAILURE(); };
  EXPECT_FALSE(MessageReader().Take(std::string("\1\0\0\0\0", 5), none));
  EXPECT_FALSE(MessageReader().Take(std::string("\0\x00\x40\x00\x01", 5), none));  // 4 MiB and 1.
  EXPECT_TRUE(MessageReader().Take(std::string("\0\x00\x40\x00\x00", 5), none));
}

std::string QuestionFile(const std::vector<LoadQuestion>& questions) {
  std::string file;
  for (const LoadQuestion& question : questions) {
    AppendVarint(question.ByteSizeLong(), file);
    file += question.SerializeAsString();
  }
  return file;
}

std::vector<LoadQuestion> SomeQuestions(size_t count) {
  std::vector<LoadQuestion> questions(count);
  for (size_t i = 0; i < count; ++i) {
    questions[i].mutable_query()->set_certificate(std::string(100 + 50 * i, 'c'));
    questions[i].mutable_query()->mutable_proof()->set_message("signed");
    questions[i].set_status(musubi::v1::VERDICT_STATUS_VALID);
  }
  return questions;
}

TEST(Questions, ArePreparedAsProtobufWouldSerialiseThem) {
  std::vector<LoadQuestion> questions = SomeQuestions(5);
  questions[3].set_status(musubi::v1::VERDICT_STATUS_INVALID);
  questions[3].set_reason(musubi::v1::VERDICT_REASON_EXPIRED);
  const std::string file = QuestionFile(questions);
  const absl::StatusOr<std::vector<Question>> parsed = ParseQuestions(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 5u);
  EXPECT_EQ((*parsed)[3].right, (VerdictWords{2, 41}));

  const Bodies unary = PrepareUnary(*parsed);
  ASSERT_EQ(unary.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    musubi::v1::ValidateCertificateRequest request;
    *request.mutable_query() = questions[i].query();
    EXPECT_EQ(unary[i].substr(5), request.SerializeAsString());
  }
  const Bodies stream = PrepareStream(*parsed, 2);
  ASSERT_EQ(stream.size(), 3u);
  size_t index = 0;
  for (size_t i = 0; i < 3; ++i) {
    musubi::v1::ValidateCertificatesRequest request;
    ASSERT_TRUE(request.ParseFromString(std::string(stream[i].substr(5))));
    for (const musubi::v1::IndexedQuery& query : request.queries()) {
      EXPECT_EQ(query.index(), index);
      EXPECT_EQ(query.query().SerializeAsString(), questions[index].query().SerializeAsString());
      ++index;
    }
  }
  EXPECT_EQ(index, 5u);
}

TEST(Questions, AFileThatIsNoneSaysWhere) {
  EXPECT_EQ(ParseQuestions("").status().code(), absl::StatusCode::kInvalidArgument);
  const std::string file = QuestionFile(SomeQuestions(2));
  const absl::Status cut =
      ParseQuestions(std::string_view(file).substr(0, file.size() - 1)).status();
  EXPECT_THAT(std::string(cut.message()), testing::HasSubstr("question 1 at octet"));
  // Without the status that is right.
  std::vector<LoadQuestion> questions = SomeQuestions(1);
  questions[0].clear_status();
  EXPECT_FALSE(ParseQuestions(QuestionFile(questions)).ok());
}

}  // namespace
}  // namespace musubi::bench::load
