// One simulated world (sandbox/world.h) a test process, since making its keys takes seconds. Link
// sandbox_jpki to use it.
#ifndef MUSUBI_TESTS_FAKES_SANDBOX_WORLD_H_
#define MUSUBI_TESTS_FAKES_SANDBOX_WORLD_H_

#include <memory>
#include <string>

#include "lib/base/check.h"
#include "lib/base/secure_random.h"
#include "sandbox/virtual_card.h"
#include "sandbox/world.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::fakes {

// SandboxWorld stands at 2026-04-01 00:00:00 UTC. Tests only add to it: cards of their own,
// revocations of those, newer CRLs.
struct SandboxWorld {
  TempDir temp;
  SimulatedClock clock;
  base::SystemRandom random;
  std::string directory = temp.File("world");
  std::unique_ptr<sandbox::World> world = Make();

  static SandboxWorld& Get() {
    static SandboxWorld shared;
    return shared;
  }

  // The path of one new card.
  std::string NewCard(sandbox::World::CardOptions options = {}) const {
    const auto paths = world->IssueCards(options);
    MUSUBI_CHECK(paths.ok(), paths.status().ToString());
    return paths->front();
  }

  std::unique_ptr<sandbox::VirtualCard> Load(const std::string& path) const {
    auto card = sandbox::VirtualCard::Load(path);
    MUSUBI_CHECK(card.ok(), card.status().ToString());
    return *std::move(card);
  }

 private:
  std::unique_ptr<sandbox::World> Make() {
    auto made =
        sandbox::World::Create({.clock = clock, .random = random}, {.directory = directory});
    MUSUBI_CHECK(made.ok(), made.status().ToString());
    return *std::move(made);
  }
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_SANDBOX_WORLD_H_
