// A stage of a test's own (sandbox/stage/stage.h) over the world that all tests of a process share.
#ifndef MUSUBI_TESTS_INTEGRATION_TEST_STAGE_H_
#define MUSUBI_TESTS_INTEGRATION_TEST_STAGE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "lib/base/check.h"
#include "sandbox/stage/stage.h"
#include "tests/fakes/sandbox_world.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::integration {

// TestStage is a pointer to its stage. Dies if it cannot be made.
class TestStage {
 public:
  TestStage() {
    // The binaries lie in bin/ beside the folder of the test's own binary.
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    auto stage = sandbox::Stage::Create(
        {.world = *world_.world,
         .clock = world_.clock,
         .advance_clock = [this](absl::Duration step) { world_.clock.Advance(step); },
         .random = world_.random},
        {.world_directory = world_.directory,
         .directory = directory_.path(),
         .musubid = self.parent_path().parent_path() / "bin/musubid_testclock"});
    MUSUBI_CHECK(stage.ok(), stage.status().ToString());
    stage_ = *std::move(stage);
  }

  // A race that ThreadSanitizer found in the server is in its output alone: the process goes on.
  ~TestStage() {
    EXPECT_EQ(stage_->output().find("ThreadSanitizer"), std::string::npos) << stage_->output();
  }
  TestStage(const TestStage&) = delete;
  TestStage& operator=(const TestStage&) = delete;

  sandbox::Stage* operator->() { return stage_.get(); }
  sandbox::Stage& operator*() { return *stage_; }
  const fakes::SandboxWorld& world() const { return world_; }
  // A card of its own.
  std::unique_ptr<sandbox::VirtualCard> NewCard(sandbox::World::CardOptions options = {}) const {
    return world_.Load(world_.NewCard(options));
  }

 private:
  fakes::SandboxWorld& world_ = fakes::SandboxWorld::Get();
  fakes::TempDir directory_;
  std::unique_ptr<sandbox::Stage> stage_;
};

}  // namespace musubi::integration

#endif  // MUSUBI_TESTS_INTEGRATION_TEST_STAGE_H_
