#include "tests/integration/secrets.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "lib/base/encoding.h"
#include "lib/pki/certificate.h"
#include "musubi/v1/options.pb.h"

namespace musubi::integration {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool IsWordOctet(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-' || c >= 0x80;
}

// The card's pseudonym at a relying party, which links.subject keeps in plain.
bool IsPseudonym(const FieldDescriptor& field) {
  return field.name() == "subject" && field.type() == FieldDescriptor::TYPE_BYTES;
}

bool IsMarked(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::personal_data) ||
         field.options().GetExtension(v1::secret);
}

// What long values are found by first.
constexpr size_t kHead = sizeof(uint64_t);
uint64_t Head(const char* octets) {
  uint64_t head;
  std::memcpy(&head, octets, kHead);
  return head;
}

}  // namespace

void Secrets::AddMarked(const Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection.ListFields(message, &present);
  for (const FieldDescriptor* field : present) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        AddMarked(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                       : reflection.GetMessage(message, field));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && IsMarked(*field) &&
                 !IsPseudonym(*field)) {
        Add(field->full_name(), field->is_repeated()
                                    ? reflection.GetRepeatedString(message, field, i)
                                    : reflection.GetString(message, field));
      }
    }
  }
}

void Secrets::AddCertificate(base::ByteView der) {
  Add("certificate", base::AsText(der));
  const auto certificate = pki::Certificate::Parse(der);
  if (!certificate.ok()) return;
  // Four octets alone would be found by chance: with tag and length they are not, and a log would
  // hold them as digits.
  base::Bytes serial = {0x02, static_cast<uint8_t>(certificate->serial().size())};
  base::Append(serial, certificate->serial());
  Add("serial", base::AsText(serial));
  Add("serial, in digits", base::HexEncode(certificate->serial()));
  // Tag, length and octets of the last attribute of the subject: its common name.
  const std::string_view text = base::AsText(der);
  constexpr std::string_view kCommonName("\x06\x03\x55\x04\x03", 5);
  const size_t at = text.rfind(kCommonName);
  if (at == std::string_view::npos || at + 7 > text.size()) return;
  Add("common name", text.substr(at + 7, static_cast<uint8_t>(text[at + 6])));
}

void Secrets::Add(const std::string& what, std::string_view value) {
  if (value.size() < kShortest) return;
  const base::ByteView octets = base::AsBytes(value);
  base::MutexLock lock(mutex_);
  ++values_;
  AddForm(what, "as it is", std::string(value));
  AddForm(what, "hexadecimal", base::HexEncode(octets));
  AddForm(what, "hexadecimal", absl::AsciiStrToUpper(base::HexEncode(octets)));
  AddForm(what, "base64", base::Base64Encode(octets));
  AddForm(what, "base64url", base::Base64UrlEncode(octets));
}

void Secrets::AddForm(const std::string& what, const char* form, std::string value) {
  std::string name = what + " " + form;
  if (value.size() < kUnmistakable &&
      std::all_of(value.begin(), value.end(), absl::ascii_isxdigit)) {
    words_.emplace(std::move(value), std::move(name));
    return;
  }
  if (value.size() < kHead) {
    short_.emplace(std::move(value), std::move(name));
    return;
  }
  std::string head = value.substr(0, kHead);
  const auto [first, last] = long_.equal_range(head);
  if (std::any_of(first, last, [&](const auto& known) { return known.second.value == value; })) {
    return;
  }
  long_.emplace(std::move(head), Needle{std::move(value), std::move(name)});
}

std::vector<std::string> Secrets::FindIn(std::string_view text) const {
  base::MutexLock lock(mutex_);
  std::set<std::string> found;
  std::unordered_set<uint64_t> heads;
  for (const auto& [head, needle] : long_) heads.insert(Head(head.data()));
  for (size_t at = 0; at + kHead <= text.size(); ++at) {
    if (!heads.contains(Head(text.data() + at))) continue;
    const auto [first, last] = long_.equal_range(text.substr(at, kHead));
    for (auto needle = first; needle != last; ++needle) {
      if (text.substr(at).starts_with(needle->second.value)) found.insert(needle->second.name);
    }
  }
  for (const auto& [value, name] : short_) {
    if (text.find(value) != std::string_view::npos) found.insert(name);
  }
  for (size_t begin = 0; begin < text.size();) {
    if (!IsWordOctet(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && IsWordOctet(text[end])) ++end;
    const auto word = words_.find(text.substr(begin, end - begin));
    if (word != words_.end()) found.insert(word->second);
    begin = end;
  }
  return {found.begin(), found.end()};
}

size_t Secrets::size() const {
  base::MutexLock lock(mutex_);
  return values_;
}

}  // namespace musubi::integration
