#include "lib/rpc/redact.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>
#include <vector>

#include "musubi/v1/options.pb.h"

namespace musubi::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool Marked(const FieldDescriptor& field) {
  return field.options().GetExtension(musubi::v1::personal_data) ||
         field.options().GetExtension(musubi::v1::secret);
}

void ClearMarked(Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection.ListFields(message, &present);
  for (const FieldDescriptor* field : present) {
    if (Marked(*field)) {
      reflection.ClearField(&message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        ClearMarked(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    } else {
      ClearMarked(*reflection.MutableMessage(&message, field));
    }
  }
}

}  // namespace

std::string Redact(const Message& message) {
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  ClearMarked(*copy);
  copy->DiscardUnknownFields();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(*copy, &json, options).ok()) return "{}";
  return json;
}

}  // namespace musubi::rpc
