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

TEST(File, NamesAMissingFileAndADirectory) {
  fakes::TempDir dir;
  const auto missing = ReadFile(dir.File("absent"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find("absent"), std::string::npos);
  EXPECT_EQ(ReadFile(dir.path()).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace musubi::base
