// Randomness that kills its process, as kill -9 does, in the middle of whatever draws it: for
// EXPECT_EXIT.
#ifndef MUSUBI_TESTS_FAKES_DYING_RANDOM_H_
#define MUSUBI_TESTS_FAKES_DYING_RANDOM_H_

#include <signal.h>
#include <unistd.h>

#include "lib/base/secure_random.h"

namespace musubi::fakes {

class DyingRandom final : public base::SecureRandom {
 public:
  explicit DyingRandom(int draws) : left_(draws) {}

  void Fill(std::span<uint8_t> out) override {
    if (left_-- == 0) kill(getpid(), SIGKILL);
    random_.Fill(out);
  }

 private:
  base::SystemRandom random_;
  int left_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_DYING_RANDOM_H_
