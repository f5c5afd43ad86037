#include "lib/rpc/redact.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "musubi/v1/common.pb.h"
#include "musubi/v1/link.pb.h"
#include "musubi/v1/options.pb.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/session.pb.h"
#include "musubi/v1/validation.pb.h"
#include "tests/fakes/canary_message.h"

namespace musubi::rpc {
namespace {

using fakes::Fill;
using fakes::kCanaryBase64;
using fakes::kCanaryText;
using fakes::Marked;
using fakes::New;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::HasSubstr;
using testing::Not;

std::vector<const Descriptor*> AllMessages() {
  std::vector<const Descriptor*> messages;
  for (const auto* file : {v1::Verdict::descriptor()->file(), v1::SessionView::descriptor()->file(),
                           v1::QrFrame::descriptor()->file(), v1::Challenge::descriptor()->file(),
                           v1::Link::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) messages.push_back(file->message_type(i));
  }
  return messages;
}

TEST(Redact, NoMarkedFieldOfAnyMessageSurvives) {
  int with_marks = 0;
  for (const Descriptor* type : AllMessages()) {
    for (int choice = 0; choice < 2; ++choice) {
      const std::unique_ptr<Message> message = New(*type);
      Fill(*message, choice, false);
      const std::string text = Redact(*message);
      EXPECT_THAT(text, Not(HasSubstr(kCanaryText))) << type->full_name();
      EXPECT_THAT(text, Not(HasSubstr(kCanaryBase64))) << type->full_name();
      if (message->SerializeAsString().find(kCanaryText) != std::string::npos) ++with_marks;
    }
  }
  // The contract has many marked fields: the walk must have met them.
  EXPECT_GT(with_marks, 40);
}

TEST(Redact, KeepsWhatIsNotMarked) {
  v1::CreateSessionRequest request;
  request.set_relying_party_id("mihon");
  request.set_act(v1::ACT_LINK);
  request.set_locale("ja");
  request.mutable_account()->set_issuer("https://idp.example.ac.jp");
  request.mutable_account()->set_subject("shiken-1");
  EXPECT_EQ(Redact(request), R"({"relying_party_id":"mihon","act":"ACT_LINK","locale":"ja",)"
                             R"("account":{}})");
}

TEST(Redact, DropsUnknownFieldsAndCleansRepeatedMessages) {
  v1::ListLinksResponse response;
  v1::Link& link = *response.add_links();
  link.set_name("試験 一号");
  link.set_relying_party_id("mihon");
  link.GetReflection()->MutableUnknownFields(&link)->AddLengthDelimited(9999, "試験 一号");
  EXPECT_EQ(Redact(response), R"({"links":[{"relying_party_id":"mihon"}]})");
}

// A forgotten mark is found by the field's name. Names that only look so are listed.
TEST(Marks, FieldsThatSoundSecretOrPersonalAreMarked) {
  const std::regex secret(
      "request_id|credential|.*_(credential|code|token|key|nonce)|nonce|state|payload");
  const std::regex personal("subject|issuer|intermediates|.*certificate|name|.*masked.*|value");
  const std::set<std::string> harmless = {
      // Page tokens open nothing.
      "musubi.v1.ListLinksRequest.page_token",
      "musubi.v1.ListLinksResponse.next_page_token",
      "musubi.v1.ListLinkEventsRequest.page_token",
      "musubi.v1.ListLinkEventsResponse.next_page_token",
      // A map's key and value; the name of a relying party is a message.
      "musubi.v1.QueryError.MetadataEntry.value",
  };
  for (const Descriptor* type : AllMessages()) {
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor& field = *type->field(i);
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
      if (harmless.contains(field.full_name())) continue;
      if (std::regex_match(field.name(), secret) || std::regex_match(field.name(), personal)) {
        EXPECT_TRUE(Marked(field)) << field.full_name() << " needs a mark";
      }
    }
  }
}

}  // namespace
}  // namespace musubi::rpc
