#include "lib/link/audit_checkpointer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "lib/base/file.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::link {
namespace {

using testing::HasSubstr;

class Checkpointer : public testing::Test {
 protected:
  std::unique_ptr<AuditCheckpointer> Open() {
    auto made = AuditCheckpointer::Open(key_, path_);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }
  static ChainHead Head(const std::string& party, uint8_t sequence, uint8_t mac) {
    return {party, {sequence, base::Hash256{mac}}};
  }
  std::vector<ChainHead> InFile() {
    std::vector<ChainHead> chains;
    const auto octets =
        ForEachCheckpointLine(path_, [&](std::string_view line, int64_t) -> absl::Status {
          const auto one = AuditCheckpoint::Parse(line);
          if (one.ok()) chains.push_back(one->chain);
          return one.status();
        });
    EXPECT_TRUE(octets.ok()) << octets.status();
    return chains;
  }

  fakes::FakeRandom random_;
  fakes::SimulatedClock clock_;
  const crypto::Ed25519PrivateKey key_ = crypto::Ed25519PrivateKey::Generate("c1", random_);
  fakes::TempDir folder_;
  const std::string path_ = folder_.File("checkpoints.jsonl");
  const ChainHead a1_ = Head("party-a", 1, 11);
  const ChainHead a2_ = Head("party-a", 2, 12);
  const ChainHead b1_ = Head("party-b", 1, 21);
};

TEST_F(Checkpointer, WritesWhatMovedAndNothingElseAlsoOverARestart) {
  auto one = Open();
  EXPECT_TRUE(one->Append({}, clock_.Now()).checkpoints.empty());
  EXPECT_FALSE(std::filesystem::exists(path_));
  const std::vector<ChainHead> first = {a1_, b1_};
  EXPECT_EQ(one->Append(first, clock_.Now()).checkpoints.size(), 2u);
  EXPECT_TRUE(one->Append(first, clock_.Now()).checkpoints.empty());
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  one.reset();
  one = Open();
  EXPECT_TRUE(one->Append(first, clock_.Now()).checkpoints.empty());
  const std::vector<ChainHead> second = {a2_, b1_};
  const auto round = one->Append(second, clock_.Now());
  ASSERT_TRUE(round.written.ok()) << round.written;
  EXPECT_TRUE(round.regressions.empty());
  EXPECT_EQ(InFile(), (std::vector<ChainHead>{a1_, b1_, a2_}));
}

TEST_F(Checkpointer, TellsOfAChainThatWentBackAndSignsWhatItSaw) {
  auto one = Open();
  one->Append(std::vector<ChainHead>{a2_, b1_}, clock_.Now());
  one.reset();
  one = Open();  // The file remembers.
  const ChainHead other = Head("party-b", 1, 29);
  auto round = one->Append(std::vector<ChainHead>{a1_, other}, clock_.Now());
  ASSERT_EQ(round.regressions.size(), 2u);
  EXPECT_EQ(round.regressions[0].was, a2_);
  EXPECT_EQ(round.regressions[0].is, a1_);
  EXPECT_EQ(round.regressions[1].is, other);
  EXPECT_EQ(InFile(), (std::vector<ChainHead>{a2_, b1_, a1_, other}));
  // One that is gone altogether; told once.
  round = one->Append(std::vector<ChainHead>{a1_}, clock_.Now());
  ASSERT_EQ(round.regressions.size(), 1u);
  EXPECT_EQ(round.regressions[0].was, other);
  EXPECT_EQ(round.regressions[0].is.head, AuditHead());
  EXPECT_TRUE(one->Append(std::vector<ChainHead>{a1_}, clock_.Now()).regressions.empty());
}

TEST_F(Checkpointer, AWriteThatFailsIsMadeGoodByTheNext) {
  const auto one = Open();
  one->Append(std::vector<ChainHead>{a1_}, clock_.Now());
  const std::string aside = path_ + ".aside";
  std::filesystem::rename(path_, aside);
  std::filesystem::create_directory(path_);  // Nothing can be written to it.
  const auto failed = one->Append(std::vector<ChainHead>{a2_}, clock_.Now());
  EXPECT_FALSE(failed.written.ok());
  EXPECT_EQ(failed.checkpoints.size(), 1u);  // For the log.
  std::filesystem::remove(path_);
  std::filesystem::rename(aside, path_);
  EXPECT_TRUE(one->Append(std::vector<ChainHead>{a2_}, clock_.Now()).written.ok());
  EXPECT_EQ(InFile(), (std::vector<ChainHead>{a1_, a2_}));
}

TEST_F(Checkpointer, AFileThatWasPutAwayIsBegunAgainAndOneThatWasCutIsNot) {
  const auto one = Open();
  one->Append(std::vector<ChainHead>{a1_}, clock_.Now());
  std::filesystem::rename(path_, path_ + ".1");
  EXPECT_TRUE(one->Append(std::vector<ChainHead>{a1_, b1_}, clock_.Now()).written.ok());
  EXPECT_EQ(InFile(), (std::vector<ChainHead>{b1_}));
  std::filesystem::resize_file(path_, 10);
  const auto round = one->Append(std::vector<ChainHead>{a2_, b1_}, clock_.Now());
  EXPECT_EQ(round.written.code(), absl::StatusCode::kDataLoss) << round.written;
}

TEST_F(Checkpointer, CutsWhatAKillLeftOfALine) {
  Open()->Append(std::vector<ChainHead>{a1_}, clock_.Now());
  const std::string whole = *base::ReadFile(path_);
  ASSERT_TRUE(base::WriteFileAtomically(path_, whole + whole.substr(0, 100), 0600).ok());
  EXPECT_TRUE(Open()->Append(std::vector<ChainHead>{a2_}, clock_.Now()).written.ok());
  EXPECT_EQ(InFile(), (std::vector<ChainHead>{a1_, a2_}));
}

TEST_F(Checkpointer, RefusesAFileOfAnotherKindAndOneOfAnotherProcess) {
  const auto one = Open();
  const auto second = AuditCheckpointer::Open(key_, path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process"));
  const std::string other = folder_.File("other");
  ASSERT_TRUE(base::WriteFileAtomically(other, "a line\n", 0600).ok());
  const auto refused = AuditCheckpointer::Open(key_, other);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("other: line 1"));
  EXPECT_EQ(*base::ReadFile(other), "a line\n");
}

}  // namespace
}  // namespace musubi::link
