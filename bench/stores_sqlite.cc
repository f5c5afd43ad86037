// Links on SQLite beside the sqlite3 program, which is given the statements that our store was
// heard to run.
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/clocks.h"
#include "bench/stores.h"
#include "lib/base/check.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/link/sqlite_link_store.h"

namespace musubi::bench {
namespace {

constexpr int kUsualRepetitions = 5;
// A disk that must be waited for at each commit, and memory.
struct Place {
  const char* name;
  const char* directory;
  size_t links;
};
constexpr Place kPlaces[] = {{"disk", "/var/tmp", 500}, {"memory", "/dev/shm", 3000}};

// All statements of connections that are opened while it lives, with their values.
class Recorder {
 public:
  Recorder() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&OnOpen)); }
  ~Recorder() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&OnOpen)); }

  static std::string& Text() {
    static std::string text;
    return text;
  }

 private:
  static int OnOpen(sqlite3* db, char**, const void*) {
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, &OnStatement, nullptr);
  }
  static int OnStatement(unsigned, void*, void* statement, void* sql) {
    // What a trigger runs comes as a comment: the statement that fires it brings it along.
    if (std::string_view(static_cast<const char*>(sql)).starts_with("--")) return 0;
    char* const expanded = sqlite3_expanded_sql(static_cast<sqlite3_stmt*>(statement));
    MUSUBI_CHECK(expanded != nullptr, "no memory");
    absl::StrAppend(&Text(), expanded, ";\n");
    sqlite3_free(expanded);
    return 0;
  }
};

class SqliteBench {
 public:
  explicit SqliteBench(const Place& place)
      : links_(place.links), directory_(absl::StrCat(place.directory, "/musubi-bench-XXXXXX")) {
    MUSUBI_CHECK(mkdtemp(directory_.data()) != nullptr, "cannot make a directory");
  }
  ~SqliteBench() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Writes down the statements that make `links` links in a file that has its tables.
  absl::Status SetUp() {
    MUSUBI_RETURN_IF_ERROR(FreshFile().status());
    {
      const Recorder recorder;
      Recorder::Text() = ".output /dev/null\n";
      MUSUBI_RETURN_IF_ERROR(MakeLinks().status());
    }
    return base::WriteFileAtomically(script(), Recorder::Text(), 0600);
  }

  absl::StatusOr<double> Measure() {
    MUSUBI_RETURN_IF_ERROR(FreshFile().status());
    MUSUBI_ASSIGN_OR_RETURN(const absl::Duration time, MakeLinks());
    return LinksASecond(time);
  }

  absl::StatusOr<double> MeasureTool() {
    MUSUBI_RETURN_IF_ERROR(FreshFile().status());
    const absl::Duration begin = SteadyTime();
    MUSUBI_RETURN_IF_ERROR(
        RunTool({"/usr/bin/sqlite3", "-batch", "-bail", file(), ".read " + script()}).status());
    return LinksASecond(SteadyTime() - begin);
  }

 private:
  std::string file() const { return directory_ + "/links.db"; }
  std::string script() const { return directory_ + "/statements.sql"; }

  absl::StatusOr<std::unique_ptr<link::LinkStore>> Open() {
    return link::CreateSqliteLinkStore({.clock = &clock_,
                                        .random = &random_,
                                        .audit_keyring = audit_keyring_,
                                        .account_keyring = account_keyring_},
                                       {.path = file()});
  }
  absl::StatusOr<std::unique_ptr<link::LinkStore>> FreshFile() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file() + suffix);
    return Open();
  }
  absl::StatusOr<absl::Duration> MakeLinks() {
    const std::vector<LinkCall> calls = NewLinkCalls(links_, "mihon-university", random_);
    MUSUBI_ASSIGN_OR_RETURN(const auto store, Open());
    const absl::Duration begin = SteadyTime();
    for (const LinkCall& call : calls) {
      MUSUBI_RETURN_IF_ERROR(
          store->CreateLink(call.request, call.link, link::AccountPolicy::kOneLinkPerAccount)
              .status());
    }
    return SteadyTime() - begin;
  }
  // Whoever made them.
  absl::StatusOr<double> LinksASecond(absl::Duration time) {
    MUSUBI_ASSIGN_OR_RETURN(
        const std::string count,
        RunTool({"/usr/bin/sqlite3", file(),
                 "SELECT (SELECT count(*) FROM links), (SELECT max(sequence) FROM audit)"}));
    if (count != absl::StrCat(links_, "|", links_, "\n")) {
      return absl::InternalError(
          absl::StrCat(links_, " links were to be made; links|audit: ", count));
    }
    return static_cast<double>(links_) / absl::ToDoubleSeconds(time);
  }

  const size_t links_;
  std::string directory_;
  base::RealClock clock_;
  base::SystemRandom random_;
  const crypto::Keyring audit_keyring_ = crypto::Keyring::Generate("a1", random_);
  const crypto::Keyring account_keyring_ = crypto::Keyring::Generate("n1", random_);
};

}  // namespace

absl::Status MeasureSqlite(Report& report) {
  std::vector<std::unique_ptr<SqliteBench>> benches;
  std::vector<Task> tasks;
  for (const Place& place : kPlaces) {
    SqliteBench& bench = *benches.emplace_back(std::make_unique<SqliteBench>(place));
    MUSUBI_RETURN_IF_ERROR(bench.SetUp());
    const std::string ours = absl::StrCat("sqlite_links_", place.name);
    const std::string theirs = absl::StrCat("sqlite3_links_", place.name);
    tasks.push_back({ours, "links/s", [&bench] { return bench.Measure(); }});
    tasks.push_back({theirs, "links/s", [&bench] { return bench.MeasureTool(); }});
    report.AddTarget({.row = ours, .bound = Target::Bound::kAtLeast, .factor = 0.5, .of = theirs});
  }
  MUSUBI_RETURN_IF_ERROR(RunInterleaved(tasks, Repetitions(kUsualRepetitions), report));
  report.Note(absl::StrCat(
      "SQLite: one caller makes ", kPlaces[0].links, " links in a fresh file on a disk (",
      kPlaces[0].directory, ") and ", kPlaces[1].links, " in memory (", kPlaces[1].directory,
      "), each in a transaction of its own, WAL, synchronous=FULL. sqlite3 reads from a file the "
      "very statements, pragmas and transactions that our store ran before. Not the same: ours "
      "seal accounts, authenticate audit entries and bind values; sqlite3 parses values as text, "
      "and its start counts. Both prepare each statement anew."));
  return absl::OkStatus();
}

}  // namespace musubi::bench
