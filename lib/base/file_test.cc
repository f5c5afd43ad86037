#include "lib/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>

#include "tests/fakes/temp_dir.h"

namespace musubi::base {
namespace {

TEST(File, ReplacesAtomicallyWithTheGivenMode) {
  fakes::TempDir dir;
  const std::string path = dir.File("key");
  ASSERT_TRUE(WriteFileAtomically(path, "one", 0600).ok());
  ASSERT_TRUE(WriteFileAtomically(path, "two", 0600).ok());
  EXPECT_EQ(*ReadFile(path), "two");
  EXPECT_EQ(*ReadSecretFile(path), "two");
}

TEST(File, AWriteThatFailsNamesThePathAndLeavesNothing) {
  fakes::TempDir dir;
  const auto absent = WriteFileAtomically(dir.File("absent/key"), "one", 0600);
  EXPECT_EQ(absent.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(absent.message().find("absent/key"), std::string::npos);
  const std::string inner = dir.File("inner");
  ASSERT_TRUE(std::filesystem::create_directory(inner));
  const auto onto_directory = WriteFileAtomically(inner, "one", 0600);
  EXPECT_NE(onto_directory.message().find("cannot rename " + inner), std::string::npos);
  const std::filesystem::directory_iterator left(dir.path());
  EXPECT_EQ(std::distance(begin(left), end(left)), 1) << "the temporary file is gone";
}

TEST(File, RefusesASecretThatOthersMayOpenAndSaysHowToFixIt) {
  fakes::TempDir dir;
  const std::string path = dir.File("key");
  ASSERT_TRUE(WriteFileAtomically(path, "one", 0640).ok());
  const auto content = ReadSecretFile(path);
  EXPECT_EQ(content.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(content.status().message().find("chmod 600 " + path), std::string::npos);
}

TEST(File, KnowsWhoseSecretsAreClosed) {
  constexpr unsigned kRoot = 0, kSelf = 1000, kOther = 2000;
  struct Case {
    unsigned mode, owner, self;
    bool closed;
  };
  for (const Case& c : std::initializer_list<Case>{
           {0100600, kSelf, kSelf, true},
           {0100400, kSelf, kSelf, true},
           {0100640, kSelf, kSelf, false},
           {0100604, kSelf, kSelf, false},
           {0100600, kRoot, kRoot, true},
           {0100440, kRoot, kRoot, false},
           {0100440, kRoot, kSelf, true},
           {0100640, kRoot, kSelf, true},
           {0100660, kRoot, kSelf, false},
           {0100650, kRoot, kSelf, false},
           {0100444, kRoot, kSelf, false},
           {0100440, kOther, kSelf, false},
       }) {
    EXPECT_EQ(IsClosed(c.mode, c.owner, c.self), c.closed)
        << std::oct << c.mode << std::dec << " of " << c.owner << " for " << c.self;
  }
}

TEST(File, NamesAMissingFileAndADirectory) {
  fakes::TempDir dir;
  const auto missing = ReadFile(dir.File("absent"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find("absent"), std::string::npos);
  EXPECT_EQ(ReadFile(dir.path()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(File, WritesFromAnOffsetAndCutsWhatWasBehindIt) {
  fakes::TempDir dir;
  const std::string path = dir.File("log");
  ASSERT_TRUE(WriteFileFrom(path, 0, "one\ntwo\nthr", 0600).ok());
  ASSERT_TRUE(WriteFileFrom(path, 8, "3\n", 0600).ok());
  EXPECT_EQ(*ReadSecretFile(path), "one\ntwo\n3\n");
  ASSERT_TRUE(WriteFileFrom(path, 4, "", 0600).ok());
  EXPECT_EQ(*ReadFile(path), "one\n");
}

TEST(File, AFileThatSomebodyElseCutIsNotFilledUp) {
  fakes::TempDir dir;
  const std::string path = dir.File("log");
  ASSERT_TRUE(WriteFileFrom(path, 0, "one\n", 0600).ok());
  const absl::Status status = WriteFileFrom(path, 5, "two\n", 0600);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find(path), std::string::npos);
  EXPECT_EQ(*ReadFile(path), "one\n");
}

}  // namespace
}  // namespace musubi::base
