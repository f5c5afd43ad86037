// Messages of the contract with something to find in every field that a log must not have: for
// tests of redaction.
#ifndef MUSUBI_TESTS_FAKES_CANARY_MESSAGE_H_
#define MUSUBI_TESTS_FAKES_CANARY_MESSAGE_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "musubi/v1/options.pb.h"

namespace musubi::fakes {

inline bool Marked(const google::protobuf::FieldDescriptor& field) {
  return field.options().GetExtension(musubi::v1::personal_data) ||
         field.options().GetExtension(musubi::v1::secret);
}

// In base64 the canary is still itself: three octets make four characters, and twelve make these.
inline constexpr char kVisible[] = "visible";
inline constexpr char kCanaryText[] = "canary-canary-canary";
inline constexpr char kCanaryBase64[] = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnk";

// Sets every field of `message`, deeply: text below a marked field is the canary. Of a oneof, the
// alternative number `choice` (modulo their number).
inline void Fill(google::protobuf::Message& message, int choice, bool marked) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type.field(i);
    if (const auto* oneof = field->real_containing_oneof();
        oneof != nullptr && field->index_in_oneof() != choice % oneof->field_count()) {
      continue;
    }
    const bool below = marked || Marked(*field);
    const std::string text = below ? kCanaryText : kVisible;
    const bool repeated = field->is_repeated();
    switch (field->cpp_type()) {
      case google::protobuf::FieldDescriptor::CPPTYPE_STRING:
        repeated ? reflection.AddString(&message, field, text)
                 : reflection.SetString(&message, field, text);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE:
        // Timestamps are not text: any valid one does.
        if (field->message_type()->file()->package() == "google.protobuf") {
          reflection.MutableMessage(&message, field);
        } else {
          Fill(repeated ? *reflection.AddMessage(&message, field)
                        : *reflection.MutableMessage(&message, field),
               choice, below);
        }
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_ENUM:
        repeated ? reflection.AddEnumValue(&message, field, 1)
                 : reflection.SetEnumValue(&message, field, 1);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_BOOL:
        reflection.SetBool(&message, field, true);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT32:
        reflection.SetUInt32(&message, field, 1);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT64:
        reflection.SetUInt64(&message, field, 1);
        break;
      default:
        FAIL() << "a new field type: " << field->full_name();
    }
  }
}

inline std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type) {
  const google::protobuf::Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type);
  return std::unique_ptr<google::protobuf::Message>(prototype->New());
}

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_CANARY_MESSAGE_H_
