// musubi-bench-stores: `scripts/bench stores`. Our stores beside redis-benchmark, sqlite3 and
// pgbench, which send the same scripts and statements to the same servers.
#include "bench/stores.h"

#include <iostream>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/base/status.h"
#include "sandbox/stage/child_process.h"

ABSL_FLAG(std::string, only, "", "redis, sqlite or postgres; empty: all three");

namespace musubi::bench {

absl::StatusOr<std::string> RunTool(const std::vector<std::string>& command,
                                    const std::map<std::string, std::string>& environment) {
  sandbox::ChildProcess process(command, environment, {});
  const int code = process.Wait();
  if (code == 0) return process.output();
  return absl::InternalError(
      absl::StrCat(command[0], " ended with ", code, ": ", process.output().substr(0, 2000)));
}

absl::StatusOr<double> FigureBefore(std::string_view output, std::string_view text) {
  const size_t end = output.rfind(text);
  if (end == std::string_view::npos || end == 0) {
    return absl::InternalError(absl::StrCat("no figure before '", std::string(text), "'"));
  }
  const size_t last = output.find_last_not_of("0123456789.", end - 1);
  const size_t begin = last == std::string_view::npos ? 0 : last + 1;
  double figure = 0;
  if (!absl::SimpleAtod(std::string(output.substr(begin, end - begin)), &figure)) {
    return absl::InternalError(absl::StrCat("no figure before '", std::string(text), "'"));
  }
  return figure;
}

std::vector<LinkCall> NewLinkCalls(size_t count, std::string_view relying_party_id,
                                   base::SecureRandom& random) {
  std::vector<LinkCall> calls;
  for (size_t i = 0; i < count; ++i) {
    // Of one length, so that what seals it is.
    const std::string account = absl::StrFormat("u-%010d-%06d", random.Uniform(1u << 30), i);
    calls.push_back(
        {.request = {.id = random.Bytes<16>(), .body_hash = random.Bytes<32>()},
         .link = {.relying_party_id = std::string(relying_party_id),
                  .account = {"https://id.mihon.example", account},
                  .subject = random.Bytes<32>(),
                  .person_id = random.Bytes<16>(),
                  .session_id = random.Bytes<16>(),
                  .verdict_summary = R"({"anchor":"auth-01","kind":"USER_AUTHENTICATION",)"
                                     R"("method":"OCSP","status":"VALID"})",
                  .commitment = random.Bytes<32>()}});
  }
  return calls;
}

namespace {

absl::Status Measure(Report& report) {
  const std::string only = absl::GetFlag(FLAGS_only);
  const std::pair<const char*, absl::Status (*)(Report&)> parts[] = {
      {"redis", &MeasureRedis}, {"sqlite", &MeasureSqlite}, {"postgres", &MeasurePostgres}};
  bool known = only.empty();
  for (const auto& [name, measure] : parts) {
    if (!only.empty() && only != name) continue;
    known = true;
    MUSUBI_RETURN_IF_ERROR(measure(report));
  }
  if (known) return absl::OkStatus();
  return absl::InvalidArgumentError("--only: redis, sqlite or postgres");
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "measures the stores on Redis, SQLite and PostgreSQL beside redis-benchmark, sqlite3 and "
      "pgbench");
  absl::ParseCommandLine(argc, argv);
  musubi::bench::Report report("stores");
  const absl::Status status = musubi::bench::Measure(report);
  if (status.ok()) return report.Finish();
  std::cerr << "musubi-bench-stores: " << status.ToString() << "\n";
  return 1;
}
