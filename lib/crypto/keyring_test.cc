#include "lib/crypto/keyring.h"

#include <gtest/gtest.h>

#include "lib/base/file.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::crypto {
namespace {

constexpr std::string_view kKeyA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE";
constexpr std::string_view kKeyB = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI";

std::string Line(std::string_view id, std::string_view key) {
  return std::string(id) + " " + std::string(key) + "\n";
}

TEST(Keyring, FirstKeyIsActiveAndAllAreFound) {
  const auto keyring = Keyring::Parse("# keys\n" + Line("k2", kKeyB) + "\n" + Line("k1", kKeyA));
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  EXPECT_EQ(keyring->active().id, "k2");
  ASSERT_NE(keyring->Find("k1"), nullptr);
  EXPECT_EQ(keyring->Find("k1")->secret.Reveal()[31], 1);
  EXPECT_EQ(keyring->Find("k3"), nullptr);
  const auto again = Keyring::Parse(keyring->Serialize().Reveal());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->active().id, "k2");
  EXPECT_NE(again->Find("k1"), nullptr);
}

TEST(Keyring, RefusesMalformedLinesNamingLineAndNeverTheKey) {
  struct Case {
    std::string text;
    std::string want;
  };
  for (const Case& c :
       {Case{"", "no key"}, Case{"k1\n", "line 1"}, Case{Line("K1", kKeyA), "line 1"},
        Case{Line("k1234567890123456", kKeyA), "line 1"}, Case{Line("k1", "AAAA"), "line 1"},
        Case{Line("k1", kKeyA) + Line("k1", kKeyB), "line 2"}}) {
    const auto keyring = Keyring::Parse(c.text);
    ASSERT_EQ(keyring.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    const std::string message(keyring.status().message());
    EXPECT_NE(message.find(c.want), std::string::npos) << message;
    EXPECT_EQ(message.find("AAAA"), std::string::npos) << message;
  }
}

TEST(Keyring, LoadNamesTheFile) {
  fakes::TempDir dir;
  fakes::FakeRandom random;
  const std::string path = dir.File("ring");
  ASSERT_TRUE(
      base::WriteFileAtomically(path, Keyring::Generate("k1", random).Serialize().Reveal(), 0600)
          .ok());
  EXPECT_EQ(Keyring::Load(path)->active().id, "k1");
  ASSERT_TRUE(base::WriteFileAtomically(path, "nonsense", 0600).ok());
  EXPECT_NE(Keyring::Load(path).status().message().find(path), std::string::npos);
}

}  // namespace
}  // namespace musubi::crypto
