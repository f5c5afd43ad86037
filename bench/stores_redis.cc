// Sessions on Redis beside redis-benchmark. What our client sends for one transition is read back
// from the server (MONITOR), and redis-benchmark sends the same again.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "bench/clocks.h"
#include "bench/stores.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/base/timer.h"
#include "lib/crypto/hash.h"
#include "lib/redis/client.h"
#include "lib/session/apply.h"
#include "lib/session/lifetimes.h"
#include "lib/session/redis_session_store.h"
#include "sandbox/stage/child_process.h"
#include "tests/fakes/redis_server.h"

namespace musubi::bench {
namespace {

using session::SessionId;

constexpr int kUsualRepetitions = 5;
constexpr size_t kThreads = 64;  // Callers, each of which waits for its answer.
constexpr int kConnections = 2;  // redis::Client's default.
constexpr size_t kSessions = 4096;
constexpr absl::Duration kTime = absl::Milliseconds(1500);
constexpr int kToolRequests = 60'000;  // Of each of the two scripts.
constexpr absl::Duration kTimeout = absl::Seconds(10);
// Of one length, so that keys are.
constexpr char kPrefix[] = "musubi:";
constexpr char kToolPrefix[] = "sample:";
constexpr char kToolId[] = "00000000000000000000__rand_int__";  // redis-benchmark puts 12 digits.

base::Hash256 HashOf(std::string_view text) { return crypto::Sha256(base::AsBytes(text)); }

// The ids that redis-benchmark makes.
SessionId IdOf(size_t number) {
  SessionId id{};
  const base::Bytes octets = base::HexDecode(absl::StrFormat("%032d", number)).value();
  std::copy(octets.begin(), octets.end(), id.begin());
  return id;
}

// A LINK session across two devices, claimed and confirmed, with the answers kept that are kept.
session::SessionRecord PairedSession(const SessionId& id, absl::Time now) {
  session::SessionRecord record;
  record.id = id;
  record.relying_party_id = "mihon-university";
  record.act = session::Act::kLink;
  record.flow_policy = session::FlowPolicy::kAny;
  record.locale = "ja";
  record.client_context = {"Firefox 140", "Windows 11", "Mihon-machi"};
  record.created_at = now;
  record.expires_at = now + session::Lifetimes().session;
  record.account = {"https://id.mihon.example", "u-00001234", "sh***@mihon.example"};
  record.state = session::State::kPaired;
  record.flow = session::Flow::kCrossDevice;
  record.browser_credential = HashOf("browser");
  record.device_credential = HashOf("device");
  record.qr_page_expires_at = now + session::Lifetimes().qr_page;
  record.claimed_by = HashOf("frame");
  for (const auto& [call, sealed] : {std::pair("claim", 74), std::pair("confirm", 28)}) {
    record.answers.push_back({.request_id_hash = HashOf(call),
                              .body_hash = HashOf("body"),
                              .sealed = base::Bytes(static_cast<size_t>(sealed), 7)});
  }
  return record;
}

// How many commands are under way, seen at each answer.
class DepthWatch final : public redis::Observer {
 public:
  void OnCommand(redis::CommandOutcome, absl::Duration, size_t pending) override {
    answers_.fetch_add(1, std::memory_order_relaxed);
    pending_.fetch_add(pending + 1, std::memory_order_relaxed);
  }
  // Mean since the last call.
  double Take() {
    const double answers = static_cast<double>(answers_.exchange(0));
    return static_cast<double>(pending_.exchange(0)) / std::max(answers, 1.0);
  }

 private:
  std::atomic<uint64_t> answers_ = 0;
  std::atomic<uint64_t> pending_ = 0;
};

// The words of a line of MONITOR: 1700000000.1 [0 127.0.0.1:40000] "GET" "key\x00".
std::vector<std::string> WordsOf(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = line.find('"'); at != std::string_view::npos; at = line.find('"', at + 1)) {
    std::string& word = words.emplace_back();
    for (++at; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') {
        word += line[at];
      } else if (line[++at] == 'x') {
        word += static_cast<char>(std::stoi(std::string(line.substr(at + 1, 2)), nullptr, 16));
        at += 2;
      } else {
        constexpr std::string_view kNames = "nrtab", kOctets = "\n\r\t\a\b";
        const size_t name = kNames.find(line[at]);
        word += name == std::string_view::npos ? line[at] : kOctets[name];
      }
    }
  }
  return words;
}

// An argument of a program cannot hold a zero octet.
std::string WithoutZeros(std::string text) {
  std::replace(text.begin(), text.end(), '\0', '\1');
  return text;
}

class RedisBench {
 public:
  absl::Status SetUp();
  absl::StatusOr<double> Transitions();
  // What redis-benchmark needs for one of each script, in transitions a second.
  absl::StatusOr<double> ToolTransitions();
  double TakeDepth() { return depth_.Take(); }
  // Commands under way on one connection, as redis-benchmark is to have them.
  int tool_depth() const { return tool_depth_; }
  size_t record_size() const { return record_size_; }

 private:
  absl::Status Step(const SessionId& id);
  absl::StatusOr<std::vector<std::vector<std::string>>> Capture();
  absl::Status MakeToolCommands();
  absl::StatusOr<double> RunToolOn(const std::vector<std::string>& script);

  fakes::RedisServer server_;
  DepthWatch depth_;
  base::SystemRandom random_;
  base::ThreadTimer timer_;
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<session::RedisSessionStore> store_;
  std::vector<std::string> read_script_;
  std::vector<std::string> write_script_;
  int tool_depth_ = 1;
  size_t record_size_ = 0;
};

absl::Status RedisBench::SetUp() {
  MUSUBI_ASSIGN_OR_RETURN(
      client_, redis::Client::Create({depth_, random_},
                                     {.server = server_.address(), .connections = kConnections}));
  MUSUBI_RETURN_IF_ERROR(client_->WaitUntilReady(kTimeout));
  MUSUBI_ASSIGN_OR_RETURN(
      store_, session::RedisSessionStore::Create({*client_, timer_},
                                                 {.prefix = kPrefix, .timeout = kTimeout}));
  MUSUBI_ASSIGN_OR_RETURN(const absl::Time now, store_->Now());
  for (size_t i = 0; i < kSessions; ++i) {
    MUSUBI_RETURN_IF_ERROR(store_->Insert(PairedSession(IdOf(i), now)).status());
  }
  MUSUBI_RETURN_IF_ERROR(Step(IdOf(0)));  // Redis has both scripts now.
  MUSUBI_RETURN_IF_ERROR(MakeToolCommands());
  depth_.Take();
  MUSUBI_RETURN_IF_ERROR(Transitions().status());
  tool_depth_ = std::max(static_cast<int>(std::lround(depth_.Take() / kConnections)), 1);
  return absl::OkStatus();
}

// What GetChallenge does to a session, which may ask for challenges as often as it likes.
absl::Status RedisBench::Step(const SessionId& id) {
  MUSUBI_ASSIGN_OR_RETURN(
      const session::Applied applied,
      session::ApplyEvent(*store_, session::Lifetimes(), id, [](const session::SessionRecord&) {
        return session::Event{.payload = session::NewChallenge{HashOf("nonce")},
                              .credential = HashOf("device")};
      }));
  return applied.status;
}

absl::StatusOr<std::vector<std::vector<std::string>>> RedisBench::Capture() {
  sandbox::ChildProcess monitor(
      {"/usr/bin/redis-cli", "-p", std::to_string(server_.port()), "monitor"}, {}, {});
  if (!monitor.WaitForText("OK")) return absl::InternalError("redis-cli monitor has ended");
  MUSUBI_RETURN_IF_ERROR(Step(IdOf(0)));
  server_.Ask({"ECHO", "end-of-capture"});
  if (!monitor.WaitForText("end-of-capture")) return absl::InternalError("MONITOR was cut off");
  std::vector<std::vector<std::string>> scripts;
  for (const auto line : absl::StrSplit(monitor.output(), '\n')) {
    std::vector<std::string> words = WordsOf(std::string_view(line.data(), line.size()));
    if (!words.empty() && words[0] == "EVALSHA") scripts.push_back(std::move(words));
  }
  return scripts;
}

absl::Status RedisBench::MakeToolCommands() {
  MUSUBI_ASSIGN_OR_RETURN(auto scripts, Capture());
  if (scripts.size() != 2 || scripts[0].size() != 4 || scripts[1].size() != 11) {
    return absl::InternalError("a transition is no longer the two scripts that this file knows");
  }
  read_script_ = scripts[0];
  write_script_ = scripts[1];
  const std::string key = absl::StrCat(kToolPrefix, "session:", kToolId);
  if (write_script_[3].size() != key.size()) return absl::InternalError("the keys differ in size");
  read_script_[3] = write_script_[3] = key;
  // Expected version, tenure, new version, record, when to collect, channel, message. With the
  // version that it expects, each writes what the next one finds.
  std::string& version = write_script_[4];
  version = std::string(version.size(), '\1');
  write_script_[6] = version;
  for (std::string& word : write_script_) word = WithoutZeros(word);
  record_size_ = write_script_[7].size();
  const std::string value = version + write_script_[5] + write_script_[7];
  for (size_t i = 0; i < kSessions; ++i) {
    const std::string name = absl::StrCat(kToolPrefix, "session:", base::HexEncode(IdOf(i)));
    MUSUBI_RETURN_IF_ERROR(client_->Command({"SET", name, value}, kTimeout).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<double> RedisBench::Transitions() {
  std::vector<std::thread> threads;
  std::vector<absl::Status> ended(kThreads);
  std::vector<int64_t> counts(kThreads);
  const absl::Duration begin = SteadyTime();
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      // Sessions of its own: as those of different people, they do not meet.
      size_t session = i;
      while (ended[i].ok() && SteadyTime() - begin < kTime) {
        ended[i] = Step(IdOf(session));
        session = (session + kThreads) % kSessions;
        ++counts[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::Duration time = SteadyTime() - begin;
  int64_t all = 0;
  for (size_t i = 0; i < kThreads; ++i) {
    MUSUBI_RETURN_IF_ERROR(ended[i]);
    all += counts[i];
  }
  return static_cast<double>(all) / absl::ToDoubleSeconds(time);
}

absl::StatusOr<double> RedisBench::RunToolOn(const std::vector<std::string>& script) {
  std::vector<std::string> command = {"/usr/bin/redis-benchmark",
                                      "-h",
                                      "127.0.0.1",
                                      "-p",
                                      std::to_string(server_.port()),
                                      "-q",
                                      "-c",
                                      std::to_string(kConnections),
                                      "-P",
                                      std::to_string(tool_depth_),
                                      "-n",
                                      std::to_string(kToolRequests),
                                      "-r",
                                      std::to_string(kSessions)};
  command.insert(command.end(), script.begin(), script.end());
  MUSUBI_ASSIGN_OR_RETURN(const std::string output, RunTool(command));
  return FigureBefore(output, " requests per second");
}

absl::StatusOr<double> RedisBench::ToolTransitions() {
  server_.Ask({"CONFIG", "RESETSTAT"});
  MUSUBI_ASSIGN_OR_RETURN(const double reads, RunToolOn(read_script_));
  MUSUBI_ASSIGN_OR_RETURN(const double writes, RunToolOn(write_script_));
  // Whether each of them did what ours do.
  const std::string stats = server_.Ask({"INFO", "commandstats"});
  for (const std::string command : {"get", "set", "publish"}) {
    const std::string start = absl::StrCat("cmdstat_", command, ":calls=");
    const size_t at = stats.find(start);
    const int calls = at == std::string::npos ? 0 : std::atoi(stats.c_str() + at + start.size());
    if (calls < kToolRequests) {
      return absl::InternalError(absl::StrCat("redis-benchmark's scripts called ", command, " ",
                                              calls, " times instead of ", kToolRequests));
    }
  }
  return 1 / (1 / reads + 1 / writes);
}

}  // namespace

absl::Status MeasureRedis(Report& report) {
  RedisBench bench;
  MUSUBI_RETURN_IF_ERROR(bench.SetUp());
  const std::vector<Task> tasks = {
      {"redis_transitions", "transitions/s",
       [&]() -> absl::StatusOr<double> {
         bench.TakeDepth();
         MUSUBI_ASSIGN_OR_RETURN(const double figure, bench.Transitions());
         report.Add("redis_pipelining", "commands/connection", bench.TakeDepth() / kConnections);
         return figure;
       }},
      {"redis_benchmark_transitions", "transitions/s", [&] { return bench.ToolTransitions(); }}};
  MUSUBI_RETURN_IF_ERROR(RunInterleaved(tasks, Repetitions(kUsualRepetitions), report));
  report.AddTarget({.row = "redis_transitions",
                    .bound = Target::Bound::kAtLeast,
                    .factor = 0.5,
                    .of = "redis_benchmark_transitions"});
  report.Note(absl::StrCat(
      "Redis: a transition reads a session of ", bench.record_size(),
      " octets and writes it again, each by its script: ", kThreads,
      " threads that call the store and wait, over ", kConnections,
      " connections on the loopback interface. redis-benchmark runs the same two scripts, one "
      "after the other, with arguments of the same sizes, as many sessions (",
      kSessions, "), as many connections and ", bench.tool_depth(),
      " commands under way on each, which is what ours had in a run before. Not the same: ours "
      "decode, judge and encode each record and wake a thread for each answer, and are told of "
      "each change by pub/sub, theirs too; redis-benchmark sends one fixed command, and waits for "
      "all answers of a batch before it sends the next."));
  return absl::OkStatus();
}

}  // namespace musubi::bench
