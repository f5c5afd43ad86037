#include "lib/prelink/relying_party.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::prelink {
namespace {

using session::Act;
using session::Flow;

class RelyingPartyFile : public testing::Test {
 protected:
  RelyingPartyFile() {
    mkdir(dir_.File("keys").c_str(), 0700);
    WriteKey("keys/demo-university.subject.keyring", "k1");
    example_ = base::ReadFile("deploy/demo/relying-parties.json").value();
  }

  void WriteKey(const std::string& name, std::string id) {
    const auto keyring = crypto::Keyring::Generate(std::move(id), random_);
    ASSERT_TRUE(
        base::WriteFileAtomically(dir_.File(name), keyring.Serialize().Reveal(), 0600).ok());
  }

  // The example with the first `from` replaced.
  std::string With(const std::string& from, const std::string& to) const {
    std::string text = example_;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  }

  absl::StatusOr<RelyingPartyRegistry> Load(const std::string& text) {
    EXPECT_TRUE(base::WriteFileAtomically(path_, text, 0644).ok());
    return RelyingPartyRegistry::Load(path_);
  }

  fakes::TempDir dir_;
  fakes::FakeRandom random_;
  const std::string path_ = dir_.File("relying-parties.json");
  std::string example_;
};

TEST_F(RelyingPartyFile, ReadsTheDemosEntry) {
  const auto registry = Load(example_);
  ASSERT_TRUE(registry.ok()) << registry.status();
  EXPECT_EQ(registry->all().size(), 1u);
  EXPECT_EQ(registry->Find("other"), nullptr);
  const RelyingParty* party = registry->Find("demo-university");
  ASSERT_NE(party, nullptr);
  EXPECT_EQ(party->name.ja, "見本大学");
  EXPECT_EQ(party->name.en, "Mihon University");
  EXPECT_EQ(party->origins, std::vector<std::string>{"https://link.mihon.example"});
  EXPECT_EQ(party->consent_text_version, "2026-04-01");
  EXPECT_EQ(party->requested_attributes, std::set{Attribute::kName});
  EXPECT_EQ(party->allowed_acts, (std::set{Act::kLink, Act::kUnlink, Act::kVerify}));
  EXPECT_EQ(party->account_policy, link::AccountPolicy::kOneLinkPerAccount);
  EXPECT_EQ(party->first_step, FirstStep::kAccount);
  EXPECT_EQ(party->default_locale, Locale::kJa);
  EXPECT_TRUE(party->AcceptsAcr("urn:example:acr:mfa"));
  EXPECT_FALSE(party->AcceptsAcr("urn:example:acr"));
  EXPECT_TRUE(party->AllowsReturnUri("https://account.mihon.example/recovery/return"));
  EXPECT_FALSE(party->AllowsReturnUri("https://account.mihon.example/recovery/return/"));
}

TEST_F(RelyingPartyFile, VerifyOnTwoDevicesNeedsItsOwnPermission) {
  const auto party = [&](const std::string& text) { return Load(text).value(); };
  const auto strict = party(example_);
  const RelyingParty& one = *strict.Find("demo-university");
  EXPECT_TRUE(one.AllowsFlow(Act::kLink, Flow::kCrossDevice));
  EXPECT_TRUE(one.AllowsFlow(Act::kVerify, Flow::kOneDevice));
  EXPECT_FALSE(one.AllowsFlow(Act::kVerify, Flow::kCrossDevice));
  const auto silent = party(With("\"allow_cross_device_verify\": false,", ""));
  EXPECT_FALSE(silent.Find("demo-university")->AllowsFlow(Act::kVerify, Flow::kCrossDevice));
  const auto lax = party(With("verify\": false", "verify\": true"));
  EXPECT_TRUE(lax.Find("demo-university")->AllowsFlow(Act::kVerify, Flow::kCrossDevice));
}

TEST_F(RelyingPartyFile, SubjectsArePairwise) {
  WriteKey("other.keyring", "k1");
  const std::string entry =
      example_.substr(example_.find("    {"), example_.rfind("  ]") - example_.find("    {"));
  std::string second = entry;
  second.replace(second.find("demo-university"), 15, "other");
  second.replace(second.find("keys/demo-university.subject.keyring"), 36, "other.keyring");
  const auto registry = Load("{\"relying_parties\": [" + entry + "," + second + "]}");
  ASSERT_TRUE(registry.ok()) << registry.status();
  const RelyingParty& one = *registry->Find("demo-university");
  const RelyingParty& other = *registry->Find("other");
  EXPECT_EQ(one.PairwiseSubject({1}), one.PairwiseSubject({1}));
  EXPECT_NE(one.PairwiseSubject({1}), one.PairwiseSubject({2}));
  EXPECT_NE(one.PairwiseSubject({1}), other.PairwiseSubject({1}));
  // Sharing a key, or an id, is refused.
  std::string shared = entry;
  shared.replace(shared.find("demo-university"), 15, "other");
  const absl::Status status =
      Load("{\"relying_parties\": [" + entry + "," + shared + "]}").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("key of \"demo-university\" too"), std::string::npos) << status;
  std::string same_id = entry;
  same_id.replace(same_id.find("keys/demo-university.subject.keyring"), 36, "other.keyring");
  const absl::Status twice =
      Load("{\"relying_parties\": [" + entry + "," + same_id + "]}").status();
  EXPECT_NE(twice.message().find("ids are unique"), std::string::npos) << twice;
}

TEST_F(RelyingPartyFile, NamesFileEntryKeyAndRule) {
  struct Case {
    std::string from, to, want;
  };
  const std::string text_of_1025(1025, 'x');
  std::string list_of_33 = "\"accepted_acr\": [";
  for (int i = 0; i < 33; ++i) list_of_33 += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\"";
  const std::vector<Case> cases = {
      {"\"id\": \"demo-university\"", "\"id\": \"Demo\"", "\"id\": 1 to 64"},
      {"\"id\": \"demo-university\"", "\"id\": \"a" + std::string(64, 'b') + "\"",
       "\"id\": 1 to 64"},
      {"\"id\": \"demo-university\",", "", "\"id\" is missing"},
      {"\"id\"", "\"colour\": \"red\", \"id\"", "unknown key \"colour\""},
      {"\"en\": \"Mihon University\"", "\"en\": \"\"", "\"name\": a text has 1 to 1024"},
      {"Mihon University", text_of_1025, "\"name\": a text has 1 to 1024"},
      {"\"en\": \"Mihon University\"", "\"en\": \"x\", \"fr\": \"y\"", "unknown key \"fr\""},
      {"[\"https://link.mihon.example\"]", "[]", "\"origins\": is empty"},
      {"[\"https://link.mihon.example\"]", "[\"http://example.org\"]", "use https://"},
      {"[\"https://link.mihon.example\"]", "[\"https://example.org/\"]", "remove the path"},
      {"[\"https://link.mihon.example\"]", "[\"https://Example.org\"]", "host in lower case"},
      {"[\"https://link.mihon.example\"]", "[\"https://a@example.org\"]", "no user name"},
      {"[\"https://link.mihon.example\"]", "[\"https://example.org:65536\"]", "1 to 65535"},
      {"[\"https://link.mihon.example\"]", "[\"https://e.org\", \"https://e.org\"]",
       "is there twice"},
      {"[\"https://link.mihon.example\"]", "[\"\"]", "an element is empty"},
      {"https://link.mihon.example/policy", "ftp://example.org",
       "\"policy_url\": a URL starts with"},
      {"https://link.mihon.example/policy", "https://example.org/#x", "no fragment"},
      {"https://link.mihon.example/terms", "https://example.org/ x", "\"terms_url\": a URL has no"},
      {"https://link.mihon.example/terms", "https://localhost.example/" + text_of_1025,
       "1024 octets"},
      {"https://link.mihon.example/terms", "http://localhost.example/", "use https://"},
      {"\"2026-04-01\"", "\"\"", "\"consent_text_version\": 1 to 64 octets"},
      {"[\"NAME\"]", "[\"BIRTHDAY\"]", "\"BIRTHDAY\" is none of NAME"},
      {"/recovery/return\"", "/recovery/return?x=1\"", "has no query"},
      {"[\"https://account.mihon.example/recovery/return\"]", "[]", "register where it ends"},
      {"\"LINK\", \"UNLINK\", \"VERIFY\"", "\"STEAL\"", "\"STEAL\" is none of LINK"},
      {"\"LINK\", \"UNLINK\", \"VERIFY\"", "", "\"allowed_acts\": is empty"},
      {"\"CROSS_DEVICE\", \"ONE_DEVICE\"", "", "\"allowed_flows\": is empty"},
      {"\"CROSS_DEVICE\", \"ONE_DEVICE\"", "\"CROSS_DEVICE\"", "leaves no flow for VERIFY"},
      {"\"CROSS_DEVICE\", \"ONE_DEVICE\"],\n      \"allow_cross_device_verify\": false",
       "\"ONE_DEVICE\"],\n      \"allow_cross_device_verify\": true",
       "CROSS_DEVICE is not allowed"},
      {"verify\": false", "verify\": \"no\"", "must be true or false"},
      {"[\"urn:example:acr:password\", \"urn:example:acr:mfa\"]", "[]", "need a sign-in"},
      {"\"accepted_acr\": [\"urn:example:acr:password\", \"urn:example:acr:mfa\"", list_of_33,
       "at most 32 elements"},
      {"\"ONE_LINK_PER_ACCOUNT\"", "\"SOME\"", "\"SOME\" is none of MANY_LINKS_PER_ACCOUNT, ONE"},
      {"\"first_step\": \"ACCOUNT\"", "\"first_step\": \"BOTH\"", "none of ACCOUNT, CARD"},
      {"\"default_locale\": \"ja\"", "\"default_locale\": \"fr\"", "none of en, ja"},
      {"\"VERIFY\"],", "\"REPLACE\"],", ""},
  };
  for (const Case& c : cases) {
    const absl::Status status = Load(With(c.from, c.to)).status();
    if (c.want.empty()) {
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.want;
    const std::string message(status.message());
    EXPECT_EQ(message.find(path_ + ": relying_parties[0]"), 0u) << message;
    EXPECT_NE(message.find(c.want), std::string::npos) << message;
  }
}

TEST_F(RelyingPartyFile, ReplaceNeedsOneLinkPerAccount) {
  std::string text = With("\"VERIFY\"],", "\"REPLACE\"],");
  text.replace(text.find("ONE_LINK"), 8, "MANY_LINKS");
  const absl::Status status = Load(text).status();
  EXPECT_NE(status.message().find("REPLACE needs"), std::string::npos) << status;
}

TEST_F(RelyingPartyFile, NamesAKeyFileThatIsMissingOrOpenToOthers) {
  const std::string key = dir_.File("keys/demo-university.subject.keyring");
  ASSERT_EQ(chmod(key.c_str(), 0644), 0);
  absl::Status status = Load(example_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("chmod 600"), std::string::npos) << status;
  ASSERT_EQ(unlink(key.c_str()), 0);
  status = Load(example_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  for (const std::string& part :
       {path_, key, std::string("subject_keyring_file"), std::string("musubictl keyring new")}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status;
  }
}

TEST_F(RelyingPartyFile, RefusesAFileThatIsNotOne) {
  EXPECT_EQ(RelyingPartyRegistry::Load(dir_.File("absent")).status().code(),
            absl::StatusCode::kNotFound);
  for (const char* text :
       {"", "[]", "{}", "{\"relying_parties\": []}", "{\"relying_parties\": [], \"more\": 1}",
        "{\"relying_parties\": [1]}"}) {
    const absl::Status status = Load(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(status.message().find(path_), 0u) << status;
  }
}

}  // namespace
}  // namespace musubi::prelink
