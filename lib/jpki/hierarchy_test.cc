#include "lib/jpki/hierarchy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace musubi::jpki {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Json File() {
  return Json::parse(R"({"version":1,"environment":"SIM","policies":{
      "user_authentication":["2.999.1.30"],"digital_signature":["2.999.1.20"],
      "phone":["2.999.1.40"],"test":["2.999.2.30"]}})");
}

TEST(Hierarchy, TellsTheKindOfAPolicy) {
  const auto hierarchy = Hierarchy::Parse(File().dump(), "h.json");
  ASSERT_TRUE(hierarchy.ok()) << hierarchy.status();
  EXPECT_EQ(hierarchy->environment(), pki::Environment::kSim);
  EXPECT_EQ(hierarchy->KindOf("2.999.1.30"), CertificateKind::kUserAuthentication);
  EXPECT_EQ(hierarchy->KindOf("2.999.1.20"), CertificateKind::kDigitalSignature);
  EXPECT_EQ(hierarchy->KindOf("2.999.1.40"), CertificateKind::kPhone);
  EXPECT_EQ(hierarchy->KindOf("2.999.2.30"), CertificateKind::kTest);
  EXPECT_EQ(hierarchy->KindOf("2.999.1.3"), std::nullopt);
  EXPECT_THAT(hierarchy->PoliciesOf(CertificateKind::kPhone), ElementsAre("2.999.1.40"));
}

TEST(Hierarchy, RefusesAFileForOneFaultAndSaysWhichAndWhere) {
  const struct {
    const char* part;   // Of the message.
    const char* patch;  // JSON merge patch on a right file.
  } kCases[] = {
      {"this program reads 1", R"({"version":2})"},
      {"\"environment\" must be", R"({"environment":"LAB"})"},
      {"unknown key \"extra\"", R"({"extra":1})"},
      {"policies: unknown key \"foreign\"", R"({"policies":{"foreign":["2.999.1.50"]}})"},
      {"the key \"phone\" is missing", R"({"policies":{"phone":null}})"},
      {"user_authentication is empty", R"({"policies":{"user_authentication":[]}})"},
      {"\"2.999..1\" is not an OID", R"({"policies":{"phone":["2.999..1"]}})"},
      {"\"3.1.1\" is not an OID", R"({"policies":{"phone":["3.1.1"]}})"},
      {"\"2.999.01\" is not an OID", R"({"policies":{"phone":["2.999.01"]}})"},
      {"\"2.999.\" is not an OID", R"({"policies":{"phone":["2.999."]}})"},
      {"\"id-any\" is not an OID", R"({"policies":{"phone":["id-any"]}})"},
      {"\"\" is not an OID", R"({"policies":{"phone":[""]}})"},
      {"\"2.999.1.30\" came before", R"({"policies":{"phone":["2.999.1.30"]}})"},
      {"\"1.2.3\" is not under 2.999", R"({"policies":{"phone":["1.2.3"]}})"},
      {"is under 2.999", R"({"environment":"PRODUCTION"})"},
  };
  for (const auto& c : kCases) {
    Json file = File();
    file.merge_patch(Json::parse(c.patch));
    const auto hierarchy = Hierarchy::Parse(file.dump(), "h.json");
    EXPECT_EQ(hierarchy.status().code(), absl::StatusCode::kInvalidArgument) << c.part;
    EXPECT_THAT(std::string(hierarchy.status().message()), HasSubstr(c.part));
    EXPECT_THAT(std::string(hierarchy.status().message()), HasSubstr("h.json"));
  }
}

TEST(Hierarchy, ProductionHasOtherOids) {
  EXPECT_TRUE(Hierarchy::Create(pki::Environment::kProduction,
                                {{CertificateKind::kUserAuthentication, {"1.2.3.4"}}})
                  .ok());
}

TEST(Hierarchy, MissingFileIsNamed) {
  EXPECT_EQ(Hierarchy::Load("no/such/hierarchy.json").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace musubi::jpki
