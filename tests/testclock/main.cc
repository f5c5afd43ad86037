// musubid_testclock: musubid's own main with a time that stands still until the test that started
// it moves it. It begins at MUSUBI_TEST_CLOCK_START (Unix seconds). The test writes lines "advance
// SECONDS" into the pipe that MUSUBI_TEST_CLOCK_FD names, and reads a line "now UNIX-SECONDS" from
// that of MUSUBI_TEST_CLOCK_ACK_FD when every timer that was due has run. A Redis that keeps
// sessions has the machine's time; its answers are taken to be as far ahead of it as the test's
// time is. Not shipped: the real binary has no such switch.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/time/time.h"
#include "lib/base/check.h"
#include "lib/base/clock.h"
#include "services/musubid/musubid.h"
#include "tests/fakes/simulated_clock.h"

namespace {

long long Number(const char* variable) {
  const char* number = std::getenv(variable);
  MUSUBI_CHECK(number != nullptr, "musubid_testclock is started by a test, with two pipes");
  return std::atoll(number);
}

FILE* OpenInherited(const char* variable, const char* mode) {
  FILE* file = fdopen(static_cast<int>(Number(variable)), mode);
  MUSUBI_CHECK(file != nullptr, "the inherited pipe is not open");
  return file;
}

void FollowTest(musubi::fakes::SimulatedClock& clock, FILE* commands, FILE* acks) {
  double seconds = 0;
  while (std::fscanf(commands, " advance %lf", &seconds) == 1) {
    clock.Advance(absl::Seconds(seconds));
    std::fprintf(acks, "now %lld\n", static_cast<long long>(absl::ToUnixSeconds(clock.Now())));
    std::fflush(acks);
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace musubid = musubi::services::musubid;
  musubid::PrepareProcess();
  musubid::ParseFlags(argc, argv);
  musubi::fakes::SimulatedClock clock(absl::FromUnixSeconds(Number("MUSUBI_TEST_CLOCK_START")));
  const musubi::base::RealClock machine;
  FILE* commands = OpenInherited("MUSUBI_TEST_CLOCK_FD", "r");
  FILE* acks = OpenInherited("MUSUBI_TEST_CLOCK_ACK_FD", "w");
  std::thread follower([&] { FollowTest(clock, commands, acks); });
  const int code = musubid::Run(clock, clock, [&] { return clock.Now() - machine.Now(); });
  // The follower waits for the test, which may never write again.
  follower.detach();
  std::_Exit(code);
}
