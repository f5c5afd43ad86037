// The parts of `scripts/bench stores`: each measures one of our stores beside the tool of its own
// server or library, which sends the same. Internal to bench/stores*.cc.
#ifndef MUSUBI_BENCH_STORES_H_
#define MUSUBI_BENCH_STORES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/report.h"
#include "lib/base/secure_random.h"
#include "lib/link/link_store.h"

namespace musubi::bench {

// Each adds rows, targets and notes. An error ends the benchmark.
absl::Status MeasureRedis(Report& report);
absl::Status MeasureSqlite(Report& report);
absl::Status MeasurePostgres(Report& report);

// RunTool runs a program to its end and returns what it printed. INTERNAL with that, if it fails.
absl::StatusOr<std::string> RunTool(const std::vector<std::string>& command,
                                    const std::map<std::string, std::string>& environment = {});

// The figure before `text` in what a tool printed. INTERNAL if there is none.
absl::StatusOr<double> FigureBefore(std::string_view output, std::string_view text);

// A call of CreateLink, and so a link that nothing else has a part of.
struct LinkCall {
  link::RequestKey request;
  link::NewLink link;
};
std::vector<LinkCall> NewLinkCalls(size_t count, std::string_view relying_party_id,
                                   base::SecureRandom& random);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_STORES_H_
