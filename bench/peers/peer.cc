#include "bench/peers/peer.h"

#include <algorithm>
#include <iostream>
#include <string>

#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::bench {
namespace {

absl::Status Serve(const std::vector<Validator>& validators, const Workload& workload) {
  for (const Validator& validator : validators) {
    MUSUBI_RETURN_IF_ERROR(SelfCheck(validator, workload));
    MUSUBI_RETURN_IF_ERROR(MeasureCpu(validator, workload).status());
  }
  std::cout << "ready" << std::endl;
  for (std::string row; std::getline(std::cin, row);) {
    const auto it = std::find_if(validators.begin(), validators.end(),
                                 [&](const Validator& validator) { return validator.name == row; });
    if (it == validators.end()) {
      std::cout << "error no row " << row << std::endl;
      continue;
    }
    const absl::StatusOr<double> figure = MeasureCpu(*it, workload);
    if (figure.ok()) {
      std::cout << *figure << std::endl;
    } else {
      std::cout << "error " << figure.status().message() << std::endl;
    }
  }
  return absl::OkStatus();
}

absl::Status Run(
    int argc, char** argv,
    const std::function<absl::StatusOr<std::vector<Validator>>(const Workload&)>& make) {
  if (argc != 2) return absl::InvalidArgumentError("usage: PEER WORKLOAD");
  MUSUBI_ASSIGN_OR_RETURN(const std::string encoded, base::ReadFile(argv[1]));
  MUSUBI_ASSIGN_OR_RETURN(const Workload workload, DecodeWorkload(base::AsBytes(encoded)));
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<Validator> validators, make(workload));
  return Serve(validators, workload);
}

}  // namespace

int RunPeer(int argc, char** argv,
            const std::function<absl::StatusOr<std::vector<Validator>>(const Workload&)>& make) {
  const absl::Status status = Run(argc, argv, make);
  if (status.ok()) return 0;
  std::cerr << argv[0] << ": " << status.ToString() << "\n";
  return 1;
}

}  // namespace musubi::bench
