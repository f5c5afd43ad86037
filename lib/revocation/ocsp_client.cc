#include "lib/revocation/ocsp_client.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <set>
#include <utility>

#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::revocation {
namespace {

// RFC 9654 section 2.1 recommends 32 octets; RFC 8954 allows no more.
constexpr size_t kNonceSize = 32;
// Each is asked in turn, within one deadline.
constexpr size_t kMaxUrls = 4;
constexpr absl::Duration kMaxTimeout = absl::Seconds(30);
// Of the timeout, where the configuration does not say. An answer that comes at all nearly always
// comes sooner, so that few questions are asked twice; and all of kMaxUrls are asked before the
// first is given up.
constexpr int kHedgeFraction = 4;

absl::Status CheckResponder(const Responder& responder) {
  auto wrong = [&](std::string_view rule) {
    return absl::InvalidArgumentError("OCSP responder of \"" + responder.anchor +
                                      "\": " + std::string(rule));
  };
  if (responder.urls.empty() || responder.urls.size() > kMaxUrls) {
    return wrong("needs one to four urls");
  }
  for (const std::string& url : responder.urls) {
    const absl::Status status = http::CheckRequest({.url = url});
    if (!status.ok()) return wrong("urls: " + std::string(base::ToStd(status.message())));
  }
  if (responder.timeout <= absl::ZeroDuration() || responder.timeout > kMaxTimeout) {
    return wrong("timeout must be above 0 and at most 30 s");
  }
  if (responder.hedge_after && (*responder.hedge_after <= absl::ZeroDuration() ||
                                *responder.hedge_after >= responder.timeout)) {
    return wrong("hedge_after must be above 0 and below timeout");
  }
  if (responder.max_age <= absl::ZeroDuration() || responder.max_age > kMaxGoodKept) {
    return wrong("max_age must be above 0 and at most 7 days");
  }
  return absl::OkStatus();
}

absl::StatusOr<Responder> ParseResponder(base::JsonObject& entry) {
  Responder responder;
  MUSUBI_ASSIGN_OR_RETURN(responder.anchor, entry.String("anchor"));
  MUSUBI_ASSIGN_OR_RETURN(responder.urls, entry.Strings("urls"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string nonce, entry.String("nonce"));
  if (nonce == "NONE") {
    responder.nonce = pki::NoncePolicy::kNone;
  } else if (nonce == "OPTIONAL") {
    responder.nonce = pki::NoncePolicy::kOptional;
  } else if (nonce == "REQUIRED") {
    responder.nonce = pki::NoncePolicy::kRequired;
  } else {
    return entry.Invalid("\"nonce\" must be NONE, OPTIONAL or REQUIRED");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string hash, entry.String("hash"));
  if (hash != "SHA1" && hash != "SHA256") return entry.Invalid("\"hash\" must be SHA1 or SHA256");
  responder.hash = hash == "SHA1" ? pki::CertIdHash::kSha1 : pki::CertIdHash::kSha256;
  MUSUBI_ASSIGN_OR_RETURN(const int64_t max_age, entry.Integer("max_age_seconds"));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t timeout, entry.Integer("timeout_ms"));
  const std::vector<std::string> keys = entry.Keys();
  if (std::ranges::find(keys, "hedge_after_ms") != keys.end()) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t hedge_after, entry.Integer("hedge_after_ms"));
    responder.hedge_after = absl::Milliseconds(hedge_after);
  }
  MUSUBI_RETURN_IF_ERROR(entry.RefuseOthers());
  responder.max_age = absl::Seconds(max_age);
  responder.timeout = absl::Milliseconds(timeout);
  return responder;
}

}  // namespace

// Lets callbacks in while the client is there. Its end waits for those inside.
class OcspClient::Gate {
 public:
  class Visit {
   public:
    explicit Visit(Gate& gate) : gate_(gate), admitted_(gate.Enter()) {}
    ~Visit() {
      if (admitted_) gate_.Leave();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    bool admitted() const { return admitted_; }

   private:
    Gate& gate_;
    const bool admitted_;
  };

  void Close() {
    base::MutexLock lock(mutex_);
    closed_ = true;
    while (inside_ > 0) left_.Wait(mutex_);
  }

 private:
  bool Enter() {
    base::MutexLock lock(mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    base::MutexLock lock(mutex_);
    if (--inside_ == 0) left_.NotifyAll();
  }

  base::Mutex mutex_;
  base::CondVar left_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct OcspClient::Question {
  SerialKey key;
  const Responder& responder;  // Of options_.
  pki::Certificate target;
  pki::Certificate issuer;
};

struct OcspClient::Waiter {
  absl::Time deadline;
  Done done;
  std::string traceparent;  // Of the caller.
  base::Timer::Id timer = 0;
};

// The askings about one certificate, of which the first to be answered ends it. Guarded by the
// client's mutex, but for `question`.
struct OcspClient::Flight {
  const std::shared_ptr<const Question> question;
  // By the order of their coming. The first one's deadline and trace are the flight's: it leaves
  // with the landing, and not before.
  std::map<uint64_t, Waiter> waiters = {};
  bool landed = false;
  // A URL had, or would have had, less time than it is given. Others may have more.
  bool cut_short = false;
  size_t next_rank = 0;
  size_t running = 0;
  std::optional<base::Timer::Id> hedge = {};
};

// The asking of one URL, which may outlast its flight.
struct OcspClient::Asking {
  const std::shared_ptr<Flight> flight;
  bool cut_short = false;  // The caller had less time than the responder is given.
  size_t rank = 0;
  CircuitBreaker::Admission admission = CircuitBreaker::Admission::kRefused;
  std::string traceparent = {};
  base::Bytes nonce = {};
  absl::StatusOr<http::Response> response = absl::UnknownError("");
};

struct OcspClient::Landing {
  std::shared_ptr<const Question> question;
  std::map<uint64_t, Waiter> waiters;
  Answer answer;
  bool others_may_ask = false;  // All but the first, who had no more time.
};

absl::StatusOr<std::vector<Responder>> ParseResponders(std::string_view json) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject file, base::JsonObject::Parse(json, "responders.json"));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, file.Integer("version"));
  if (version != 1) return file.Invalid("\"version\" must be 1");
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::JsonObject> entries, file.Objects("responders"));
  MUSUBI_RETURN_IF_ERROR(file.RefuseOthers());
  std::vector<Responder> responders;
  for (base::JsonObject& entry : entries) {
    MUSUBI_ASSIGN_OR_RETURN(Responder responder, ParseResponder(entry));
    MUSUBI_RETURN_IF_ERROR(CheckResponder(responder));
    responders.push_back(std::move(responder));
  }
  return responders;
}

OcspClient::OcspClient(Dependencies dependencies, Options options)
    : dependencies_(dependencies), options_(std::move(options)), gate_(std::make_shared<Gate>()) {
  for (const Responder& responder : options_.responders) {
    responders_.emplace(crypto::Sha256(options_.issuers.at(responder.anchor).spki_der()),
                        &responder);
  }
}

absl::StatusOr<std::unique_ptr<OcspClient>> OcspClient::Create(Dependencies dependencies,
                                                               Options options) {
  std::set<std::string> seen;
  for (const Responder& responder : options.responders) {
    MUSUBI_RETURN_IF_ERROR(CheckResponder(responder));
    if (!options.issuers.contains(responder.anchor)) {
      return absl::InvalidArgumentError("OCSP responder of \"" + responder.anchor +
                                        "\": names no configured anchor; use an id of the "
                                        "anchors file");
    }
    if (!seen.insert(responder.anchor).second) {
      return absl::InvalidArgumentError("OCSP responder of \"" + responder.anchor +
                                        "\": is there twice; put its urls into one entry");
    }
  }
  if (options.max_cache_entries == 0) {
    return absl::InvalidArgumentError("OCSP client: max_cache_entries must be positive");
  }
  return std::unique_ptr<OcspClient>(new OcspClient(dependencies, std::move(options)));
}

OcspClient::~OcspClient() {
  gate_->Close();
  std::vector<Landing> landings;
  {
    base::MutexLock lock(mutex_);
    while (!flights_.empty()) landings.push_back(Land(flights_.begin()->second, {}));
  }
  for (Landing& landing : landings) {
    landing.others_may_ask = false;
    Tell(std::move(landing));
  }
}

std::optional<OcspClient::Answer> OcspClient::FromCache(const SerialKeyView& key, absl::Time now) {
  const auto found = cache_.find(key);
  if (found == cache_.end()) return std::nullopt;
  const pki::OcspResult& result = *found->second.answer.result;
  // Revocation is for good: only GOOD is asked for again before its time.
  const bool kept_too_long = result.cert_status == pki::OcspCertStatus::kGood &&
                             now - found->second.answer.received_at > kMaxGoodKept;
  // A clock that went back makes an answer come from the future: not current then.
  if (kept_too_long || result.usable_until < now || result.this_update > now + options_.skew) {
    uses_.erase(found->second.use);
    cache_.erase(found);
    return std::nullopt;
  }
  uses_.splice(uses_.end(), uses_, found->second.use);
  return found->second.answer;
}

void OcspClient::Keep(const SerialKey& key, const Answer& answer) {
  if (!answer.result || answer.result->cert_status == pki::OcspCertStatus::kUnknown) return;
  if (const auto old = cache_.find(key); old != cache_.end()) {
    // What is revoked stays so: a GOOD that was slower does not hide it.
    if (old->second.answer.result->cert_status == pki::OcspCertStatus::kRevoked) return;
    uses_.erase(old->second.use);
    cache_.erase(old);
  }
  if (cache_.size() >= options_.max_cache_entries) {
    cache_.erase(uses_.front());
    uses_.pop_front();
  }
  uses_.push_back(key);
  cache_.emplace(key, CacheEntry{answer, std::prev(uses_.end())});
}

std::optional<OcspClient::Answer> OcspClient::TryLocally(const base::Hash256& issuer_key,
                                                         base::ByteView serial, absl::Time now) {
  const auto responder = responders_.find(issuer_key);
  if (responder == responders_.end()) return Answer{};
  const SerialKeyView key(issuer_key, serial);
  base::MutexLock lock(mutex_);
  if (auto cached = FromCache(key, now)) {
    dependencies_.observer.OnOcspCacheHit();
    return cached;
  }
  // Of an asking that is under way an answer may come, whatever the breakers are now.
  if (flights_.contains(key) || MayAsk(*responder->second, 0, now)) return std::nullopt;
  return Answer{};
}

OcspClient::Answer OcspClient::Ask(const pki::Certificate& target, const pki::Certificate& issuer,
                                   absl::Time deadline) {
  Observer& observer = dependencies_.observer;  // Outlives the client, whose end may end this.
  const auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  AskAsync(target, issuer, deadline,
           [promise](const Answer& answered) { promise->set_value(answered); });
  if (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    observer.OnOcspWaitBegins();
    answer.wait();
    observer.OnOcspWaitEnds();
  }
  return answer.get();
}

void OcspClient::AskAsync(const pki::Certificate& target, const pki::Certificate& issuer,
                          absl::Time deadline, Done done) {
  SerialKey key{crypto::Sha256(issuer.spki_der()), base::ToBytes(target.serial())};
  const auto responder = responders_.find(key.first);
  if (responder == responders_.end()) return done({});
  http::Request traced;
  dependencies_.http.AddTrace(traced);
  Board(std::make_shared<Question>(Question{std::move(key), *responder->second, target, issuer}),
        {.deadline = deadline,
         .done = std::move(done),
         .traceparent = std::move(traced.traceparent)});
}

void OcspClient::Board(std::shared_ptr<const Question> question, Waiter waiter) {
  const SerialKey& key = question->key;
  std::optional<Answer> answer;
  std::shared_ptr<Flight> begun;
  {
    base::MutexLock lock(mutex_);
    const absl::Time now = dependencies_.clock.Now();
    answer = FromCache({key.first, key.second}, now);
    if (answer) {
      dependencies_.observer.OnOcspCacheHit();
    } else if (waiter.deadline <= now) {
      answer = Answer{};
    } else if (const auto underway = flights_.find(key); underway != flights_.end()) {
      dependencies_.observer.OnOcspShared();
      AddWaiter(underway->second, std::move(waiter), now);
    } else {
      begun = std::make_shared<Flight>(Flight{.question = question});
      flights_.emplace(key, begun);
      AddWaiter(begun, std::move(waiter), now);
    }
  }
  if (answer) return waiter.done(*answer);
  if (begun != nullptr) AskNext(begun);
}

void OcspClient::AddWaiter(const std::shared_ptr<Flight>& flight, Waiter waiter, absl::Time now) {
  const uint64_t id = next_waiter_id_++;
  waiter.timer = dependencies_.timer.Schedule(
      std::min(waiter.deadline - now, kMaxUrls * kMaxTimeout), [this, gate = gate_, flight, id] {
        if (const Gate::Visit visit(*gate); visit.admitted()) OnDeadline(flight, id);
      });
  flight->waiters.emplace(id, std::move(waiter));
}

void OcspClient::OnDeadline(const std::shared_ptr<Flight>& flight, uint64_t waiter_id) {
  Waiter waiter;
  std::optional<Landing> landing;
  {
    base::MutexLock lock(mutex_);
    if (flight->landed) return;
    if (waiter_id == flight->waiters.begin()->first) {
      flight->cut_short = true;
      landing = Land(flight, {});
    } else {
      waiter = std::move(flight->waiters.extract(waiter_id).mapped());
    }
  }
  if (landing) return Tell(*std::move(landing));
  waiter.done({});
}

OcspClient::Landing OcspClient::Land(std::shared_ptr<Flight> flight, const Answer& answer) {
  flight->landed = true;
  flights_.erase(flight->question->key);
  if (flight->hedge) dependencies_.timer.Cancel(*flight->hedge);
  return {.question = flight->question,
          .waiters = std::exchange(flight->waiters, {}),
          .answer = answer,
          .others_may_ask = flight->cut_short && !answer.result};
}

void OcspClient::Tell(Landing landing) {
  bool first = true;
  for (auto& [id, waiter] : landing.waiters) {
    dependencies_.timer.Cancel(waiter.timer);
    if (landing.others_may_ask && !first) {
      Board(landing.question, std::move(waiter));
    } else {
      waiter.done(landing.answer);
    }
    first = false;
  }
}

void OcspClient::AskNext(const std::shared_ptr<Flight>& flight, std::optional<size_t> only) {
  const Responder& responder = flight->question->responder;
  const auto asking = std::make_shared<Asking>(Asking{.flight = flight});
  std::optional<Landing> landing;
  absl::Duration left;
  {
    base::MutexLock lock(mutex_);
    if (flight->landed || only.value_or(flight->next_rank) != flight->next_rank) return;
    const Waiter& first = flight->waiters.begin()->second;
    const absl::Time now = dependencies_.clock.Now();
    left = first.deadline - now;
    const bool all_asked = flight->next_rank == responder.urls.size();
    if (!all_asked && left <= absl::ZeroDuration()) {
      flight->cut_short = true;
      landing = Land(flight, {});
    } else if (AdmitNext(*flight, *asking, now)) {
      asking->cut_short = left < responder.timeout;
      asking->traceparent = first.traceparent;
      flight->cut_short = flight->cut_short || asking->cut_short;
      ++flight->running;
      ScheduleHedge(flight);
    } else if (flight->running == 0) {
      landing = Land(flight, {});
    } else {
      return;
    }
  }
  if (landing) return Tell(*std::move(landing));
  Send(asking, std::min(left, responder.timeout));
}

bool OcspClient::AdmitNext(Flight& flight, Asking& asking, absl::Time now) {
  const Responder& responder = flight.question->responder;
  while (flight.next_rank < responder.urls.size()) {
    asking.rank = flight.next_rank++;
    asking.admission = breakers_[{&responder, asking.rank}].Admit(now);
    if (asking.admission != CircuitBreaker::Admission::kRefused) return true;
  }
  return false;
}

bool OcspClient::MayAsk(const Responder& responder, size_t rank, absl::Time now) {
  for (; rank < responder.urls.size(); ++rank) {
    const auto breaker = breakers_.find({&responder, rank});
    if (breaker == breakers_.end() || !breaker->second.Refuses(now)) return true;
  }
  return false;
}

void OcspClient::ScheduleHedge(const std::shared_ptr<Flight>& flight) {
  const Responder& responder = flight->question->responder;
  if (flight->hedge) dependencies_.timer.Cancel(*std::exchange(flight->hedge, std::nullopt));
  if (flight->next_rank == responder.urls.size()) return;
  flight->hedge = dependencies_.timer.Schedule(
      responder.hedge_after.value_or(responder.timeout / kHedgeFraction),
      [this, gate = gate_, flight, rank = flight->next_rank] {
        if (const Gate::Visit visit(*gate); visit.admitted()) AskNext(flight, rank);
      });
}

void OcspClient::Send(const std::shared_ptr<Asking>& asking, absl::Duration timeout) {
  const auto& [key, responder, target, issuer] = *asking->flight->question;
  if (responder.nonce != pki::NoncePolicy::kNone) {
    asking->nonce.resize(kNonceSize);
    dependencies_.random.Fill(asking->nonce);
  }
  dependencies_.http.SendAsync(
      {.method = http::Method::kPost,
       .url = responder.urls[asking->rank],
       .content_type = "application/ocsp-request",
       .body = base::ToString(pki::BuildOcspRequest(target, issuer, responder.hash, asking->nonce)),
       .traceparent = asking->traceparent,
       .timeout = timeout,
       .max_response_size = pki::kMaxOcspResponseSize},
      [this, gate = gate_, asking](absl::StatusOr<http::Response> response) {
        const Gate::Visit visit(*gate);
        if (!visit.admitted()) return;
        asking->response = std::move(response);
        Receive(asking);
      });
}

void OcspClient::Receive(const std::shared_ptr<Asking>& asking) {
  const bool taken = dependencies_.workers != nullptr &&
                     dependencies_.workers->Submit([this, gate = gate_, asking] {
                       const Gate::Visit visit(*gate);
                       if (visit.admitted()) Finish(*asking);
                     });
  if (!taken) Finish(*asking);
}

void OcspClient::Finish(const Asking& asking) {
  using Outcome = CircuitBreaker::Outcome;
  const Question& question = *asking.flight->question;
  OcspEvent event{question.responder.anchor, asking.rank, OcspExchange::kUnspecified, {}, {}};
  const Answer answer = Judge(asking, event);
  dependencies_.observer.OnOcsp(event);
  Outcome outcome = Outcome::kFails;
  // One that is not authorised works: it is this certificate that it does not speak for.
  if (event.exchange == OcspExchange::kAnswered ||
      event.outcome == pki::OcspOutcome::kUnauthorized) {
    outcome = Outcome::kWorks;
  }
  if (event.exchange == OcspExchange::kTimeout && asking.cut_short) outcome = Outcome::kUndecided;
  std::optional<Landing> landing;
  {
    base::MutexLock lock(mutex_);
    Report(asking, outcome);
    Keep(question.key, answer);
    --asking.flight->running;
    if (answer.result && !asking.flight->landed) landing = Land(asking.flight, answer);
  }
  if (landing) return Tell(*std::move(landing));
  AskNext(asking.flight);
}

void OcspClient::Report(const Asking& asking, CircuitBreaker::Outcome outcome) {
  const Responder& responder = asking.flight->question->responder;
  const CircuitBreaker::Change change = breakers_[{&responder, asking.rank}].Report(
      asking.admission, outcome, dependencies_.clock.Now());
  if (change == CircuitBreaker::Change::kNone) return;
  // Under the lock, so that the last event heard is the last that happened.
  dependencies_.observer.OnOcspBreaker(
      {responder.anchor, asking.rank, change == CircuitBreaker::Change::kOpened});
}

OcspClient::Answer OcspClient::Judge(const Asking& asking, OcspEvent& event) const {
  const auto& [key, responder, target, issuer] = *asking.flight->question;
  const absl::StatusOr<http::Response>& response = asking.response;
  if (!response.ok()) {
    event.exchange = absl::IsDeadlineExceeded(response.status()) ? OcspExchange::kTimeout
                                                                 : OcspExchange::kUnreachable;
    return {};
  }
  if (response->status_code != 200) {
    event.exchange = OcspExchange::kHttpStatus;
    return {};
  }
  pki::OcspPolicy policy{.nonce = responder.nonce,
                         .max_age = responder.max_age,
                         .skew = options_.skew,
                         .delegate_check = {}};
  if (dependencies_.crl_store != nullptr) {
    policy.delegate_check = [this](const pki::Certificate& delegate,
                                   const pki::Certificate& delegate_issuer) {
      return dependencies_.crl_store->Lookup(delegate, delegate_issuer, dependencies_.clock.Now())
          .outcome;
    };
  }
  Answer answer{.result = {}, .received_at = dependencies_.clock.Now()};
  const pki::OcspResult result = pki::CheckOcspResponse(
      base::AsBytes(response->body), target, issuer, asking.nonce, policy, answer.received_at);
  event.outcome = result.outcome;
  event.cert_status = result.cert_status;
  event.exchange = result.cert_status ? OcspExchange::kAnswered : OcspExchange::kRefused;
  if (result.cert_status) answer.result = result;
  return answer;
}

}  // namespace musubi::revocation
