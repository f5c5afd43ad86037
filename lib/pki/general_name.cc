#include "lib/pki/general_name.h"

#include <algorithm>

#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::ByteView;

// X.520 DirectoryString.
bool IsDirectoryString(const std::optional<DerElement>& text) {
  if (!text) return false;
  switch (text->tag) {
    case der_tag::kUtf8String:
    case der_tag::kPrintableString:
    case der_tag::kTeletexString:
    case der_tag::kUniversalString:
    case der_tag::kBmpString:
      return IsCanonicalText(text->tag, text->content);
    default:
      return false;
  }
}

// AnotherName: type-id, value [0] EXPLICIT ANY.
bool IsOtherName(ByteView content) {
  DerReader parts(content);
  const auto type = parts.Read(der_tag::kOid);
  const auto value = parts.Read(der_tag::Constructed(0));
  if (!type || !IsOid(type->content) || !value || !parts.done()) return false;
  DerReader inner(value->content);
  return inner.Read() && inner.done() && IsStrictDer(value->content);
}

// EDIPartyName: nameAssigner [0] OPTIONAL, partyName [1]; explicit, since they are a CHOICE.
bool IsEdiPartyName(ByteView content) {
  DerReader parts(content);
  for (const int number : {0, 1}) {
    if (number == 0 && !parts.Next(der_tag::Constructed(0))) continue;
    const auto part = parts.Read(der_tag::Constructed(number));
    if (!part) return false;
    DerReader inner(part->content);
    if (!IsDirectoryString(inner.Read()) || !inner.done()) return false;
  }
  return parts.done();
}

bool IsUri(ByteView text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](uint8_t c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

bool IsGeneralName(const DerElement& name, GeneralNameUse use) {
  const ByteView content = name.content;
  const bool constraint = use == GeneralNameUse::kConstraint;
  switch (name.tag) {
    case general_name::kOtherName:
      return IsOtherName(content);
    case general_name::kRfc822Name:
    case general_name::kDnsName:
      return IsCanonicalText(der_tag::kIa5String, content);
    case general_name::kX400Address:
      return IsStrictDer(content);
    case general_name::kDirectoryName:
      return IsCommonName(content);
    case general_name::kEdiPartyName:
      return IsEdiPartyName(content);
    case general_name::kUri:
      return constraint ? IsCanonicalText(der_tag::kIa5String, content) : IsUri(content);
    case general_name::kIpAddress:
      return content.size() == (constraint ? 8 : 4) || content.size() == (constraint ? 32 : 16);
    case general_name::kRegisteredId:
      return IsOid(content);
    default:
      return false;
  }
}

bool IsGeneralNames(ByteView content) {
  DerReader reader(content);
  do {
    const auto name = reader.Read();
    if (!name || !IsGeneralName(*name, GeneralNameUse::kName)) return false;
  } while (!reader.done());
  return true;
}

}  // namespace musubi::pki
