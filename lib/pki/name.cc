#include "lib/pki/name.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

#include "lib/base/same_octets.h"
#include "lib/pki/der.h"

namespace musubi::pki {
namespace {

using base::ByteView;

bool IsText(uint8_t tag) {
  switch (tag) {
    case der_tag::kUtf8String:
    case der_tag::kPrintableString:
    case der_tag::kTeletexString:
    case der_tag::kIa5String:
    case der_tag::kVisibleString:
    case der_tag::kUniversalString:
    case der_tag::kBmpString:
      return true;
    default:
      return false;
  }
}

enum class Values { kAny, kCommon };

bool IsAttributeValue(const DerElement& value, Values values) {
  // OpenSSL's list of types has every text but VisibleString.
  if (values == Values::kCommon && value.tag == der_tag::kVisibleString) return false;
  if (IsText(value.tag)) return IsCanonicalText(value.tag, value.content);
  const bool common = value.tag == der_tag::kNumericString || value.tag == der_tag::kBitString ||
                      value.tag == der_tag::kSequence;
  return (common || values == Values::kAny) && IsStrictDer(value.whole);
}

bool IsRdn(ByteView content, Values values) {
  DerReader attributes(content);
  ByteView previous;
  size_t count = 0;
  do {
    const auto attribute = attributes.Read(der_tag::kSequence);
    if (!attribute || count == kMaxRdnAttributes) return false;
    DerReader parts(attribute->content);
    const auto type = parts.Read(der_tag::kOid);
    const auto value = parts.Read();
    if (!type || !IsOid(type->content) || !value || !parts.done() ||
        !IsAttributeValue(*value, values)) {
      return false;
    }
    if (count > 0 && std::ranges::lexicographical_compare(attribute->whole, previous)) return false;
    previous = attribute->whole;
    ++count;
  } while (!attributes.done());
  return true;
}

bool IsNameOf(ByteView whole, Values values) {
  if (whole.size() > kMaxNameSize) return false;
  const auto name = ReadSingle(whole, der_tag::kSequence);
  if (!name) return false;
  for (DerReader rdns(name->content); !rdns.done();) {
    const auto rdn = rdns.Read(der_tag::kSet);
    if (!rdn || !IsRdn(rdn->content, values)) return false;
  }
  return true;
}

// Characters of a text, folded: ASCII upper case to lower, no white space at either end, one space
// for each run inside.
class FoldedText {
 public:
  explicit FoldedText(const DerElement& value) : tag_(value.tag), rest_(value.content) {
    SkipSpace();
  }

  // The next character; nothing at the end.
  std::optional<uint32_t> Next() {
    if (rest_.empty()) return std::nullopt;
    const uint32_t c = Take();
    if (IsSpace(c)) {
      SkipSpace();
      if (rest_.empty()) return std::nullopt;
      return ' ';
    }
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  }

 private:
  static bool IsSpace(uint32_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  void SkipSpace() {
    while (!rest_.empty()) {
      const ByteView before = rest_;
      if (!IsSpace(Take())) {
        rest_ = before;
        return;
      }
    }
  }

  // IsAttributeValue has tested that what this reads is there.
  uint32_t Take() {
    size_t octets = 1;
    uint32_t c = rest_[0];
    if (tag_ == der_tag::kBmpString || tag_ == der_tag::kUniversalString) {
      octets = tag_ == der_tag::kBmpString ? 2 : 4;
      c = 0;
      for (size_t i = 0; i < octets; ++i) c = (c << 8) | rest_[i];
    } else if (tag_ == der_tag::kUtf8String && c >= 0x80) {
      octets = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
      c &= 0x7f >> octets;
      for (size_t i = 1; i < octets; ++i) c = (c << 6) | (rest_[i] & 0x3f);
    }
    rest_ = rest_.subspan(octets);
    return c;
  }

  const uint8_t tag_;
  ByteView rest_;
};

struct Attribute {
  ByteView type;
  DerElement value;
};

// Of a tested Name.
Attribute ReadAttribute(DerReader& attributes) {
  DerReader parts(attributes.Read()->content);
  const ByteView type = parts.Read()->content;
  return {type, *parts.Read()};
}

bool SameAttribute(const Attribute& a, const Attribute& b) {
  if (!base::SameOctets(a.type, b.type)) return false;
  if (!IsText(a.value.tag) || !IsText(b.value.tag)) {
    return base::SameOctets(a.value.whole, b.value.whole);
  }
  FoldedText text_a(a.value);
  FoldedText text_b(b.value);
  while (true) {
    const auto c = text_a.Next();
    if (c != text_b.Next()) return false;
    if (!c) return true;
  }
}

// Two sets of attributes are the same if each of one has its own in the other.
bool SameRdn(ByteView a, ByteView b) {
  std::array<Attribute, kMaxRdnAttributes> others;
  size_t count = 0;
  for (DerReader reader(b); !reader.done();) others[count++] = ReadAttribute(reader);
  std::bitset<kMaxRdnAttributes> used;
  for (DerReader reader(a); !reader.done();) {
    const Attribute attribute = ReadAttribute(reader);
    size_t i = 0;
    while (i < count && (used[i] || !SameAttribute(attribute, others[i]))) ++i;
    if (i == count) return false;
    used[i] = true;
  }
  return used.count() == count;
}

}  // namespace

bool IsName(ByteView whole) { return IsNameOf(whole, Values::kAny); }
bool IsCommonName(ByteView whole) { return IsNameOf(whole, Values::kCommon); }
bool IsCommonRdn(ByteView content) { return IsRdn(content, Values::kCommon); }

bool SameName(ByteView a, ByteView b) {
  if (!IsName(a)) return false;
  if (base::SameOctets(a, b)) return true;
  if (!IsName(b)) return false;
  DerReader rdns_a(ReadSingle(a, der_tag::kSequence)->content);
  DerReader rdns_b(ReadSingle(b, der_tag::kSequence)->content);
  while (!rdns_a.done() && !rdns_b.done()) {
    if (!SameRdn(rdns_a.Read()->content, rdns_b.Read()->content)) return false;
  }
  return rdns_a.done() && rdns_b.done();
}

}  // namespace musubi::pki
