#include "lib/pki/name.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/fakes/der_writer.h"

namespace musubi::pki {
namespace {

using base::Bytes;
namespace der = fakes::der;

Bytes Attribute(std::string_view type, const Bytes& value) {
  return der::Sequence({der::Oid(type), value});
}
Bytes NameOf(const Bytes& value) {
  return der::Sequence({der::Set({Attribute("2.5.4.3", value)})});
}
Bytes Bmp(std::initializer_list<uint8_t> octets) { return der::Tlv(0x1e, {Bytes(octets)}); }
Bytes Teletex(std::string_view text) { return der::Tlv(0x14, {base::AsBytes(text)}); }

TEST(Name, ComparesTextsByTheirFoldedCharacters) {
  const struct {
    const char* what;
    Bytes a;
    Bytes b;
    bool same;
  } kCases[] = {
      {"case", der::Utf8("Mihon Cho"), der::Utf8("mIHON cHO"), true},
      {"type", der::Utf8("mihon"), der::Printable("MIHON"), true},
      {"white space", der::Utf8("  mihon \t cho "), der::Utf8("mihon cho"), true},
      {"no space is not one", der::Utf8("mihoncho"), der::Utf8("mihon cho"), false},
      {"only spaces", der::Utf8("   "), der::Utf8(""), true},
      {"a prefix", der::Utf8("mihon"), der::Utf8("mihon cho"), false},
      {"BMPString", der::Utf8("\xe8\xa9\xa6"), Bmp({0x8a, 0x66}), true},
      {"UniversalString", der::Utf8("\xf0\xa0\xae\x9f"),
       der::Tlv(0x1c, {Bytes{0x00, 0x02, 0x0b, 0x9f}}), true},
      {"TeletexString as Latin-1", der::Utf8("\xc3\xa9"), Teletex("\xe9"), true},
      {"case beyond ASCII", der::Utf8("\xc3\xa9"), der::Utf8("\xc3\x89"), false},
      {"NumericString is no text to fold", der::Tlv(0x12, {base::AsBytes("1")}), der::Utf8("1"),
       false},
      {"equal octets of any type", der::Integer(7), der::Integer(7), true},
      {"other octets", der::Integer(7), der::Integer(8), false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(SameName(NameOf(c.a), NameOf(c.b)), c.same) << c.what;
    EXPECT_EQ(SameName(NameOf(c.b), NameOf(c.a)), c.same) << c.what;
  }
}

TEST(Name, ComparesRdnsInOrderAndTheirAttributesInAny) {
  const Bytes cn = Attribute("2.5.4.3", der::Utf8("b"));
  const Bytes cn_folded = Attribute("2.5.4.3", der::Utf8("B"));
  const Bytes other_cn = Attribute("2.5.4.3", der::Utf8("C"));
  const Bytes ou = Attribute("2.5.4.11", der::Utf8("a"));
  const Bytes both = der::Sequence({der::Set({cn, ou})});
  EXPECT_TRUE(SameName(both, der::Sequence({der::Set({cn_folded, ou})})));
  EXPECT_FALSE(SameName(both, der::Sequence({der::Set({cn})})));
  EXPECT_FALSE(SameName(der::Sequence({der::Set({cn})}), both));
  EXPECT_FALSE(SameName(both, der::Sequence({der::Set({cn}), der::Set({ou})})));
  EXPECT_FALSE(SameName(der::Sequence({der::Set({cn}), der::Set({ou})}),
                        der::Sequence({der::Set({ou}), der::Set({cn})})));
  // An attribute twice needs two of its own on the other side.
  EXPECT_FALSE(SameName(der::Sequence({der::Set({cn_folded, cn})}),
                        der::Sequence({der::Set({other_cn, cn})})));
  // The order of the octets may differ from that of the folded texts.
  EXPECT_TRUE(SameName(der::Sequence({der::Set({Attribute("2.5.4.3", der::Utf8("A")),
                                                Attribute("2.5.4.3", der::Utf8("b"))})}),
                       der::Sequence({der::Set({Attribute("2.5.4.3", der::Utf8("B")),
                                                Attribute("2.5.4.3", der::Utf8("a"))})})));
}

TEST(Name, WhatIsNoNameIsNotEvenTheSameAsItself) {
  const Bytes attribute = Attribute("2.5.4.3", der::Utf8("a"));
  const Bytes larger = Attribute("2.5.4.3", der::Utf8("b"));
  for (const Bytes& wrong :
       {Bytes{}, der::Set({}), der::Sequence({attribute}), der::Sequence({der::Set({})}),
        der::Sequence({der::Sequence({attribute})}), der::Sequence({der::Set({larger, attribute})}),
        der::Sequence({der::Set({der::Sequence({der::Oid("2.5.4.3")})})}),
        der::Sequence({der::Set({der::Set({der::Oid("2.5.4.3"), der::Utf8("a")})})}),
        NameOf(der::Utf8("\xff")), NameOf(Bytes{}),
        NameOf(der::Utf8(std::string(kMaxNameSize, 'a')))}) {
    EXPECT_FALSE(SameName(wrong, wrong));
    EXPECT_FALSE(SameName(NameOf(der::Utf8("a")), wrong));
  }
  EXPECT_TRUE(SameName(der::Sequence({}), der::Sequence({})));
}

}  // namespace
}  // namespace musubi::pki
