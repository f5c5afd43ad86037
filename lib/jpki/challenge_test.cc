#include "lib/jpki/challenge.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "lib/base/encoding.h"

namespace musubi::jpki {
namespace {

Challenge Sample() {
  return Challenge{.relying_party_id = "demo-university",
                   .origin = "https://prelink.example",
                   .act = "LINK",
                   .session_id = {1, 2, 3},
                   .account_binding_hash = base::Bytes(32, 0xab),
                   .flow = "CROSS_DEVICE",
                   .transcript = {4, 5},
                   .requested_attributes = {"name"},
                   .consent_text_version = "2026-04",
                   .nonce = {6, 7}};
}

// Reads the fields of a vector; hex for octets.
Challenge FromJson(const nlohmann::json& fields) {
  auto octets = [&](const char* key) { return *base::HexDecode(fields[key].get<std::string>()); };
  Challenge challenge{.relying_party_id = fields["relying_party_id"],
                      .origin = fields["origin"],
                      .act = fields["act"],
                      .account_binding_hash = octets("account_binding_hash"),
                      .flow = fields["flow"],
                      .requested_attributes = fields["requested_attributes"],
                      .consent_text_version = fields["consent_text_version"]};
  std::ranges::copy(octets("session_id"), challenge.session_id.begin());
  std::ranges::copy(octets("transcript"), challenge.transcript.begin());
  std::ranges::copy(octets("nonce"), challenge.nonce.begin());
  return challenge;
}

TEST(Challenge, EncodesAsTheGoldenVectorsSay) {
  std::ifstream file("tests/vectors/challenge_v1.json");
  const nlohmann::json vectors = nlohmann::json::parse(file);
  ASSERT_GE(vectors["vectors"].size(), 4u);
  for (const auto& vector : vectors["vectors"]) {
    const auto encoded = EncodeChallenge(FromJson(vector["fields"]));
    ASSERT_TRUE(encoded.ok()) << vector["name"] << encoded.status();
    EXPECT_EQ(base::HexEncode(*encoded), vector["encoded"].get<std::string>()) << vector["name"];
  }
}

TEST(Challenge, EveryFieldChangesTheEncoding) {
  const std::function<void(Challenge&)> kChanges[] = {
      [](Challenge& c) { c.relying_party_id += "x"; },
      [](Challenge& c) { c.origin += "x"; },
      [](Challenge& c) { c.act = "UNLINK"; },
      [](Challenge& c) { c.session_id[0] ^= 1; },
      [](Challenge& c) { c.account_binding_hash[0] ^= 1; },
      [](Challenge& c) { c.account_binding_hash.clear(); },
      [](Challenge& c) { c.flow = "ONE_DEVICE"; },
      [](Challenge& c) { c.transcript[0] ^= 1; },
      [](Challenge& c) { c.requested_attributes.clear(); },
      [](Challenge& c) { c.requested_attributes.push_back("address"); },
      [](Challenge& c) { c.consent_text_version += "x"; },
      [](Challenge& c) { c.nonce[0] ^= 1; },
      // Moving an octet from one field to the next is a change too.
      [](Challenge& c) {
        c.relying_party_id = "demo-universit";
        c.origin = "yhttps://prelink.example";
      },
  };
  const base::Bytes base_encoding = *EncodeChallenge(Sample());
  for (const auto& change : kChanges) {
    Challenge changed = Sample();
    change(changed);
    EXPECT_NE(*EncodeChallenge(changed), base_encoding);
  }
}

TEST(Challenge, OrderOfAttributesDoesNotMatter) {
  Challenge a = Sample(), b = Sample();
  a.requested_attributes = {"name", "address"};
  b.requested_attributes = {"address", "name"};
  EXPECT_EQ(*EncodeChallenge(a), *EncodeChallenge(b));
}

TEST(Challenge, RefusesWhatTheEncodingCannotSay) {
  const std::function<void(Challenge&)> kChanges[] = {
      [](Challenge& c) { c.relying_party_id.clear(); },
      [](Challenge& c) { c.origin = std::string(kMaxChallengeTextLength + 1, 'a'); },
      [](Challenge& c) { c.account_binding_hash.resize(31); },
      [](Challenge& c) {
        c.requested_attributes = {"name", "name"};
      },
      [](Challenge& c) { c.requested_attributes = {"name,address"}; },
      [](Challenge& c) { c.requested_attributes = {""}; },
  };
  for (const auto& change : kChanges) {
    Challenge changed = Sample();
    change(changed);
    EXPECT_EQ(EncodeChallenge(changed).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace musubi::jpki
