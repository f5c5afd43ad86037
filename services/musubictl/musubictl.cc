// musubictl: flags in, exit code out. What it does is in commands.cc.
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "services/musubictl/commands.h"

ABSL_FLAG(std::string, link_db, "", "The SQLite file of the link store (audit verify, audit head)");
ABSL_FLAG(std::string, audit_keyring, "", "The keyring of the audit chain (audit verify)");
ABSL_FLAG(std::string, expected_head, "",
          "What `audit head` printed earlier: 80 hexadecimal digits (audit verify)");
ABSL_FLAG(std::string, id, "", "The new key's id: 1 to 16 of a-z, 0-9 and - (keyring new)");
ABSL_FLAG(std::string, out, "", "The file to make (keyring new)");
ABSL_FLAG(std::string, key, "", "The file of the evidence key (evidence public-key)");

int main(int argc, char** argv) {
  namespace ctl = musubi::services::musubictl;
  absl::SetProgramUsageMessage(ctl::Usage());
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  musubi::base::SystemRandom random;
  return ctl::Run({positional.begin() + 1, positional.end()},
                  {.link_db = absl::GetFlag(FLAGS_link_db),
                   .audit_keyring = absl::GetFlag(FLAGS_audit_keyring),
                   .expected_head = absl::GetFlag(FLAGS_expected_head),
                   .id = absl::GetFlag(FLAGS_id),
                   .out = absl::GetFlag(FLAGS_out),
                   .key = absl::GetFlag(FLAGS_key)},
                  {.random = random, .out = std::cout, .err = std::cerr});
}
