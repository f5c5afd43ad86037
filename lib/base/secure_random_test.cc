#include "lib/base/secure_random.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/fakes/fake_random.h"

namespace musubi::base {
namespace {

TEST(SystemRandom, GivesDifferentBytes) {
  SystemRandom random;
  EXPECT_NE(random.Bytes<32>(), random.Bytes<32>());
}

TEST(SecureRandom, UniformReachesEveryValueAndNothingElse) {
  SystemRandom random;
  std::set<uint32_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Uniform(6));
  EXPECT_EQ(seen, (std::set<uint32_t>{0, 1, 2, 3, 4, 5}));
}

TEST(SecureRandom, UniformDrawsAgainWhereTheRangeIsUneven) {
  fakes::FakeRandom random;
  // 2^32 mod 1000000 = 967296: a draw of 5 lies below it and must not be used.
  random.Script({5, 0, 0, 0});
  random.Script({0x40, 0x42, 0x0f, 0x01});  // 0x010f4240 = 17,777,216
  EXPECT_EQ(random.Uniform(1'000'000), 17'777'216u % 1'000'000u);
}

}  // namespace
}  // namespace musubi::base
