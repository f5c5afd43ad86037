// musubi-bench-rpc-load: one measurement of `scripts/bench rpc`. A closed loop of unary calls to
// musubi-bench-rpc-server: each slot sends its next call when the last was answered. Prints one
// JSON object. Any answer but the expected one ends the run with exit code 1.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/credentials.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/echo.grpc.pb.h"
#include "bench/percentile.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/encoding.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "lib/base/timer.h"
#include "musubi/v1/session.grpc.pb.h"

ABSL_FLAG(int, port, 0, "the server's port on 127.0.0.1");
ABSL_FLAG(int, server_pid, 0, "the server's process, whose CPU time is read");
ABSL_FLAG(std::string, scenario, "", "echo-bare, echo, create, get or create+get");
ABSL_FLAG(int, connections, 4, "TCP connections");
ABSL_FLAG(int, outstanding, 16, "calls under way on each connection");
ABSL_FLAG(int, threads, 1, "threads of this process, each with a share of the connections");
ABSL_FLAG(absl::Duration, warm_up, absl::Milliseconds(500), "load before anything is counted");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(2), "load that is counted");

namespace musubi::bench {
namespace {

using Steady = std::chrono::steady_clock;

// The wall clock may be set during a run.
Steady::time_point Now() { return std::chrono::steady_clock::now(); }

constexpr size_t kPayload = 64;                             // Octets of an echo.
constexpr absl::Duration kCallDeadline = absl::Seconds(5);  // lib/rpc allows 10.
constexpr absl::Duration kConnectDeadline = absl::Seconds(5);
constexpr int kMaxThreads = 64;
// Of all connections. The server refuses what its queue (256) cannot hold: such a run fails.
constexpr int kMaxSlots = 4096;

enum class Scenario { kEchoBare, kEcho, kCreate, kGet, kCreateGet };

absl::StatusOr<Scenario> ParseScenario(std::string_view name) {
  if (name == "echo-bare") return Scenario::kEchoBare;
  if (name == "echo") return Scenario::kEcho;
  if (name == "create") return Scenario::kCreate;
  if (name == "get") return Scenario::kGet;
  if (name == "create+get") return Scenario::kCreateGet;
  return absl::InvalidArgumentError("--scenario: echo-bare, echo, create, get or create+get");
}

// Rpc is one method with one call of it at a time.
template <typename Stub, typename Request, typename Response>
class Rpc {
 public:
  using Reader = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>>;
  using Method = Reader (Stub::*)(grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

  Rpc(std::unique_ptr<Stub> stub, Method method) : stub_(std::move(stub)), method_(method) {}

  // Start sends `request`; `tag` comes out of `queue` when the answer is there. All scenarios carry
  // the same metadata, but for a credential.
  void Start(grpc::CompletionQueue& queue, void* tag, const std::string& credential = "") {
    reader_.reset();
    context_.emplace();
    context_->set_deadline(absl::ToChronoTime(base::RealClock().Now() + kCallDeadline));
    context_->AddMetadata("musubi-role", "front");
    if (!credential.empty()) context_->AddMetadata("authorization", "Bearer " + credential);
    response.Clear();
    reader_ = (*stub_.*method_)(&*context_, request, &queue);
    reader_->Finish(&response, &status_, tag);
  }

  absl::Status status() const {
    if (status_.ok()) return absl::OkStatus();
    return absl::Status(static_cast<absl::StatusCode>(status_.error_code()),
                        Request::descriptor()->name() + ": " + status_.error_message());
  }

  Request request;
  Response response;

 private:
  const std::unique_ptr<Stub> stub_;
  const Method method_;
  std::optional<grpc::ClientContext> context_;
  Reader reader_;
  grpc::Status status_;
};

// Slot has one call under way at any time. Of one thread.
class Slot {
 public:
  virtual ~Slot() = default;
  virtual void Send(grpc::CompletionQueue& queue) = 0;
  // Check takes the answer: whether the call counts, or how the answer is not the expected one.
  virtual absl::StatusOr<bool> Check() = 0;

  Steady::time_point sent_at;
};

template <typename Request, typename Response>
class EchoSlot final : public Slot {
 public:
  using Call = Rpc<v1::EchoService::Stub, Request, Response>;

  EchoSlot(const std::shared_ptr<grpc::Channel>& channel, typename Call::Method method)
      : echo_(v1::EchoService::NewStub(channel), method) {
    echo_.request.set_payload(std::string(kPayload, 'm'));
  }
  void Send(grpc::CompletionQueue& queue) override { echo_.Start(queue, this); }
  absl::StatusOr<bool> Check() override {
    MUSUBI_RETURN_IF_ERROR(echo_.status());
    if (echo_.response.payload() == echo_.request.payload()) return true;
    return absl::DataLossError("the echo is not what was sent");
  }

 private:
  Call echo_;
};

// SessionSlot opens sessions, or looks at the session that it opened, or both in turn.
class SessionSlot final : public Slot {
 public:
  using Service = musubi::v1::SessionService;

  SessionSlot(const std::shared_ptr<grpc::Channel>& channel, Scenario scenario,
              base::SecureRandom& random)
      : scenario_(scenario),
        random_(random),
        create_(Service::NewStub(channel), &Service::Stub::AsyncCreateSession),
        get_(Service::NewStub(channel), &Service::Stub::AsyncGetSession) {
    musubi::v1::CreateSessionRequest& request = create_.request;
    request.set_relying_party_id("demo-university");
    request.set_act(musubi::v1::ACT_LINK);
    request.set_flow_policy(musubi::v1::FLOW_POLICY_ANY);
    request.set_locale("ja");
    request.mutable_client_context()->set_browser("Firefox");
    request.mutable_client_context()->set_operating_system("Debian 12");
    request.mutable_client_context()->set_network("Mihon-machi");
    request.mutable_account()->set_issuer("https://id.example");
    request.mutable_account()->set_subject("u-0001");
    request.mutable_account()->set_masked_hint("sh***@mihon.example");
  }

  void Send(grpc::CompletionQueue& queue) override {
    if (creating_) {
      const auto id = random_.Bytes<16>();
      create_.request.set_request_id(id.data(), id.size());
      create_.Start(queue, this);
    } else {
      get_.Start(queue, this, credential_);
    }
  }

  absl::StatusOr<bool> Check() override {
    if (creating_) {
      MUSUBI_RETURN_IF_ERROR(create_.status());
      const musubi::v1::CreateSessionResponse& answer = create_.response;
      if (answer.session_id().size() != 16 || answer.browser_credential().size() != 32) {
        return absl::DataLossError("CreateSession answered without session id or credential");
      }
      if (scenario_ == Scenario::kCreate) return true;
      get_.request.set_session_id(answer.session_id());
      credential_ = base::Base64UrlEncode(base::AsBytes(answer.browser_credential()));
      creating_ = false;
      return scenario_ == Scenario::kCreateGet;  // The session that `get` looks at is not of it.
    }
    MUSUBI_RETURN_IF_ERROR(get_.status());
    const musubi::v1::SessionView& view = get_.response.session();
    if (view.session_id() != get_.request.session_id() ||
        view.state() != musubi::v1::SESSION_STATE_CREATED) {
      return absl::DataLossError("GetSession answered with another session, or state");
    }
    creating_ = scenario_ == Scenario::kCreateGet;
    return true;
  }

 private:
  const Scenario scenario_;
  base::SecureRandom& random_;
  Rpc<Service::Stub, musubi::v1::CreateSessionRequest, musubi::v1::CreateSessionResponse> create_;
  Rpc<Service::Stub, musubi::v1::GetSessionRequest, musubi::v1::GetSessionResponse> get_;
  bool creating_ = true;
  std::string credential_;
};

std::unique_ptr<Slot> MakeSlot(const std::shared_ptr<grpc::Channel>& channel, Scenario scenario,
                               base::SecureRandom& random) {
  switch (scenario) {
    case Scenario::kEchoBare:
      return std::make_unique<EchoSlot<v1::EchoBareRequest, v1::EchoBareResponse>>(
          channel, &v1::EchoService::Stub::AsyncEchoBare);
    case Scenario::kEcho:
      return std::make_unique<EchoSlot<v1::EchoRequest, v1::EchoResponse>>(
          channel, &v1::EchoService::Stub::AsyncEcho);
    default:
      return std::make_unique<SessionSlot>(channel, scenario, random);
  }
}

// When calls are counted: those that are answered in [from, until).
struct Window {
  Steady::time_point from;
  Steady::time_point until;
};

// Lane is one thread's queue, slots and results.
struct Lane {
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Slot>> slots;
  std::vector<int64_t> latencies;  // Nanoseconds.
  absl::Status status;
};

// Drives the lane until the window is over, or `failed`, and all calls are answered.
void Drive(Lane& lane, const Window& window, std::atomic<bool>& failed) {
  const auto send = [&](Slot& slot) {
    slot.sent_at = Now();
    slot.Send(lane.queue);
  };
  for (const std::unique_ptr<Slot>& slot : lane.slots) send(*slot);
  size_t under_way = lane.slots.size();
  void* tag = nullptr;
  bool ok = false;
  while (under_way > 0 && lane.queue.Next(&tag, &ok)) {
    Slot& slot = *static_cast<Slot*>(tag);
    const Steady::time_point now = Now();
    const absl::StatusOr<bool> counts = slot.Check();
    if (!counts.ok()) {
      if (lane.status.ok()) lane.status = counts.status();
      failed = true;
    } else if (now >= window.from && now < window.until) {
      if (*counts) {
        lane.latencies.push_back(
            std::chrono::duration_cast<std::chrono::nanoseconds>(now - slot.sent_at).count());
      } else if (lane.status.ok()) {
        lane.status = absl::DeadlineExceededError("not ready when the warm-up was over");
        failed = true;
      }
    }
    if (now < window.until && !failed) {
      send(slot);
    } else {
      --under_way;
    }
  }
  lane.queue.Shutdown();
  while (lane.queue.Next(&tag, &ok)) {
  }
}

// CPU time used so far, in seconds.
struct CpuTimes {
  Steady::time_point at;
  double server = 0;
  double own = 0;
  double machine = 0;  // Of all processes and the kernel.
  double stolen = 0;   // By the hypervisor, for other guests.
};

absl::StatusOr<std::vector<double>> ReadTicks(const std::string& file, const std::string& text,
                                              size_t needed) {
  std::istringstream in(text);
  const double per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::vector<double> fields;
  for (std::string field; in >> field;) {
    fields.push_back(std::strtod(field.c_str(), nullptr) / per_second);
  }
  if (fields.size() < needed) return absl::UnavailableError("cannot read " + file);
  return fields;
}

absl::StatusOr<CpuTimes> ReadCpuTimes(int server_pid) {
  CpuTimes times;
  times.at = Now();
  // proc(5): after the name, which is in parentheses and may hold anything, utime and stime are
  // fields 14 and 15 of all, and state is the third.
  const std::string file = "/proc/" + std::to_string(server_pid) + "/stat";
  std::ifstream process(file);
  std::string text(std::istreambuf_iterator<char>(process), {});
  text.erase(0, text.rfind(')') + 1);
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<double> fields, ReadTicks(file, text, 13));
  times.server = fields[11] + fields[12];

  // user, nice, system, idle, iowait, irq, softirq, steal.
  std::ifstream machine("/proc/stat");
  std::string name, line;
  machine >> name;
  std::getline(machine, line);
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<double> all, ReadTicks("/proc/stat", line, 8));
  times.machine = all[0] + all[1] + all[2] + all[5] + all[6];
  times.stolen = all[7];

  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  for (const timeval& part : {usage.ru_utime, usage.ru_stime}) {
    times.own += static_cast<double>(part.tv_sec) + static_cast<double>(part.tv_usec) / 1e6;
  }
  return times;
}

std::string ToJson(std::vector<int64_t> latencies, const CpuTimes& before, const CpuTimes& after) {
  std::sort(latencies.begin(), latencies.end());
  const double seconds = absl::ToDoubleSeconds(absl::GetFlag(FLAGS_duration));
  const double watched = std::chrono::duration<double>(after.at - before.at).count();
  const double server = (after.server - before.server) / watched;
  const double own = (after.own - before.own) / watched;
  const double others = (after.machine - before.machine) / watched - server - own;
  const double per_second = static_cast<double>(latencies.size()) / seconds;
  std::ostringstream out;
  out << "{\"scenario\": \"" << absl::GetFlag(FLAGS_scenario)
      << "\", \"calls\": " << latencies.size() << ", \"seconds\": " << seconds
      << ", \"calls_per_second\": " << per_second;
  for (const size_t percent : {50, 90, 99}) {
    out << ", \"p" << percent
        << "_us\": " << static_cast<double>(Percentile(latencies, percent)) / 1e3;
  }
  out << ", \"server_cpu_us_per_call\": " << server / per_second * 1e6
      << ", \"load_cpu_us_per_call\": " << own / per_second * 1e6
      << ", \"server_cores\": " << server << ", \"load_cores\": " << own
      << ", \"other_cores\": " << std::max(0.0, others)
      << ", \"stolen_cores\": " << (after.stolen - before.stolen) / watched
      << ", \"connections\": " << absl::GetFlag(FLAGS_connections)
      << ", \"outstanding\": " << absl::GetFlag(FLAGS_outstanding)
      << ", \"threads\": " << absl::GetFlag(FLAGS_threads) << ", \"grpc\": \"" << grpc::Version()
      << "\", \"compiler\": \"g++ " << __VERSION__ << "\"}\n";
  return out.str();
}

absl::Status CheckFlags() {
  const int connections = absl::GetFlag(FLAGS_connections);
  const int outstanding = absl::GetFlag(FLAGS_outstanding);
  const int threads = absl::GetFlag(FLAGS_threads);
  if (connections < 1 || outstanding < 1 || connections > kMaxSlots / outstanding) {
    return absl::InvalidArgumentError(
        "--connections, --outstanding: 1 or more, and their product at most " +
        std::to_string(kMaxSlots));
  }
  if (threads < 1 || threads > std::min(connections, kMaxThreads)) {
    return absl::InvalidArgumentError("--threads: 1 to --connections, and at most " +
                                      std::to_string(kMaxThreads));
  }
  if (absl::GetFlag(FLAGS_duration) <= absl::ZeroDuration() ||
      absl::GetFlag(FLAGS_warm_up) < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--duration, --warm_up: as in 2s, and not negative");
  }
  return absl::OkStatus();
}

absl::Status Run() {
  MUSUBI_RETURN_IF_ERROR(CheckFlags());
  MUSUBI_ASSIGN_OR_RETURN(const Scenario scenario, ParseScenario(absl::GetFlag(FLAGS_scenario)));
  const int server_pid = absl::GetFlag(FLAGS_server_pid);
  base::SystemRandom random;
  std::vector<Lane> lanes(static_cast<size_t>(absl::GetFlag(FLAGS_threads)));
  for (int i = 0; i < absl::GetFlag(FLAGS_connections); ++i) {
    grpc::ChannelArguments arguments;
    // Else all channels would share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const std::shared_ptr<grpc::Channel> channel =
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(absl::GetFlag(FLAGS_port)),
                                  grpc::InsecureChannelCredentials(), arguments);
    if (!channel->WaitForConnected(
            absl::ToChronoTime(base::RealClock().Now() + kConnectDeadline))) {
      return absl::UnavailableError("no server answers on --port");
    }
    Lane& lane = lanes[static_cast<size_t>(i) % lanes.size()];
    for (int j = 0; j < absl::GetFlag(FLAGS_outstanding); ++j) {
      lane.slots.push_back(MakeSlot(channel, scenario, random));
    }
  }

  Window window;
  window.from = Now() + absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_warm_up));
  window.until = window.from + absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_duration));
  std::atomic<bool> failed = false;
  std::vector<std::thread> threads;
  for (Lane& lane : lanes) threads.emplace_back([&] { Drive(lane, window, failed); });

  // CPU times are read when the window opens and when it closes. A reading that comes late does no
  // harm: CPU per call is (CPU / time between readings) / (calls / window).
  base::ThreadTimer timer;
  const auto read_at = [&](Steady::time_point when) {
    std::latch due(1);
    timer.Schedule(absl::FromChrono(when - Now()), [&] { due.count_down(); });
    due.wait();
    return ReadCpuTimes(server_pid);
  };
  const absl::StatusOr<CpuTimes> before = read_at(window.from);
  const absl::StatusOr<CpuTimes> after = read_at(window.until);
  for (std::thread& thread : threads) thread.join();

  std::vector<int64_t> latencies;
  for (const Lane& lane : lanes) {
    MUSUBI_RETURN_IF_ERROR(lane.status);
    latencies.insert(latencies.end(), lane.latencies.begin(), lane.latencies.end());
  }
  MUSUBI_RETURN_IF_ERROR(before.status());
  MUSUBI_RETURN_IF_ERROR(after.status());
  if (latencies.empty()) return absl::DeadlineExceededError("no call was answered in --duration");
  std::cout << ToJson(std::move(latencies), *before, *after);
  return absl::OkStatus();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("measures one scenario of RPCs on musubi-bench-rpc-server");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = musubi::bench::Run();
  if (status.ok()) return 0;
  std::cerr << "musubi-bench-rpc-load: " << absl::GetFlag(FLAGS_scenario) << ": "
            << status.ToString() << "\n";
  return 1;
}
