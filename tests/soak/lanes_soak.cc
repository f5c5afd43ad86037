// `scripts/test soak`: the RSA lanes against OpenSSL, 30 million cases unless told otherwise. Exits
// with 1 if one is wrong.
#include <algorithm>
#include <cstdio>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "lib/crypto/rsa_lanes.h"
#include "tests/soak/lane_cases.h"

ABSL_FLAG(uint64_t, cases, 30'000'000, "how many");
ABSL_FLAG(uint64_t, seed, 1, "of the first million; each further one has the next seed");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  if (!musubi::crypto::rsa_lanes::Supported()) {
    std::printf("*** NO LANES on this processor (AVX-512 IFMA and VBMI): nothing was run.\n");
    return 0;
  }
  constexpr uint64_t kChunk = 1'000'000;
  const uint64_t cases = absl::GetFlag(FLAGS_cases);
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  musubi::soak::LaneCases total;
  auto add = [&total](const musubi::soak::LaneCases& part) {
    total.cases += part.cases;
    total.wrong += part.wrong;
    for (const std::string& wrong : part.first_wrong) std::printf("WRONG: %s\n", wrong.c_str());
  };
  add(musubi::soak::CraftedLaneCases(seed));
  while (total.cases < cases) {
    add(musubi::soak::RandomLaneCases(seed++, std::min(kChunk, cases - total.cases)));
  }
  std::printf("lanes: %llu cases, %llu wrong\n", static_cast<unsigned long long>(total.cases),
              static_cast<unsigned long long>(total.wrong));
  return total.wrong == 0 ? 0 : 1;
}
