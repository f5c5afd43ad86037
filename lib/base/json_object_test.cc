#include "lib/base/json_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace musubi::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(JsonObject, ReadsEachTypeByName) {
  auto object = JsonObject::Parse(
      R"({"s":"x","n":null,"i":-7,"b":true,"a":["p","q"],"o":{"k":"v"},"l":[{"k":"1"},{"k":"2"}]})",
      "f");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->String("s").value(), "x");
  EXPECT_EQ(object->StringOrNull("n").value(), std::nullopt);
  EXPECT_EQ(object->StringOrNull("s").value(), "x");
  EXPECT_EQ(object->Integer("i").value(), -7);
  EXPECT_EQ(object->Bool("b").value(), true);
  EXPECT_THAT(object->Strings("a").value(), ElementsAre("p", "q"));
  EXPECT_EQ(object->Object("o")->String("k").value(), "v");
  auto list = object->Objects("l").value();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1].String("k").value(), "2");
  EXPECT_EQ(list[1].where(), "f: l[1]");
  EXPECT_TRUE(object->RefuseOthers().ok());
  EXPECT_THAT(object->Keys(), ElementsAre("a", "b", "i", "l", "n", "o", "s"));
}

TEST(JsonObject, RefusesWhatIsNotOneStrictObject) {
  for (const char* text : {"", "[]", "1", "{", "{} x", R"({"a":1,"a":2})", R"({"o":{"a":1,"a":1}})",
                           "{\"a\":\"\xff\"}"}) {
    const auto object = JsonObject::Parse(text, "file");
    EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(object.status().message()), HasSubstr("file: ")) << text;
  }
}

TEST(JsonObject, NamesTheKeyThatIsMissingOrOfAnotherTypeOrUnknown) {
  auto object = JsonObject::Parse(R"({"a":1.5,"b":18446744073709551615,"c":[1],"d":"x"})", "f");
  ASSERT_TRUE(object.ok());
  auto message = [](const absl::Status& status) { return std::string(status.message()); };
  EXPECT_EQ(message(object->String("z").status()), "f: the key \"z\" is missing");
  EXPECT_EQ(message(object->String("a").status()), "f: \"a\" must be a string");
  EXPECT_EQ(message(object->Integer("a").status()), "f: \"a\" must be an integer");
  EXPECT_EQ(message(object->Bool("a").status()), "f: \"a\" must be true or false");
  EXPECT_EQ(message(object->Integer("b").status()), "f: \"b\" must be an integer");
  EXPECT_EQ(message(object->Strings("c").status()), "f: \"c\" must be an array of strings");
  EXPECT_EQ(message(object->Objects("c").status()), "f: \"c\" must be an array of objects");
  EXPECT_EQ(message(object->Object("d").status()), "f: \"d\" must be an object");
  EXPECT_EQ(message(object->StringOrNull("a").status()), "f: \"a\" must be a string or null");
  auto other = JsonObject::Parse(R"({"known":1,"other":2})", "f");
  ASSERT_TRUE(other->Integer("known").ok());
  EXPECT_EQ(message(other->RefuseOthers()), "f: unknown key \"other\": correct or remove it");
}

}  // namespace
}  // namespace musubi::base
