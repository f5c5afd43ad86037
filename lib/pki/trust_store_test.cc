#include "lib/pki/trust_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"

namespace musubi::pki {
namespace {

using fakes::KeyKind;
using fakes::TestCa;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Json Entry(const std::string& id, const TestCa& ca) {
  return Json{{"id", id},
              {"certificate", base::Base64Encode(ca.certificate_der())},
              {"sha256", base::HexEncode(ca.Anchor(id).sha256)},
              {"role", "user_authentication"},
              {"environment", "SIM"},
              {"not_before_use", "2026-01-01T00:00:00Z"},
              {"distrust_after", nullptr},
              {"allowed_algorithms", {"RSA_2048_SHA256", "ECDSA_P384_SHA384"}}};
}

const TestCa& First() {
  static const TestCa ca;
  return ca;
}
const TestCa& Second() {
  static const TestCa ca({.key_number = 1, .serial = 2});
  return ca;
}

Json File() {
  return Json{{"version", 1},
              {"environment", "SIM"},
              {"anchors", {Entry("auth-01", First()), Entry("auth-02", Second())}}};
}

TEST(TrustStore, LoadsAFile) {
  const fakes::TempDir dir;
  const std::string path = dir.File("anchors.json");
  Json file = File();
  file["anchors"][1]["distrust_after"] = "2030-01-01T00:00:00Z";
  file["anchors"][1]["role"] = "digital_signature";
  ASSERT_TRUE(base::WriteFileAtomically(path, file.dump(), 0644).ok());
  const auto store = TrustStore::Load(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(store->environment(), Environment::kSim);
  ASSERT_EQ(store->anchors().size(), 2u);
  const TrustAnchor* anchor = store->Find("auth-02");
  ASSERT_NE(anchor, nullptr);
  EXPECT_EQ(anchor->role, AnchorRole::kDigitalSignature);
  EXPECT_EQ(anchor->not_before_use,
            absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone()));
  EXPECT_EQ(anchor->distrust_after,
            absl::FromCivil(absl::CivilDay(2030, 1, 1), absl::UTCTimeZone()));
  EXPECT_EQ(anchor->allowed_algorithms.size(), 2u);
  EXPECT_EQ(store->Find("auth-09"), nullptr);
  // All generations have one name.
  EXPECT_EQ(store->FindBySubject(First().name()).size(), 2u);
}

TEST(TrustStore, MissingFileIsNamed) {
  const fakes::TempDir dir;
  const auto store = TrustStore::Load(dir.File("anchors.json"));
  EXPECT_EQ(store.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("anchors.json"));
}

TEST(TrustStore, RefusesAFileForOneFaultAndSaysWhichAndWhere) {
  using Change = std::function<void(Json&)>;
  const TestCa no_ca_key({.key_kind = KeyKind::kRsa1024});
  const struct {
    const char* part;  // Of the message.
    Change change;
  } kCases[] = {
      {"unknown key \"extra\"", [](Json& f) { f["extra"] = 1; }},
      {"a.json: anchors[1]: unknown key \"roles\"", [](Json& f) { f["anchors"][1]["roles"] = 1; }},
      {"the key \"version\" is missing", [](Json& f) { f.erase("version"); }},
      {"\"version\" is 2, this program reads 1", [](Json& f) { f["version"] = 2; }},
      {"\"environment\" must be", [](Json& f) { f["environment"] = "sim"; }},
      {"no anchor", [](Json& f) { f["anchors"] = Json::array(); }},
      {"anchors[0]: the key \"sha256\" is missing",
       [](Json& f) { f["anchors"][0].erase("sha256"); }},
      {"sha256 is not the certificate's",
       [](Json& f) { f["anchors"][0]["sha256"] = f["anchors"][1]["sha256"]; }},
      {"64 lower-case", [](Json& f) { f["anchors"][0]["sha256"] = "AB"; }},
      {"must be DER in base64", [](Json& f) { f["anchors"][0]["certificate"] = "####"; }},
      {"certificate: not", [](Json& f) { f["anchors"][0]["certificate"] = "AAAA"; }},
      {"\"role\" must be", [](Json& f) { f["anchors"][0]["role"] = "any"; }},
      {"anchors[0]: \"environment\" must be",
       [](Json& f) { f["anchors"][0]["environment"] = "DEV"; }},
      {"\"not_before_use\" must be a time",
       [](Json& f) { f["anchors"][0]["not_before_use"] = "2026-01-01"; }},
      {"\"not_before_use\" must be a time",
       [](Json& f) { f["anchors"][0]["not_before_use"] = "infinite-past"; }},
      {"\"distrust_after\" must be a time",
       [](Json& f) { f["anchors"][0]["distrust_after"] = "2026-13-01T00:00:00Z"; }},
      {"the key \"distrust_after\" is missing",
       [](Json& f) { f["anchors"][0].erase("distrust_after"); }},
      {"distrust_after is before not_before_use",
       [](Json& f) { f["anchors"][0]["distrust_after"] = "2025-12-31T00:00:00Z"; }},
      {"holds \"RSA_1024_SHA1\"",
       [](Json& f) { f["anchors"][0]["allowed_algorithms"] = {"RSA_1024_SHA1"}; }},
      {"none that the anchor's key (RSA_2048) makes",
       [](Json& f) { f["anchors"][0]["allowed_algorithms"] = {"ECDSA_P384_SHA384"}; }},
      {"an id is", [](Json& f) { f["anchors"][0]["id"] = "Auth 1"; }},
      {"anchors[1] (auth-01): this id came before",
       [](Json& f) { f["anchors"][1]["id"] = "auth-01"; }},
      {"this certificate came before, as auth-01",
       [](Json& f) { f["anchors"][1] = Entry("auth-02", First()); }},
      {"must not stand in a file of environment PRODUCTION",
       [](Json& f) { f["environment"] = "PRODUCTION"; }},
      {"environment TEST must not stand in a file of environment PRODUCTION",
       [](Json& f) {
         f["environment"] = "PRODUCTION";
         f["anchors"][0]["environment"] = "TEST";
       }},
      {"environment PRODUCTION must not stand in a file of environment SIM",
       [](Json& f) { f["anchors"][0]["environment"] = "PRODUCTION"; }},
      {"of no type that we verify with",
       [&](Json& f) { f["anchors"][0] = Entry("auth-01", no_ca_key); }},
  };
  for (const auto& c : kCases) {
    Json file = File();
    c.change(file);
    const auto store = TrustStore::Parse(file.dump(), "a.json");
    EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument) << c.part;
    EXPECT_THAT(std::string(store.status().message()), HasSubstr(c.part));
    EXPECT_THAT(std::string(store.status().message()), HasSubstr("a.json"));
  }
}

TEST(TrustStore, RefusesAnAnchorThatIsNoCa) {
  const TestCa& ca = First();
  const auto card =
      fakes::ParseCertificate(ca.Issue(ca.CardSpec(fakes::TestKey::Get(KeyKind::kRsa2048, 10))));
  const auto store = TrustStore::Create(Environment::kSim, {fakes::AnchorOf(card, "card")});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("not that of a CA"));
}

TEST(TrustStore, HoldsEveryAnchorToItsWholeCertificate) {
  for (const AnchorRule rule :
       {AnchorRule::kValidityOnly, AnchorRule::kConstraintsOnly, AnchorRule::kNameAndKey}) {
    TrustAnchor anchor = First().Anchor("auth-01");
    anchor.rule = rule;
    const auto store = TrustStore::Create(Environment::kSim, {anchor});
    EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(TrustStore, SimMayHoldTestAnchorsSoThatTheirCardsAreTold) {
  TrustAnchor anchor = First().Anchor("test-01");
  anchor.environment = Environment::kTest;
  EXPECT_TRUE(TrustStore::Create(Environment::kSim, {anchor}).ok());
  EXPECT_TRUE(TrustStore::Create(Environment::kTest, {anchor}).ok());
  EXPECT_FALSE(TrustStore::Create(Environment::kProduction, {anchor}).ok());
}

}  // namespace
}  // namespace musubi::pki
