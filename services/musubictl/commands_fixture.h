// What tests of musubictl's commands share: a command is run in this process, with a folder of its
// own, and what it printed is kept. For tests only.
#ifndef MUSUBI_SERVICES_MUSUBICTL_COMMANDS_FIXTURE_H_
#define MUSUBI_SERVICES_MUSUBICTL_COMMANDS_FIXTURE_H_

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "services/musubictl/commands.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::services::musubictl {

class CommandsFixture : public testing::Test {
 protected:
  // Exit code; what was printed is in out_ and err_. `text` is standard input.
  int Run(const std::vector<std::string>& words, const Flags& flags, const std::string& text = "") {
    std::istringstream in(text);
    std::ostringstream out;
    std::ostringstream err;
    const int code = musubictl::Run(
        words, flags, {.random = random_, .clock = clock_, .in = in, .out = out, .err = err});
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  fakes::FakeRandom random_;
  fakes::SimulatedClock clock_;
  fakes::TempDir folder_;
  std::string out_;
  std::string err_;
};

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_COMMANDS_FIXTURE_H_
