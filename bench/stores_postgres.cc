// Links on PostgreSQL beside pgbench, whose scripts are made of the statements that the server
// logged when our store ran them.
#include <algorithm>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/clocks.h"
#include "bench/stores.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/link/postgres_link_store.h"
#include "lib/postgres/connection.h"
#include "tests/fakes/postgres_server.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::bench {
namespace {

constexpr int kUsualRepetitions = 3;
constexpr size_t kClients = 16;  // Threads and connections: the store's default.
constexpr size_t kLinksEach = 250;
constexpr const char* kParties[] = {"mihon-university", "shiken-university", "rei-university",
                                    "dummy-university"};

// A statement as the server logged it: `$n` in the text, and the values, quotes taken off. Nothing:
// NULL.
struct Statement {
  std::string sql;
  std::vector<std::optional<std::string>> values;
};
using Statements = std::vector<Statement>;  // From BEGIN to COMMIT.

// $1 = 'it''s', $2 = NULL
std::vector<std::optional<std::string>> ValuesOf(std::string_view text) {
  std::vector<std::optional<std::string>> values;
  size_t at = 0;
  while ((at = text.find(" = ", at)) != std::string_view::npos) {
    at += 3;
    if (text[at] != '\'') {
      values.emplace_back();
      continue;
    }
    std::string& value = values.emplace_back(std::string()).value();
    for (++at; at < text.size(); ++at) {
      if (text[at] == '\'' && text.substr(at, 2) != "''") break;
      if (text[at] == '\'') ++at;
      value += text[at];
    }
  }
  return values;
}

std::vector<Statements> TransactionsOf(const std::string& log) {
  std::vector<Statements> transactions;
  for (const auto raw : absl::StrSplit(log, '\n')) {
    const std::string_view line(raw.data(), raw.size());
    constexpr std::string_view kExecute = "LOG:  execute ", kValues = "DETAIL:  parameters: ";
    if (const size_t name = line.find(kExecute); name != std::string_view::npos) {
      const size_t colon = line.find(": ", name + kExecute.size());
      const std::string_view sql = line.substr(colon + 2);
      if (sql.starts_with("BEGIN")) transactions.emplace_back();
      if (!transactions.empty()) transactions.back().push_back({std::string(sql), {}});
    } else if (const size_t values = line.find(kValues);
               values != std::string_view::npos && !transactions.empty()) {
      transactions.back().back().values = ValuesOf(line.substr(values + kValues.size()));
    }
  }
  return transactions;
}

// The pgbench script of a transaction that was logged twice, with other values each time. What
// was the same both times is a variable of pgbench and set once; octets that were not are made of a
// number that each transaction has for itself.
class Script {
 public:
  Script(size_t number, const Statements& one, const Statements& other)
      : number_(number), one_(one), other_(other) {}

  // INTERNAL if the store does what this file does not know.
  absl::Status Make() {
    if (one_.size() != other_.size()) return Unknown("the number of statements");
    for (size_t i = 0; i < one_.size(); ++i) MUSUBI_RETURN_IF_ERROR(Add(one_[i], other_[i]));
    return absl::OkStatus();
  }
  const std::string& text() const { return text_; }
  const std::vector<std::string>& variables() const { return variables_; }

 private:
  static absl::Status Unknown(std::string_view what) {
    return absl::InternalError(
        absl::StrCat("CreateLink's statements are not what bench/stores_postgres.cc knows: ",
                     std::string(what)));
  }

  absl::Status Add(const Statement& one, const Statement& other) {
    if (one.sql != other.sql || one.values.size() != other.values.size()) return Unknown(one.sql);
    std::string sql;
    for (size_t at = 0; at < one.sql.size();) {
      if (one.sql[at] != '$') {
        sql += one.sql[at++];
        continue;
      }
      size_t index = 0;
      for (++at;
           at < one.sql.size() && absl::ascii_isdigit(static_cast<unsigned char>(one.sql[at]));
           ++at) {
        index = index * 10 + static_cast<size_t>(one.sql[at] - '0');
      }
      if (index == 0 || index > one.values.size()) return Unknown(one.sql);
      MUSUBI_ASSIGN_OR_RETURN(const std::string value, Value(one, other, index - 1));
      sql += value;
    }
    // The head of the audit chain is read and goes on by one.
    const bool head = sql.find("FROM audit_heads") != std::string::npos;
    absl::StrAppend(&text_, sql, head ? "\n\\gset\n\\set sequence :sequence + 1\n" : ";\n");
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Value(const Statement& one, const Statement& other, size_t index) {
    const auto& value = one.values[index];
    const auto& again = other.values[index];
    if (value.has_value() != again.has_value()) return Unknown(one.sql);
    if (!value.has_value()) return "NULL";
    int64_t number = 0, next = 0;
    const bool is_number = absl::SimpleAtoi(*value, &number) && absl::SimpleAtoi(*again, &next);
    if (is_number && next == number + 1 && one.sql.find("INTO audit ") != std::string::npos) {
      return ":sequence";
    }
    if (*value == *again || is_number) {
      const std::string name = absl::StrCat("v", number_, "_", variables_.size());
      variables_.push_back(absl::StrCat(name, "=", *value));
      return ":" + name;
    }
    if (!value->starts_with("\\x") || value->size() != again->size()) return Unknown(one.sql);
    // The first octets as they were, the last eight new. Shorter ones the store does not have.
    constexpr size_t kNewDigits = 16;
    if (value->size() < 2 + kNewDigits) return Unknown(one.sql);
    const size_t place = octets_.try_emplace(*value, octets_.size()).first->second;
    return absl::StrCat("('", value->substr(0, value->size() - kNewDigits),
                        "'::bytea || int8send(:u::bigint * 64 + ", place, "))");
  }

  const size_t number_;
  const Statements& one_;
  const Statements& other_;
  std::string text_;
  std::vector<std::string> variables_;    // NAME=VALUE
  std::map<std::string, size_t> octets_;  // In the order of their first use.
};

// Transactions a second in pgbench's logs, from when each client has ended its first one, within
// which it prepares its statements and its server process reads the catalogues.
absl::StatusOr<double> RateOf(const std::string& directory) {
  std::vector<double> ends;
  double begin = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    std::ifstream in(file.path());
    int64_t client = 0, number = 0, latency = 0, script = 0, seconds = 0, microseconds = 0;
    std::vector<bool> known(kClients);
    while (in >> client >> number >> latency >> script >> seconds >> microseconds) {
      const double end = static_cast<double>(seconds) + static_cast<double>(microseconds) / 1e6;
      ends.push_back(end);
      if (!known.at(static_cast<size_t>(client))) begin = std::max(begin, end);
      known[static_cast<size_t>(client)] = true;
    }
  }
  if (ends.size() != kClients * (1 + kLinksEach)) {
    return absl::InternalError(absl::StrCat("pgbench logged ", ends.size(), " transactions"));
  }
  const auto counted =
      std::count_if(ends.begin(), ends.end(), [&](double end) { return end > begin; });
  return static_cast<double>(counted) / (*std::max_element(ends.begin(), ends.end()) - begin);
}

class PostgresBench {
 public:
  absl::Status SetUp();
  absl::StatusOr<double> Measure();
  absl::StatusOr<double> MeasureTool(size_t threads);
  size_t statements() const { return statements_; }

 private:
  // A database with its tables, and one link of each relying party, after which none is the first.
  absl::StatusOr<std::string> FreshDatabase();
  absl::StatusOr<std::unique_ptr<link::LinkStore>> Open(const std::string& database) {
    return link::CreatePostgresLinkStore(
        {.clock = &clock_,
         .random = &random_,
         .audit_keyring = audit_keyring_,
         .account_keyring = account_keyring_},
        {.conninfo = server_.Conninfo(database), .connections = kClients});
  }
  absl::Status MakeLinks(link::LinkStore& store, size_t count, const char* party) {
    for (const LinkCall& call : NewLinkCalls(count, party, random_)) {
      MUSUBI_RETURN_IF_ERROR(
          store.CreateLink(call.request, call.link, link::AccountPolicy::kOneLinkPerAccount)
              .status());
    }
    return absl::OkStatus();
  }
  absl::Status CheckCount(const std::string& database, size_t wanted);

  fakes::PostgresServer server_;
  const fakes::TempDir directory_;
  base::RealClock clock_;
  base::SystemRandom random_;
  const crypto::Keyring audit_keyring_ = crypto::Keyring::Generate("a1", random_);
  const crypto::Keyring account_keyring_ = crypto::Keyring::Generate("n1", random_);
  std::vector<std::string> tool_options_;
  size_t statements_ = 0;
};

absl::StatusOr<std::string> PostgresBench::FreshDatabase() {
  const std::string database = server_.NewDatabase();
  MUSUBI_ASSIGN_OR_RETURN(const auto connection,
                          postgres::Connection::Open(server_.Conninfo(database), {}));
  MUSUBI_RETURN_IF_ERROR(Migrate(*connection, link::kPostgresLinkSchema).status());
  MUSUBI_ASSIGN_OR_RETURN(const auto store, Open(database));
  for (const char* party : kParties) MUSUBI_RETURN_IF_ERROR(MakeLinks(*store, 1, party));
  return database;
}

absl::Status PostgresBench::SetUp() {
  MUSUBI_ASSIGN_OR_RETURN(const std::string database, FreshDatabase());
  server_.Run("postgres", "ALTER DATABASE " + database + " SET log_statement = 'all'");
  {
    MUSUBI_ASSIGN_OR_RETURN(const auto store, Open(database));
    for (const char* party : kParties) MUSUBI_RETURN_IF_ERROR(MakeLinks(*store, 2, party));
  }
  server_.Run(database, "SELECT 'end of capture'");
  while (server_.log().find("end of capture") == std::string::npos) Rest(absl::Milliseconds(10));
  std::vector<Statements> transactions = TransactionsOf(server_.log());
  // The store looks at its schema and keys first.
  std::erase_if(transactions, [](const Statements& statements) {
    return std::none_of(statements.begin(), statements.end(), [](const Statement& statement) {
      return statement.sql.starts_with("INSERT INTO links ");
    });
  });
  if (transactions.size() != 2 * std::size(kParties)) {
    return absl::InternalError("the server's log has not the transactions that were made");
  }
  std::string text = "\\set n :n + 1\n\\set u :client_id * 10000000 + :n\n";
  for (size_t i = 0; i < std::size(kParties); ++i) {
    Statements one = transactions[2 * i], other = transactions[2 * i + 1];
    for (Statements* statements : {&one, &other}) {
      const auto commit = std::find_if(statements->begin(), statements->end(),
                                       [](const Statement& s) { return s.sql == "COMMIT"; });
      if (commit == statements->end()) return absl::InternalError("no COMMIT in the log");
      statements->erase(commit + 1, statements->end());
    }
    Script script(i, one, other);
    MUSUBI_RETURN_IF_ERROR(script.Make());
    statements_ = one.size();
    // Each client keeps to one relying party, as our threads do.
    absl::StrAppend(&text, i == 0 ? "\\if " : "\\elif ", ":client_id % ", std::size(kParties),
                    " = ", i, "\n", script.text());
    for (const std::string& variable : script.variables()) {
      tool_options_.insert(tool_options_.end(), {"-D", variable});
    }
  }
  const std::string file = directory_.File("link.sql");
  tool_options_.insert(tool_options_.end(), {"-f", file});
  return base::WriteFileAtomically(file, text + "\\endif\n", 0600);
}

absl::Status PostgresBench::CheckCount(const std::string& database, size_t wanted) {
  MUSUBI_ASSIGN_OR_RETURN(const auto connection,
                          postgres::Connection::Open(server_.Conninfo(database), {}));
  for (const std::string what :
       {"count(*) FROM musubi_link.links", "count(*) FROM musubi_link.audit",
        "sum(sequence)::bigint FROM musubi_link.audit_heads"}) {
    MUSUBI_ASSIGN_OR_RETURN(const postgres::Result rows, connection->Query("SELECT " + what));
    if (rows.row(0).Int(0) != static_cast<int64_t>(wanted)) {
      return absl::InternalError(
          absl::StrCat(what, " is ", rows.row(0).Int(0), " and not ", wanted));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> PostgresBench::Measure() {
  MUSUBI_ASSIGN_OR_RETURN(const std::string database, FreshDatabase());
  MUSUBI_ASSIGN_OR_RETURN(const auto store, Open(database));
  std::vector<absl::Status> ended(kClients);
  std::vector<std::thread> threads;
  absl::Duration begin;
  std::barrier line(static_cast<ptrdiff_t>(kClients), [&]() noexcept { begin = SteadyTime(); });
  for (size_t i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      const char* const party = kParties[i % std::size(kParties)];
      // All connections are made, and all statements prepared, before the time counts.
      ended[i] = MakeLinks(*store, 1, party);
      line.arrive_and_wait();
      if (ended[i].ok()) ended[i] = MakeLinks(*store, kLinksEach, party);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::Duration time = SteadyTime() - begin;
  for (const absl::Status& status : ended) MUSUBI_RETURN_IF_ERROR(status);
  MUSUBI_RETURN_IF_ERROR(CheckCount(database, std::size(kParties) + kClients * (1 + kLinksEach)));
  return static_cast<double>(kClients * kLinksEach) / absl::ToDoubleSeconds(time);
}

absl::StatusOr<double> PostgresBench::MeasureTool(size_t threads) {
  const fakes::TempDir log_directory;
  MUSUBI_ASSIGN_OR_RETURN(const std::string database, FreshDatabase());
  std::vector<std::string> command = {"/usr/lib/postgresql/15/bin/pgbench",
                                      "--no-vacuum",
                                      "--protocol=prepared",
                                      absl::StrCat("--client=", kClients),
                                      absl::StrCat("--jobs=", threads),
                                      absl::StrCat("--transactions=", 1 + kLinksEach),
                                      "--log",
                                      "--log-prefix=" + log_directory.File("log"),
                                      "-D",
                                      "n=0"};
  command.insert(command.end(), tool_options_.begin(), tool_options_.end());
  command.push_back(server_.Conninfo(database));
  MUSUBI_RETURN_IF_ERROR(RunTool(command, {{"PGOPTIONS",
                                            "-c search_path=musubi_link -c role=musubi_link"
                                            " -c statement_timeout=9750"}})
                             .status());
  MUSUBI_RETURN_IF_ERROR(CheckCount(database, std::size(kParties) + kClients * (1 + kLinksEach)));
  return RateOf(log_directory.path());
}

}  // namespace

absl::Status MeasurePostgres(Report& report) {
  PostgresBench bench;
  MUSUBI_RETURN_IF_ERROR(bench.SetUp());
  const std::vector<Task> tasks = {
      {"postgres_links", "links/s", [&] { return bench.Measure(); }},
      {"pgbench_links", "links/s", [&] { return bench.MeasureTool(kClients); }},
      {"pgbench_links_2_threads", "links/s", [&] { return bench.MeasureTool(2); }}};
  MUSUBI_RETURN_IF_ERROR(RunInterleaved(tasks, Repetitions(kUsualRepetitions), report));
  report.AddTarget({.row = "postgres_links",
                    .bound = Target::Bound::kAtLeast,
                    .factor = 0.5,
                    .of = "pgbench_links"});
  report.Note(absl::StrCat(
      "PostgreSQL 15: ", kClients, " threads with a connection each make ", kLinksEach,
      " links each, of ", std::size(kParties),
      " relying parties, over a unix socket, in a fresh database, with fsync off, so that no disk "
      "hides what we cost. pgbench (prepared, as many clients; as many threads, or 2) runs the ",
      bench.statements(),
      " statements that the server logged when our store made a link, one by one, where ours go "
      "several at a time; each transaction with ids of its own and on the head of the audit chain "
      "that it read. Not the same: ours seal accounts and authenticate audit entries between the "
      "statements, while they hold the head's lock; "
      "pgbench's ids are made in SQL, and it logs each transaction."));
  return absl::OkStatus();
}

}  // namespace musubi::bench
