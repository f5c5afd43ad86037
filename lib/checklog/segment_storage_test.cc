#include "lib/checklog/segment_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/fakes/temp_dir.h"

namespace musubi::checklog {
namespace {

TEST(SegmentStorage, NamesCountFromOneAndNothingElseIsASegment) {
  EXPECT_EQ(SegmentName(17), "checks-000000000017.log");
  EXPECT_EQ(SegmentNumber("checks-000000000017.log"), 17);
  for (const char* name : {"checks-17.log", "checks-000000000000.log", "checks-00000000001a.log",
                           "checks-000000000017.log.gz", "xchecks-000000000017.log", ""}) {
    EXPECT_EQ(SegmentNumber(name), 0) << name;
  }
}

TEST(SegmentStorage, MakesAFolderForItsOwnerAndListsSegmentsInOrder) {
  const fakes::TempDir folder;
  const std::string path = folder.File("checks");
  const auto storage = OpenSegments(path);
  ASSERT_TRUE(storage.ok()) << storage.status();
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  for (const int number : {2, 10, 1}) {
    ASSERT_TRUE((*storage)->Write(SegmentName(number), 0, "text").ok());
  }
  std::ofstream(path + "/notes.txt") << "not ours";
  EXPECT_THAT(*(*storage)->List(),
              testing::ElementsAre(SegmentName(1), SegmentName(2), SegmentName(10)));
  EXPECT_EQ(*(*storage)->Read(SegmentName(10)), "text");
  ASSERT_EQ(stat((path + "/" + SegmentName(1)).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(SegmentStorage, AFolderHasOneWriterAndReadersDoNotMind) {
  const fakes::TempDir folder;
  auto first = OpenSegments(folder.path());
  ASSERT_TRUE(first.ok());
  const auto second = OpenSegments(folder.path());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find(folder.path() + " is written by another process"),
            std::string::npos)
      << second.status();
  EXPECT_TRUE(OpenSegmentsToRead(folder.path()).ok());
  first->reset();
  EXPECT_TRUE(OpenSegments(folder.path()).ok());
}

TEST(SegmentStorage, ReadingMakesNoFolder) {
  const fakes::TempDir folder;
  const std::string absent = folder.File("absent");
  const auto source = OpenSegmentsToRead(absent);
  EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(source.status().message().find(absent), std::string::npos);
  struct stat info;
  EXPECT_NE(stat(absent.c_str(), &info), 0);
}

}  // namespace
}  // namespace musubi::checklog
