#include "sandbox/world.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>

#include "lib/base/file.h"
#include "lib/pki/certificate.h"
#include "sandbox/register.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi::sandbox {
namespace {

using absl::StatusCode;

unsigned ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

uint64_t SerialOfCard(const std::string& path) {
  return *SerialOf((*VirtualCard::Load(path))->ReadCertificate());
}

TEST(World, NumbersCardsInOneSequenceOverGenerations) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const uint64_t first = SerialOfCard(shared.NewCard({.generation = "03"}));
  EXPECT_EQ(SerialOfCard(shared.NewCard({.generation = "04"})), first + 1);
  EXPECT_EQ(SerialOfCard(shared.NewCard({.generation = "04", .kind = CardKind::kPhone})),
            first + 2);
  // Four octets, as JPKI's are today.
  EXPECT_EQ(first >> 24, 0x0au);
}

TEST(World, SharesAKeyPoolOnlyIfTold) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto paths = shared.world->IssueCards({.count = 4, .generation = "04", .key_pool = 2});
  ASSERT_TRUE(paths.ok());
  std::set<base::Bytes> keys;
  for (const std::string& path : *paths) {
    EXPECT_EQ(ModeOf(path), 0600u);
    const auto card = shared.Load(path);
    const auto certificate = pki::Certificate::Parse(card->ReadCertificate());
    ASSERT_TRUE(certificate.ok()) << certificate.status();
    keys.insert(base::ToBytes(certificate->spki_der()));
  }
  EXPECT_EQ(keys.size(), 2u);
}

TEST(World, KeepsKeysClosedToOthers) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(shared.directory + "/keys")) {
    EXPECT_EQ(ModeOf(file.path()), 0600u) << file.path();
    ++count;
  }
  EXPECT_EQ(count, 17);  // Eight CA keys, eight of responders, the name issuer's.
}

TEST(World, IsMadeInAnEmptyDirectoryOnly) {
  fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  EXPECT_EQ(World::Create({.clock = shared.clock, .random = shared.random},
                          {.directory = shared.directory})
                .status()
                .code(),
            StatusCode::kAlreadyExists);
}

TEST(World, NeedsADirectoryThatInitMade) {
  fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  EXPECT_EQ(World::Open({.clock = shared.clock, .random = shared.random},
                        {.directory = shared.directory + "/absent"})
                .status()
                .code(),
            StatusCode::kNotFound);
}

TEST(World, RefusesWhatItCannotIssue) {
  World& world = *fakes::SandboxWorld::Get().world;
  auto code = [&](const World::CardOptions& options) {
    return world.IssueCards(options).status().code();
  };
  EXPECT_EQ(code({.count = 0}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.count = kMaxCardsPerCall + 1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.municipality = "13113"}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.generation = "05"}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.generation = "01"}), StatusCode::kFailedPrecondition);
  EXPECT_EQ(code({.generation = "04", .authentication_pin = "12"}), StatusCode::kInvalidArgument);
}

TEST(World, RevokesOnceAndForGood) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const std::string card = shared.NewCard({.generation = "04"});
  EXPECT_TRUE(shared.world->RevokeCard(card, RevocationReason::kKeyCompromise).ok());
  EXPECT_EQ(shared.world->RevokeCard(card, RevocationReason::kSuperseded).code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      shared.world->Revoke(Role::kUserAuthentication, 5, RevocationReason::kSuperseded).code(),
      StatusCode::kNotFound);
}

TEST(World, PublishesEveryScopeOfTheKeysInUse) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto count = shared.world->PublishCrls();
  ASSERT_TRUE(count.ok());
  // Two roles, three generations (01 has expired), five municipalities and everything.
  EXPECT_EQ(*count, 2 * 3 * 6);
  EXPECT_FALSE(std::filesystem::exists(shared.directory + "/crl/auth-01-full.crl"));
}

TEST(RegisterReader, SeesARevocationOfAnotherProcess) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const std::string card = shared.NewCard({.generation = "04"});
  const uint64_t serial = SerialOfCard(card);
  RegisterReader reader(World::RegisterPath(shared.directory));
  ASSERT_TRUE(reader.Current().ok());
  EXPECT_FALSE((*reader.Current())->Find(Role::kUserAuthentication, serial)->revocation);
  ASSERT_TRUE(shared.world->RevokeCard(card, RevocationReason::kSuperseded).ok());
  EXPECT_TRUE((*reader.Current())->Find(Role::kUserAuthentication, serial)->revocation);
}

TEST(Register, NamesTheLineThatIsWrong) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const std::string path = shared.temp.File("register.jsonl");
  const std::string good =
      R"({"role":"user_authentication","serial":7,"generation":"03","municipality":"99001"})";
  ASSERT_TRUE(base::WriteFileAtomically(path, good + "\n{}\n", 0600).ok());
  const absl::Status status = Register::Load(path).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("line 2"), absl::string_view::npos);
  ASSERT_TRUE(base::WriteFileAtomically(path, good + "\n" + good + "\n", 0600).ok());
  EXPECT_EQ(Register::Load(path).status().code(), StatusCode::kInvalidArgument);
}

TEST(HolderName, IsVisiblyFictional) {
  EXPECT_EQ(HolderName(1), "試験\u3000一号");
  EXPECT_EQ(HolderName(120), "試験\u3000一二〇号");
}

}  // namespace
}  // namespace musubi::sandbox
