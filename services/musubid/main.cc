// musubid on the machine's own time.
#include "lib/base/clock.h"
#include "lib/base/timer.h"
#include "services/musubid/musubid.h"

int main(int argc, char** argv) {
  namespace musubid = musubi::services::musubid;
  musubid::PrepareProcess();
  musubid::ParseFlags(argc, argv);
  const musubi::base::RealClock clock;
  musubi::base::ThreadTimer timer;
  return musubid::Run(clock, timer);
}
