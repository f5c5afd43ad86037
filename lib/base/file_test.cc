#include "lib/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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
