#include "sandbox/challenge_encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "sandbox/json.h"

namespace musubi::sandbox {
namespace {

ChallengeFields Sample() {
  return {.relying_party_id = "demo-university",
          .origin = "https://prelink.example",
          .act = "LINK",
          .session_id = base::Bytes(16, 1),
          .account_binding_hash = base::Bytes(32, 2),
          .flow = "CROSS_DEVICE",
          .transcript = base::Bytes(32, 3),
          .requested_attributes = {"name"},
          .consent_text_version = "2026-04",
          .nonce = base::Bytes(32, 4)};
}

TEST(ChallengeEncoder, MatchesTheGoldenVectors) {
  const auto text = base::ReadFile("tests/vectors/challenge_v1.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const auto file = ParseJson(*text);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->contains("vectors"));
  ASSERT_GE((*file)["vectors"].size(), 5u);
  for (const Json& vector : (*file)["vectors"]) {
    const Json& fields = vector["fields"];
    auto field = [&](const char* name) { return *Field<std::string>(fields, name); };
    auto octets = [&](const char* name) { return *base::HexDecode(field(name)); };
    const auto encoded = EncodeChallenge(
        {.relying_party_id = field("relying_party_id"),
         .origin = field("origin"),
         .act = field("act"),
         .session_id = octets("session_id"),
         .account_binding_hash = octets("account_binding_hash"),
         .flow = field("flow"),
         .transcript = octets("transcript"),
         .requested_attributes = fields["requested_attributes"].get<std::vector<std::string>>(),
         .consent_text_version = field("consent_text_version"),
         .nonce = octets("nonce")});
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    EXPECT_EQ(base::HexEncode(*encoded), *Field<std::string>(vector, "encoded")) << vector["name"];
  }
}

TEST(ChallengeEncoder, RefusesFieldsOutsideTheirRange) {
  ASSERT_TRUE(EncodeChallenge(Sample()).ok());
  const std::vector<void (*)(ChallengeFields&)> spoil = {
      [](ChallengeFields& f) { f.relying_party_id.clear(); },
      [](ChallengeFields& f) { f.origin = std::string(513, 'a'); },
      [](ChallengeFields& f) { f.act = "link"; },
      [](ChallengeFields& f) { f.session_id.pop_back(); },
      [](ChallengeFields& f) { f.account_binding_hash.pop_back(); },
      [](ChallengeFields& f) { f.flow = "ANY"; },
      [](ChallengeFields& f) { f.transcript.clear(); },
      [](ChallengeFields& f) { f.requested_attributes = {"name,name"}; },
      [](ChallengeFields& f) { f.requested_attributes = {""}; },
      [](ChallengeFields& f) {
        f.requested_attributes = {"name", "name"};
      },
      [](ChallengeFields& f) { f.consent_text_version.clear(); },
      [](ChallengeFields& f) { f.nonce.push_back(0); },
  };
  for (size_t i = 0; i < spoil.size(); ++i) {
    ChallengeFields fields = Sample();
    spoil[i](fields);
    EXPECT_EQ(EncodeChallenge(fields).status().code(), absl::StatusCode::kInvalidArgument) << i;
  }
}

}  // namespace
}  // namespace musubi::sandbox
