// musubi-bench-rpc-server: what `scripts/bench rpc` measures. One process with the session service
// on stores in memory, and beside it an echo through lib/rpc and one without. Plaintext on
// loopback, a port of its own ("port N" on standard output), until standard input closes.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "bench/echo.grpc.pb.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/crypto/keyring.h"
#include "lib/limits/memory_rate_limiter.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/prelink/journey.h"
#include "lib/prelink/journey_limits.h"
#include "lib/prelink/relying_party.h"
#include "lib/prelink/sessions.h"
#include "lib/rpc/calls.h"
#include "lib/rpc/method_table.h"
#include "lib/rpc/security.h"
#include "lib/rpc/server.h"
#include "lib/session/lifetimes.h"
#include "lib/session/memory_session_store.h"
#include "services/session/session_service.h"
#include "tests/fakes/temp_dir.h"

ABSL_FLAG(uint64_t, workers, 4, "worker threads of lib/rpc");

namespace musubi::bench {
namespace {

// A run makes some ten thousand sessions a second, and they live 30 minutes: no run may fill the
// store. Full, it would take about 8 GB.
constexpr size_t kSessionCapacity = 4'000'000;

// The same relying party as in the tests of lib/prelink.
constexpr char kRelyingParties[] = R"({"relying_parties":[{"id":"demo-university",
  "name":{"ja":"見本大学","en":"Mihon University"},
  "origins":["https://prelink.example"],
  "policy_url":"https://mihon.example/policy","terms_url":"https://mihon.example/terms",
  "purpose":{"ja":"試験","en":"Test"},"consent_text_version":"2026-04",
  "requested_attributes":["NAME"],"subject_keyring_file":"subject.keyring",
  "return_uris":["https://mihon.example/back"],"allowed_acts":["LINK"],
  "allowed_flows":["CROSS_DEVICE","ONE_DEVICE"],"allow_cross_device_verify":false,
  "accepted_acr":["mfa"],"account_policy":"ONE_LINK_PER_ACCOUNT","first_step":"ACCOUNT",
  "default_locale":"ja"}]})";

// Requests are not logged: what is measured is the service, not a log.
class NoObserver final : public rpc::RequestObserver {
 public:
  void OnRequest(const rpc::RequestRecord&) override {}
};

class EchoService final : public v1::EchoService::CallbackService {
 public:
  explicit EchoService(rpc::Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const v1::EchoRequest* request,
                                 v1::EchoResponse* response) override {
    return calls_.Unary(
        context, request, response,
        [](const rpc::CallInfo&, const v1::EchoRequest& in, v1::EchoResponse& out) -> absl::Status {
          out.set_payload(in.payload());
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* EchoBare(grpc::CallbackServerContext* context,
                                     const v1::EchoBareRequest* request,
                                     v1::EchoBareResponse* response) override {
    const uint32_t octets = request->answer_octets();
    response->set_payload(octets == 0 ? request->payload() : request->payload().substr(0, octets));
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  rpc::Calls& calls_;
};

// The rules of musubi.v1, and of the echo as if it were a method like them.
std::vector<rpc::MethodRule> Rules() {
  std::vector<rpc::MethodRule> rules(rpc::MethodTable().begin(), rpc::MethodTable().end());
  constexpr unsigned kFront = static_cast<unsigned>(rpc::Role::kFront);
  for (const char* method :
       {"/musubi.bench.v1.EchoService/Echo", "/musubi.bench.v1.EchoService/EchoBare"}) {
    rules.push_back({method, rpc::MethodKind::kUnary, kFront, rpc::Credential::kNone});
  }
  return rules;
}

absl::StatusOr<prelink::RelyingPartyRegistry> LoadRelyingParties(base::SecureRandom& random) {
  const fakes::TempDir dir;
  const crypto::Keyring keyring = crypto::Keyring::Generate("r1", random);
  MUSUBI_RETURN_IF_ERROR(
      base::WriteFileAtomically(dir.File("subject.keyring"), keyring.Serialize().Reveal(), 0600));
  MUSUBI_RETURN_IF_ERROR(
      base::WriteFileAtomically(dir.File("relying_parties.json"), kRelyingParties, 0600));
  return prelink::RelyingPartyRegistry::Load(dir.File("relying_parties.json"));
}

absl::Status Run() {
  const base::RealClock clock;
  base::SystemRandom random;
  base::ThreadTimer timer;
  NoObserver observer;
  const std::vector<rpc::MethodRule> rules = Rules();
  const crypto::Keyring service_keyring = crypto::Keyring::Generate("s1", random);
  const crypto::Keyring card_keyring = crypto::Keyring::Generate("c1", random);

  MUSUBI_ASSIGN_OR_RETURN(const prelink::RelyingPartyRegistry relying_parties,
                          LoadRelyingParties(random));
  session::MemorySessionStore sessions(clock, kSessionCapacity);
  MUSUBI_ASSIGN_OR_RETURN(
      const std::unique_ptr<link::LinkStore> links,
      link::CreateSqliteLinkStore({.clock = &clock,
                                   .random = &random,
                                   .audit_keyring = crypto::Keyring::Generate("a1", random),
                                   .account_keyring = crypto::Keyring::Generate("n1", random)},
                                  {.path = ":memory:"}));
  // Every session is of one account.
  limits::MemoryRateLimiter limiter(clock);
  const prelink::JourneyLimits limits(
      {.limiter = limiter, .service_keyring = service_keyring},
      {.account_sessions = {limits::Limit::kMaxCount, absl::Seconds(1)}});
  const prelink::Journey journey({.sessions = sessions,
                                  .links = *links,
                                  .limits = limits,
                                  .relying_parties = relying_parties,
                                  .random = random,
                                  .service_keyring = service_keyring,
                                  .card_keyring = card_keyring},
                                 session::Lifetimes());
  const prelink::SessionUseCases use_cases(journey);

  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<base::WorkerPool> workers,
                          base::WorkerPool::Create({.threads = absl::GetFlag(FLAGS_workers)}));
  rpc::Calls::Options options;
  MUSUBI_ASSIGN_OR_RETURN(options.security.insecure_loopback_roles,
                          rpc::ParseInsecureRoles("front"));
  options.table = rules;
  MUSUBI_ASSIGN_OR_RETURN(
      const std::unique_ptr<rpc::Calls> calls,
      rpc::Calls::Create(
          {.clock = clock, .random = random, .observer = observer, .workers = *workers},
          std::move(options)));
  EchoService echo(*calls);
  services::session::SessionService session_service(
      {.calls = *calls, .sessions = use_cases, .timer = timer, .workers = *workers});
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<rpc::Server> server,
                          rpc::Server::Create(*calls,
                                              {{"musubi.bench.v1.EchoService", &echo},
                                               {"musubi.v1.SessionService", &session_service}},
                                              {.listen = {"127.0.0.1:0"}}));
  std::cout << "port " << server->ports()[0] << std::endl;
  while (std::getchar() != EOF) {
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("serves sessions and an echo on a free port of 127.0.0.1, for load");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = musubi::bench::Run();
  if (status.ok()) return 0;
  std::cerr << "musubi-bench-rpc-server: " << status.message() << "\n";
  return 1;
}
