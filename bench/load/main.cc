// musubi-load: loads certificate validation and checks every verdict. One thread; for more, run
// several processes with different --first_question. Writes one JSON object. Exit code 1 if it
// could not measure, 3 if any verdict was wrong or any answer was to nothing that was asked.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/clocks.h"
#include "bench/load/connection_pool.h"
#include "bench/load/process_usage.h"
#include "bench/load/questions.h"
#include "bench/load/socket.h"
#include "bench/load/stream_flow.h"
#include "bench/load/tally.h"
#include "bench/load/unary_flow.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "lib/base/steady_time.h"

ABSL_FLAG(std::vector<std::string>, target, {}, "HOST:PORT of each server, separated by commas");
ABSL_FLAG(std::string, questions, "", "file of length-delimited musubi.bench.v1.LoadQuestion");
ABSL_FLAG(std::string, mode, "unary", "unary, stream, mixed (both on the same connections), echo");
ABSL_FLAG(double, rate, 0, "open loop: questions a second, in all; 0 is a closed loop");
ABSL_FLAG(double, unary_share, 0.5, "mixed, open loop: the part of --rate that is unary");
ABSL_FLAG(size_t, connections, 4, "TCP connections, round robin over the targets");
ABSL_FLAG(size_t, outstanding, 16, "unary calls under way on each connection");
ABSL_FLAG(size_t, streams, 1, "streams on each connection");
ABSL_FLAG(size_t, per_message, 32, "questions in a message of a stream, at most 256");
ABSL_FLAG(size_t, messages, 2, "messages of a stream that are not fully answered");
ABSL_FLAG(size_t, max_waiting, 0, "open loop: calls, or messages, that may wait for a free place");
ABSL_FLAG(absl::Duration, deadline, absl::Seconds(5), "of a unary call, from its intended start");
ABSL_FLAG(absl::Duration, stream_deadline, absl::Minutes(5), "of a stream; it is renewed at half");
ABSL_FLAG(int, retries, 0, "of a call that was UNAVAILABLE or whose stream was refused");
ABSL_FLAG(absl::Duration, warm_up, absl::Seconds(1), "load before anything is counted");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(5), "load that is counted");
ABSL_FLAG(absl::Duration, drain, absl::Seconds(15),
          "after that, longest wait for the last answers");
ABSL_FLAG(absl::Duration, connect_timeout, absl::Seconds(10), "for all connections at the start");
ABSL_FLAG(std::vector<std::string>, server_pids, {}, "processes whose usage is read");
ABSL_FLAG(std::string, role, "platform", "metadata musubi-role; empty with TLS");
ABSL_FLAG(size_t, answer_octets, 64, "echo: size of the answer's payload");
ABSL_FLAG(size_t, first_question, 0, "where in the file to start");
ABSL_FLAG(std::string, events, "", "file of `SECONDS LABEL` lines, read at the end, into the JSON");
ABSL_FLAG(std::string, out, "", "file for the JSON; empty is standard output");
ABSL_FLAG(std::string, tls_ca, "", "PEM: whom to believe about servers; plaintext if empty");
ABSL_FLAG(std::string, tls_certificate, "", "PEM: our certificate chain");
ABSL_FLAG(std::string, tls_key, "", "PEM: its private key");
ABSL_FLAG(std::string, tls_name, "localhost", "whom the servers' certificates must be for");

namespace musubi::bench::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kUnaryPath[] = "/musubi.v1.ValidationService/ValidateCertificate";
constexpr char kStreamPath[] = "/musubi.v1.ValidationService/ValidateCertificates";
constexpr char kEchoPath[] = "/musubi.bench.v1.EchoService/EchoBare";
// A million questions of 2.5 KB.
constexpr size_t kMaxQuestionsFile = size_t{3} << 30;
constexpr size_t kMaxPlaces = 1'000'000;

absl::Status CheckFlags() {
  const auto refuse = [](const char* what) { return absl::InvalidArgumentError(what); };
  const std::string mode = absl::GetFlag(FLAGS_mode);
  if (mode != "unary" && mode != "stream" && mode != "mixed" && mode != "echo") {
    return refuse("--mode: unary, stream, mixed or echo");
  }
  if (absl::GetFlag(FLAGS_target).empty()) return refuse("--target: HOST:PORT of a server");
  for (const size_t places : {absl::GetFlag(FLAGS_connections), absl::GetFlag(FLAGS_outstanding),
                              absl::GetFlag(FLAGS_streams), absl::GetFlag(FLAGS_messages)}) {
    if (places < 1 || places > kMaxPlaces) {
      return refuse("--connections, --outstanding, --streams, --messages: 1 to 1000000");
    }
  }
  const size_t per_message = absl::GetFlag(FLAGS_per_message);
  if (per_message < 1 || per_message > kMaxPerMessage) return refuse("--per_message: 1 to 256");
  const double share = absl::GetFlag(FLAGS_unary_share);
  if (!(absl::GetFlag(FLAGS_rate) >= 0 && absl::GetFlag(FLAGS_rate) <= 1e8)) {
    return refuse("--rate: 0 to 100000000 questions a second");
  }
  if (mode == "mixed" && !(share > 0 && share < 1)) {
    return refuse("--unary_share: above 0 and below 1");
  }
  if (absl::GetFlag(FLAGS_retries) < 0) return refuse("--retries: 0 or more");
  for (const absl::Duration duration :
       {absl::GetFlag(FLAGS_deadline), absl::GetFlag(FLAGS_stream_deadline),
        absl::GetFlag(FLAGS_duration)}) {
    if (duration <= absl::ZeroDuration() || duration > absl::Hours(24)) {
      return refuse("--deadline, --stream_deadline, --duration: as in 2s, at most 24h");
    }
  }
  if (absl::GetFlag(FLAGS_warm_up) < absl::ZeroDuration() ||
      absl::GetFlag(FLAGS_drain) < absl::ZeroDuration()) {
    return refuse("--warm_up, --drain: not negative");
  }
  return absl::OkStatus();
}

// Usage of the servers and of ourselves, at one moment.
struct Usage {
  base::SteadyTime at;
  std::vector<absl::StatusOr<ProcessUsage>> servers;
  double own_cpu_seconds = 0;
  MachineUsage machine;
};

Usage ReadUsage() {
  Usage usage;
  usage.at = base::SteadyNow();
  usage.own_cpu_seconds = absl::ToDoubleSeconds(ProcessCpuTime());
  usage.machine = ReadMachineUsage().value_or(MachineUsage{});
  for (const std::string& pid : absl::GetFlag(FLAGS_server_pids)) {
    usage.servers.push_back(ReadProcessUsage(std::atoi(pid.c_str())));
  }
  return usage;
}

// A server that died or was started within the window has no figures.
Json ServersToJson(const Usage& before, const Usage& after) {
  Json out = Json::array();
  const std::vector<std::string> pids = absl::GetFlag(FLAGS_server_pids);
  for (size_t i = 0; i < pids.size(); ++i) {
    Json server = {{"pid", std::atoi(pids[i].c_str())}};
    if (before.servers[i].ok()) {
      server["resident_kib_before"] = before.servers[i]->resident_kib;
      server["descriptors_before"] = before.servers[i]->descriptors;
    }
    if (after.servers[i].ok()) {
      server["resident_kib_after"] = after.servers[i]->resident_kib;
      server["descriptors_after"] = after.servers[i]->descriptors;
    }
    if (before.servers[i].ok() && after.servers[i].ok()) {
      server["cpu_seconds"] = after.servers[i]->cpu_seconds - before.servers[i]->cpu_seconds;
    }
    out.push_back(std::move(server));
  }
  return out;
}

// Without the file there are no events: what was measured is worth more.
Json ReadEvents() {
  Json out = Json::array();
  if (absl::GetFlag(FLAGS_events).empty()) return out;
  const absl::StatusOr<std::string> text = base::ReadFile(absl::GetFlag(FLAGS_events));
  if (!text.ok()) {
    std::cerr << "musubi-load: --events: " << text.status().ToString() << "\n";
    return out;
  }
  std::istringstream lines(*text);
  double seconds = 0;
  for (std::string label; lines >> seconds && std::getline(lines >> std::ws, label);) {
    out.push_back({{"seconds", seconds}, {"label", label}});
  }
  return out;
}

// Load is a whole run.
class Load {
 public:
  static absl::StatusOr<std::unique_ptr<Load>> Create();
  // The exit code of main.
  absl::StatusOr<int> Run();

 private:
  absl::Status Prepare();
  void MakeFlows(const Window& window);
  Json ToJson(const Usage& before, const Usage& after);

  base::SystemRandom random_;
  std::vector<VerdictWords> right_;
  Bodies unary_, stream_;
  std::unique_ptr<TlsClient> tls_;
  // Deleted after the pool, whose connections speak to their calls and streams.
  std::vector<std::pair<std::string, std::unique_ptr<Flow>>> flows_;
  std::unique_ptr<ConnectionPool> pool_;
};

absl::StatusOr<std::unique_ptr<Load>> Load::Create() {
  MUSUBI_RETURN_IF_ERROR(CheckFlags());
  auto load = std::make_unique<Load>();
  MUSUBI_RETURN_IF_ERROR(load->Prepare());
  return load;
}

absl::Status Load::Prepare() {
  const std::string file = absl::GetFlag(FLAGS_questions);
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file, kMaxQuestionsFile));
  const absl::StatusOr<std::vector<Question>> questions = ParseQuestions(text);
  if (!questions.ok()) return base::Annotate(questions.status(), file);
  for (const Question& question : *questions) right_.push_back(question.right);
  const std::string mode = absl::GetFlag(FLAGS_mode);
  if (mode == "unary" || mode == "mixed") unary_ = PrepareUnary(*questions);
  if (mode == "echo") unary_ = PrepareEcho(*questions, absl::GetFlag(FLAGS_answer_octets));
  if (mode == "stream" || mode == "mixed") {
    stream_ = PrepareStream(*questions, absl::GetFlag(FLAGS_per_message));
  }

  ConnectionPool::Options options;
  options.connections = absl::GetFlag(FLAGS_connections);
  for (const std::string& target : absl::GetFlag(FLAGS_target)) {
    MUSUBI_ASSIGN_OR_RETURN(Address address, Resolve(target));
    options.targets.push_back(std::move(address));
  }
  if (const std::string ca = absl::GetFlag(FLAGS_tls_ca); !ca.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(
        tls_, TlsClient::Create(ca, absl::GetFlag(FLAGS_tls_certificate),
                                absl::GetFlag(FLAGS_tls_key), absl::GetFlag(FLAGS_tls_name)));
    options.tls = tls_.get();
  }
  MUSUBI_ASSIGN_OR_RETURN(pool_, ConnectionPool::Create(std::move(options), random_));
  return pool_->WaitForAll(absl::GetFlag(FLAGS_connect_timeout));
}

void Load::MakeFlows(const Window& window) {
  const std::string mode = absl::GetFlag(FLAGS_mode);
  const double rate = absl::GetFlag(FLAGS_rate);
  const double share = mode == "mixed" ? absl::GetFlag(FLAGS_unary_share) : 1;
  FlowOptions options;
  options.role = absl::GetFlag(FLAGS_role);
  options.tls = tls_ != nullptr;
  options.max_waiting = absl::GetFlag(FLAGS_max_waiting);
  options.deadline = base::ToSteady(absl::GetFlag(FLAGS_deadline));
  options.retries = absl::GetFlag(FLAGS_retries);
  options.first_question = absl::GetFlag(FLAGS_first_question);
  if (mode != "stream") {
    UnaryFlow::Options unary{options, absl::GetFlag(FLAGS_outstanding)};
    unary.flow.path = mode == "echo" ? kEchoPath : kUnaryPath;
    unary.flow.rate = rate * share;
    if (mode == "echo") {
      unary.echo_octets = absl::GetFlag(FLAGS_answer_octets);
    } else {
      unary.right = right_;
    }
    flows_.emplace_back(
        mode == "echo" ? "echo" : "unary",
        std::make_unique<UnaryFlow>(std::move(unary), window, unary_, *pool_, random_));
  }
  if (mode == "stream" || mode == "mixed") {
    StreamFlow::Options stream{options};
    stream.flow.path = kStreamPath;
    stream.streams = absl::GetFlag(FLAGS_streams);
    stream.messages = absl::GetFlag(FLAGS_messages);
    stream.per_message = absl::GetFlag(FLAGS_per_message);
    stream.flow.rate =
        (mode == "mixed" ? rate * (1 - share) : rate) / static_cast<double>(stream.per_message);
    stream.stream_deadline = base::ToSteady(absl::GetFlag(FLAGS_stream_deadline));
    stream.right = right_;
    flows_.emplace_back("stream", std::make_unique<StreamFlow>(std::move(stream), window, stream_,
                                                               *pool_, random_));
  }
}

Json Load::ToJson(const Usage& before, const Usage& after) {
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  double right = 0, answers = 0;
  uint64_t wrong = 0, unexpected = 0;
  Json flows = Json::object();
  for (const auto& [name, flow] : flows_) {
    Tally& tally = flow->tally();
    right += static_cast<double>(tally.right_in_window());
    answers += static_cast<double>(tally.answers_in_window());
    wrong += tally.wrong();
    unexpected += tally.unexpected();
    flows[name] = tally.ToJson();
  }
  Json servers = ServersToJson(before, after);
  double server_cpu = 0;
  for (const Json& server : servers) server_cpu += server.value("cpu_seconds", 0.0);
  const double own_cpu = after.own_cpu_seconds - before.own_cpu_seconds;
  const double machine = after.machine.used - before.machine.used;
  // Of CPU between the readings, and answers in the window, which are about as long.
  const double counted = absl::ToDoubleSeconds(absl::GetFlag(FLAGS_duration));
  const double per_answer = answers == 0 ? 0 : 1e6 * counted / seconds / answers;
  const ConnectionPool::Counts& counts = pool_->counts();
  return Json{
      {"mode", absl::GetFlag(FLAGS_mode)},
      {"loop", absl::GetFlag(FLAGS_rate) == 0 ? "closed" : "open"},
      {"rate", absl::GetFlag(FLAGS_rate)},
      {"seconds", counted},
      {"warm_up_seconds", absl::ToDoubleSeconds(absl::GetFlag(FLAGS_warm_up))},
      {"targets", absl::GetFlag(FLAGS_target)},
      {"tls", tls_ != nullptr},
      {"questions", right_.size()},
      {"connections", absl::GetFlag(FLAGS_connections)},
      {"outstanding", absl::GetFlag(FLAGS_outstanding)},
      {"streams", absl::GetFlag(FLAGS_streams)},
      {"per_message", absl::GetFlag(FLAGS_per_message)},
      {"messages", absl::GetFlag(FLAGS_messages)},
      {"max_waiting", absl::GetFlag(FLAGS_max_waiting)},
      {"retries", absl::GetFlag(FLAGS_retries)},
      {"deadline_seconds", absl::ToDoubleSeconds(absl::GetFlag(FLAGS_deadline))},
      {"right_per_second", right / counted},
      {"wrong_verdicts", wrong},
      {"unexpected_answers", unexpected},
      {"server_cpu_us_per_answer", server_cpu * per_answer},
      {"own_cpu_us_per_answer", own_cpu * per_answer},
      {"server_cores", server_cpu / seconds},
      {"own_cores", own_cpu / seconds},
      {"other_cores", std::max(0.0, (machine - server_cpu - own_cpu) / seconds)},
      {"stolen_cores", (after.machine.stolen - before.machine.stolen) / seconds},
      {"servers", std::move(servers)},
      {"connections_made", counts.connected},
      {"connections_lost", counts.lost},
      {"connections_failed", counts.failed},
      {"goaways", counts.goaways},
      {"flows", std::move(flows)},
      {"events", ReadEvents()},
  };
}

absl::StatusOr<int> Load::Run() {
  Window window;
  window.begin = base::SteadyNow();
  window.from = window.begin + base::ToSteady(absl::GetFlag(FLAGS_warm_up));
  window.until = window.from + base::ToSteady(absl::GetFlag(FLAGS_duration));
  const base::SteadyTime end = window.until + base::ToSteady(absl::GetFlag(FLAGS_drain));
  MakeFlows(window);

  std::optional<Usage> before, after;
  while (true) {
    const base::SteadyTime now = base::SteadyNow();
    if (!before.has_value() && now >= window.from) before = ReadUsage();
    if (!after.has_value() && now >= window.until) after = ReadUsage();
    base::SteadyTime wake = !before ? window.from : !after ? window.until : end;
    for (const auto& [name, flow] : flows_) flow->Pump(now);
    pool_->Flush();
    // The load goes on until all that is counted has ended: the last answers are given under load
    // as the first were.
    const bool finished = std::all_of(flows_.begin(), flows_.end(), [&](const auto& named) {
      return named.second->Finished(now);
    });
    if (now >= end || finished) break;
    for (const auto& [name, flow] : flows_) wake = std::min(wake, flow->NextWake());
    pool_->Turn(wake);
  }

  const Json json = ToJson(*before, *after);
  const std::string text = json.dump(1) + "\n";
  const std::string out = absl::GetFlag(FLAGS_out);
  if (out.empty()) {
    std::cout << text;
  } else {
    MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(out, text, 0644));
  }
  return json["wrong_verdicts"] == 0 && json["unexpected_answers"] == 0 ? 0 : 3;
}

absl::StatusOr<int> Main() {
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<Load> load, Load::Create());
  return load->Run();
}

}  // namespace
}  // namespace musubi::bench::load

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("loads certificate validation and checks every verdict");
  absl::ParseCommandLine(argc, argv);
  const absl::StatusOr<int> code = musubi::bench::load::Main();
  if (code.ok()) return *code;
  std::cerr << "musubi-load: " << code.status().ToString() << "\n";
  return 1;
}
