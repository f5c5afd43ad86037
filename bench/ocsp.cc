// musubi-bench-ocsp: `scripts/bench ocsp`. Answers from the cache of the OCSP client, and what its
// callers see of responders on the loopback interface that are fast, slow or dead.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "bench/clocks.h"
#include "bench/percentile.h"
#include "bench/report.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "lib/base/timer.h"
#include "lib/http/curl_http_client.h"
#include "lib/revocation/ocsp_client.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/loopback_server.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::bench {
namespace {

using revocation::OcspClient;

constexpr int kUsualRepetitions = 3;
constexpr uint64_t kCards = 1000;
constexpr absl::Duration kCachedTime = absl::Milliseconds(500);
constexpr int kFastAsks = 1000;
constexpr int kFailingAsks = 200;  // From the first on, while the breaker is closed.
constexpr absl::Duration kSlowness = absl::Seconds(2);
constexpr absl::Duration kTimeout = absl::Seconds(1);

struct World {
  base::RealClock clock;
  base::ThreadTimer timer;
  base::SystemRandom random;
  fakes::TestCa ca;
  pki::Certificate issuer = ca.certificate();
  std::vector<pki::Certificate> cards = Cards();

  std::vector<pki::Certificate> Cards() const {
    const fakes::TestKey& key = fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 9);
    std::vector<pki::Certificate> made;
    for (uint64_t i = 0; i < kCards; ++i) {
      made.push_back(fakes::ParseCertificate(ca.Issue(ca.CardSpec(key, 0x1000 + i))));
    }
    return made;
  }
  OcspClient::Answer Ask(OcspClient& client, const pki::Certificate& card) const {
    return client.Ask(card, issuer, clock.Now() + absl::Seconds(10));
  }
  absl::StatusOr<std::unique_ptr<OcspClient>> Client(http::HttpClient& http,
                                                     std::vector<std::string> urls,
                                                     revocation::Observer& observer) {
    return OcspClient::Create(
        {http, clock, timer, random, nullptr, observer},
        {.issuers = {{"auth-01", issuer}},
         .responders = {{.anchor = "auth-01", .urls = std::move(urls), .timeout = kTimeout}}});
  }
};

// A client that has an answer about every card.
class Cached {
 public:
  explicit Cached(World& world) : world_(world) {
    responder_.Behave([this](fakes::OcspSpec& spec) {
      spec.answers[0].cert_id = fakes::CertIdDer(world_.issuer, card_->serial());
    });
  }

  absl::Status Fill() {
    MUSUBI_ASSIGN_OR_RETURN(client_,
                            world_.Client(http_, {"http://responder.example/"}, observer_));
    for (const pki::Certificate& card : world_.cards) {
      card_ = &card;
      if (!world_.Ask(*client_, card).result) return absl::InternalError("no answer to keep");
    }
    return absl::OkStatus();
  }

  // Answers a second of all threads together.
  absl::StatusOr<double> Measure(size_t threads) {
    std::vector<std::thread> running;
    std::vector<int64_t> answers(threads);
    const absl::Duration begin = SteadyTime();
    for (size_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        int64_t count = 0;
        while (SteadyTime() - begin < kCachedTime) {
          for (const pki::Certificate& card : world_.cards) {
            (void)world_.Ask(*client_, card);
          }
          count += kCards;
        }
        answers[i] = count;
      });
    }
    for (std::thread& thread : running) thread.join();
    const absl::Duration time = SteadyTime() - begin;
    if (http_.requests().size() != kCards) return absl::InternalError("the cache forgot a card");
    int64_t all = 0;
    for (const int64_t count : answers) all += count;
    return static_cast<double>(all) / absl::ToDoubleSeconds(time);
  }

 private:
  World& world_;
  const pki::Certificate* card_ = nullptr;  // Of which the responder speaks.
  revocation::Observer observer_;
  fakes::FakeResponder responder_{world_.ca, world_.cards[0], world_.clock};
  fakes::FakeHttpClient http_{
      [this](const http::Request& request) { return responder_.Answer(request); }};
  std::unique_ptr<OcspClient> client_;
};

class BreakerWatch final : public revocation::Observer {
 public:
  void OnOcspBreaker(const revocation::OcspBreakerEvent& event) override { open = event.open; }
  std::atomic<bool> open = false;  // A loser's report comes from another thread.
};

// One caller asks again and again; no answer is kept.
absl::Status MeasureResponder(World& world, http::HttpClient& http, const std::string& name,
                              const std::vector<std::string>& urls, int asks, Report& report) {
  BreakerWatch watch;
  MUSUBI_ASSIGN_OR_RETURN(const auto client, world.Client(http, urls, watch));
  std::vector<int64_t> all;
  std::vector<int64_t> skipped;
  for (int i = 0; i < asks; ++i) {
    const bool open = watch.open;
    const absl::Duration begin = SteadyTime();
    const OcspClient::Answer answer = world.Ask(*client, world.cards[0]);
    const int64_t time = absl::ToInt64Nanoseconds(SteadyTime() - begin);
    if (answer.result.has_value() != (name == "fast" || name == "hedged")) {
      return absl::InternalError(absl::StrCat("an unexpected answer of the responder ", name));
    }
    (open ? skipped : all).push_back(time);
  }
  const size_t calls = all.size();
  all.insert(all.end(), skipped.begin(), skipped.end());
  std::ranges::sort(all);
  std::ranges::sort(skipped);
  for (const size_t percent : {50, 99}) {
    report.Add(absl::StrCat("ask_", name, "_p", percent), "us",
               static_cast<double>(Percentile(all, percent)) / 1e3);
  }
  if (name == "fast") return absl::OkStatus();
  if (skipped.empty()) return absl::InternalError("the breaker did not open");
  report.Add(absl::StrCat("calls_until_open_", name), "calls", static_cast<double>(calls));
  report.Add(absl::StrCat("ask_open_", name), "us",
             static_cast<double>(Percentile(skipped, 50)) / 1e3);
  return absl::OkStatus();
}

absl::Status Measure(Report& report) {
  World world;
  Cached cached(world);
  MUSUBI_RETURN_IF_ERROR(cached.Fill());
  const std::vector<Task> tasks = {
      {"cached_1_thread", "answers/s", [&] { return cached.Measure(1); }},
      {"cached_2_threads", "answers/s", [&] { return cached.Measure(2); }}};
  MUSUBI_RETURN_IF_ERROR(RunInterleaved(tasks, Repetitions(kUsualRepetitions), report));

  // Signed once: what a responder takes for signing is not ours. UNKNOWN is asked for every time.
  fakes::FakeResponder responder(world.ca, world.cards[0], world.clock);
  responder.Say(fakes::OcspUnknown());
  MUSUBI_ASSIGN_OR_RETURN(const http::Response signed_answer, responder.Answer({}));
  fakes::LoopbackServer fast([&](const http::Request&) {
    return fakes::LoopbackServer::Answer{.body = signed_answer.body};
  });
  fakes::LoopbackServer slow([&](const http::Request&) {
    Rest(kSlowness);
    return fakes::LoopbackServer::Answer{.body = signed_answer.body};
  });
  const fakes::UnservedUrl dead;
  MUSUBI_ASSIGN_OR_RETURN(const auto http, http::CurlHttpClient::Create());
  for (int i = 0; i < Repetitions(kUsualRepetitions); ++i) {
    MUSUBI_RETURN_IF_ERROR(
        MeasureResponder(world, *http, "fast", {fast.url() + "/"}, kFastAsks, report));
    MUSUBI_RETURN_IF_ERROR(
        MeasureResponder(world, *http, "slow", {slow.url() + "/"}, kFailingAsks, report));
    MUSUBI_RETURN_IF_ERROR(
        MeasureResponder(world, *http, "dead", {dead.url() + "/"}, kFailingAsks, report));
    MUSUBI_RETURN_IF_ERROR(MeasureResponder(
        world, *http, "hedged", {slow.url() + "/", fast.url() + "/"}, kFailingAsks, report));
  }
  report.Note(absl::StrCat(
      "cached_: answers a second about ", kCards, " cards in turn. ask_: one caller, ", kFastAsks,
      " askings of a fast responder, ", kFailingAsks, " each of one that takes ",
      absl::FormatDuration(kSlowness), " where ", absl::FormatDuration(kTimeout),
      " is allowed, of one that refuses connections, and (hedged) of the slow one with the fast "
      "one "
      "behind it, from the first on; the answer is signed beforehand and verified each time. "
      "ask_open_: the median once the breaker has opened."));
  return absl::OkStatus();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("measures the OCSP client: its cache, and responders that fail");
  absl::ParseCommandLine(argc, argv);
  musubi::bench::Report report("ocsp");
  const absl::Status status = musubi::bench::Measure(report);
  if (status.ok()) return report.Finish();
  std::cerr << "musubi-bench-ocsp: " << status.ToString() << "\n";
  return 1;
}
