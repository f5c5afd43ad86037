#include "lib/revocation/ocsp_client.h"

#include <algorithm>
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

// One asking that several callers may wait for. Guarded by the client's mutex.
struct OcspClient::Flight {
  bool landed = false;
  bool cut_short = false;  // Ended by the asking caller's deadline, which others need not share.
  Answer answer;
};

struct OcspClient::Question {
  SerialKey key;
  const Responder& responder;  // Of options_.
  pki::Certificate target;
  pki::Certificate issuer;
};

// The asking of one URL: a copy of all that it needs, since it may outlive its caller.
struct OcspClient::Asking {
  Question question;
  bool cut_short = false;  // The caller had less time than the responder is given.
  size_t rank = 0;
  CircuitBreaker::Admission admission = CircuitBreaker::Admission::kRefused;
  base::Bytes nonce = {};
  http::Request request = {};
};

// The askings of one question, of which the first to be answered wins. Shared by the caller and
// those who ask for it; guarded by the client's mutex.
struct OcspClient::Race {
  size_t next_rank = 0;
  absl::Time next_at = absl::InfinitePast();  // While an asking runs; else it is due at once.
  size_t running = 0;
  Answer answer;
  base::CondVar changed;
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

OcspClient::OcspClient(Dependencies dependencies, Options options,
                       std::unique_ptr<base::WorkerPool> helpers)
    : dependencies_(dependencies), options_(std::move(options)), helpers_(std::move(helpers)) {
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
  std::unique_ptr<base::WorkerPool> helpers;
  if (options.max_helper_threads > 0) {
    MUSUBI_ASSIGN_OR_RETURN(
        helpers, base::WorkerPool::Create({.threads = options.max_helper_threads, .queue = 0}));
  }
  return std::unique_ptr<OcspClient>(
      new OcspClient(dependencies, std::move(options), std::move(helpers)));
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
  const SerialKey key{crypto::Sha256(issuer.spki_der()), base::ToBytes(target.serial())};
  const auto responder = responders_.find(key.first);
  if (responder == responders_.end()) return {};
  std::shared_ptr<Flight> flight;
  {
    base::MutexLock lock(mutex_);
    while (true) {
      if (auto cached = FromCache({key.first, key.second}, dependencies_.clock.Now())) {
        dependencies_.observer.OnOcspCacheHit();
        return *std::move(cached);
      }
      const auto underway = flights_.find(key);
      if (underway == flights_.end()) break;
      const std::shared_ptr<Flight> other = underway->second;
      bool waits = false;
      while (!other->landed) {
        const absl::Duration left = deadline - dependencies_.clock.Now();
        if (left <= absl::ZeroDuration()) return {};
        if (!std::exchange(waits, true)) dependencies_.observer.OnOcspShared();
        landed_.WaitFor(mutex_, absl::ToChronoMilliseconds(left));
      }
      if (other->answer.result || !other->cut_short) return other->answer;
    }
    flight = std::make_shared<Flight>();
    flights_[key] = flight;
  }
  bool cut_short = false;
  Answer answer = AskResponders({key, *responder->second, target, issuer}, deadline, cut_short);
  base::MutexLock lock(mutex_);
  flight->landed = true;
  flight->cut_short = cut_short;
  flight->answer = answer;
  flights_.erase(key);
  landed_.NotifyAll();
  return answer;
}

OcspClient::Answer OcspClient::AskResponders(const Question& question, absl::Time deadline,
                                             bool& cut_short) {
  const auto race = std::make_shared<Race>();
  while (true) {
    {
      base::MutexLock lock(mutex_);
      WaitForTurn(*race, deadline);
      if (race->answer.result) return race->answer;
      if (race->running == 0 && race->next_rank == question.responder.urls.size()) return {};
    }
    const absl::Duration left = deadline - dependencies_.clock.Now();
    if (left <= absl::ZeroDuration()) {
      cut_short = true;
      return {};
    }
    AskNext(question, race, left, cut_short);
  }
}

void OcspClient::WaitForTurn(Race& race, absl::Time deadline) {
  while (!race.answer.result && race.running > 0) {
    const absl::Duration left = std::min(deadline, race.next_at) - dependencies_.clock.Now();
    if (left <= absl::ZeroDuration()) return;
    dependencies_.observer.OnOcspWaitBegins();
    race.changed.WaitFor(mutex_, absl::ToChronoMilliseconds(absl::Ceil(std::min(left, kMaxTimeout),
                                                                       absl::Milliseconds(1))));
    dependencies_.observer.OnOcspWaitEnds();
  }
}

void OcspClient::AskNext(const Question& question, const std::shared_ptr<Race>& race,
                         absl::Duration left, bool& cut_short) {
  const Responder& responder = question.responder;
  Asking asking{.question = question, .cut_short = left < responder.timeout};
  bool alone = false;
  bool may_hedge = false;
  {
    base::MutexLock lock(mutex_);
    if (!AdmitNext(*race, asking)) return;
    alone = race->running++ == 0;
    may_hedge = !alone || MayAsk(responder, race->next_rank, dependencies_.clock.Now());
  }
  cut_short = cut_short || asking.cut_short;
  BuildRequest(asking, std::min(left, responder.timeout));
  const auto finish = [this, asking, race] { Finish(asking, *race); };
  if (may_hedge && helpers_ != nullptr && helpers_->Submit(finish)) return;
  if (alone) {
    finish();
    return;
  }
  // No thread is free. The URL keeps its turn for when one of those that were asked has failed.
  Report(asking, CircuitBreaker::Outcome::kUndecided);
  base::MutexLock lock(mutex_);
  --race->running;
  race->next_rank = asking.rank;
  race->next_at = absl::InfiniteFuture();
}

bool OcspClient::AdmitNext(Race& race, Asking& asking) {
  const Responder& responder = asking.question.responder;
  const absl::Time now = dependencies_.clock.Now();
  while (race.next_rank < responder.urls.size()) {
    asking.rank = race.next_rank++;
    asking.admission = breakers_[{&responder, asking.rank}].Admit(now);
    if (asking.admission == CircuitBreaker::Admission::kRefused) continue;
    race.next_at = now + responder.hedge_after.value_or(responder.timeout / kHedgeFraction);
    return true;
  }
  race.next_at = absl::InfiniteFuture();
  return false;
}

bool OcspClient::MayAsk(const Responder& responder, size_t rank, absl::Time now) {
  for (; rank < responder.urls.size(); ++rank) {
    const auto breaker = breakers_.find({&responder, rank});
    if (breaker == breakers_.end() || !breaker->second.Refuses(now)) return true;
  }
  return false;
}

void OcspClient::BuildRequest(Asking& asking, absl::Duration timeout) {
  const auto& [key, responder, target, issuer] = asking.question;
  if (responder.nonce != pki::NoncePolicy::kNone) {
    asking.nonce.resize(kNonceSize);
    dependencies_.random.Fill(asking.nonce);
  }
  asking.request = {
      .method = http::Method::kPost,
      .url = responder.urls[asking.rank],
      .content_type = "application/ocsp-request",
      .body = base::ToString(pki::BuildOcspRequest(target, issuer, responder.hash, asking.nonce)),
      .timeout = timeout,
      .max_response_size = pki::kMaxOcspResponseSize};
  dependencies_.http.AddTrace(asking.request);
}

void OcspClient::Finish(const Asking& asking, Race& race) {
  using Outcome = CircuitBreaker::Outcome;
  OcspEvent event{
      asking.question.responder.anchor, asking.rank, OcspExchange::kUnspecified, {}, {}};
  const Answer answer = Send(asking, event);
  dependencies_.observer.OnOcsp(event);
  Outcome outcome = Outcome::kFails;
  // One that is not authorised works: it is this certificate that it does not speak for.
  if (event.exchange == OcspExchange::kAnswered ||
      event.outcome == pki::OcspOutcome::kUnauthorized) {
    outcome = Outcome::kWorks;
  }
  if (event.exchange == OcspExchange::kTimeout && asking.cut_short) outcome = Outcome::kUndecided;
  Report(asking, outcome);
  base::MutexLock lock(mutex_);
  Keep(asking.question.key, answer);
  --race.running;
  if (!answer.result) {
    race.next_at = absl::InfinitePast();
  } else if (!race.answer.result || answer.result->cert_status == pki::OcspCertStatus::kRevoked) {
    // Whatever came first, a REVOKED that came in time is not passed over.
    race.answer = answer;
  }
  race.changed.NotifyAll();
}

void OcspClient::Report(const Asking& asking, CircuitBreaker::Outcome outcome) {
  const Responder& responder = asking.question.responder;
  base::MutexLock lock(mutex_);
  const CircuitBreaker::Change change = breakers_[{&responder, asking.rank}].Report(
      asking.admission, outcome, dependencies_.clock.Now());
  if (change == CircuitBreaker::Change::kNone) return;
  // Under the lock, so that the last event heard is the last that happened.
  dependencies_.observer.OnOcspBreaker(
      {responder.anchor, asking.rank, change == CircuitBreaker::Change::kOpened});
}

OcspClient::Answer OcspClient::Send(const Asking& asking, OcspEvent& event) {
  const auto& [key, responder, target, issuer] = asking.question;
  const auto response = dependencies_.http.Send(asking.request);
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
