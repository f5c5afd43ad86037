// Asking configured OCSP responders, with a cache and a circuit breaker for each URL. Decides
// nothing about what to do without an answer: see revocation_checker.h. URLs come from
// configuration alone, never from a certificate. A URL that lets its callers wait is hedged: the
// next one is asked too. The loser is not called off: it goes on to its timeout, and what becomes
// of it counts as if it had won. No thread waits for a responder.
#ifndef MUSUBI_LIB_REVOCATION_OCSP_CLIENT_H_
#define MUSUBI_LIB_REVOCATION_OCSP_CLIENT_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/secure_random.h"
#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/http/http_client.h"
#include "lib/pki/certificate.h"
#include "lib/pki/ocsp.h"
#include "lib/revocation/circuit_breaker.h"
#include "lib/revocation/crl_store.h"
#include "lib/revocation/observer.h"
#include "lib/revocation/serial_key.h"

namespace musubi::revocation {

// The responders of one issuer, best first.
struct Responder {
  std::string anchor;  // Id of the issuer.
  std::vector<std::string> urls;
  pki::NoncePolicy nonce = pki::NoncePolicy::kOptional;
  pki::CertIdHash hash = pki::CertIdHash::kSha256;
  absl::Duration max_age = absl::Hours(1);    // Of an answer without nextUpdate.
  absl::Duration timeout = absl::Seconds(2);  // For each URL.
  // The next URL is asked too when one has not answered for so long. Nothing: a quarter of
  // `timeout`.
  std::optional<absl::Duration> hedge_after = std::nullopt;
};

// ParseResponders reads responders.json: {"version":1,"responders":[{"anchor":ID, "urls":[URL...],
// "nonce":"NONE"|"OPTIONAL"|"REQUIRED", "hash":"SHA1"|"SHA256", "max_age_seconds":N,
// "timeout_ms":N, "hedge_after_ms":N}]}. All members but "hedge_after_ms" are required.
// INVALID_ARGUMENT names the rule and the fix.
absl::StatusOr<std::vector<Responder>> ParseResponders(std::string_view json);

// However far a nextUpdate is, a GOOD answer is asked for again after this long: beyond a week even
// an emergency revocation would go unseen for too long.
inline constexpr absl::Duration kMaxGoodKept = absl::Hours(24 * 7);

// OcspClient keeps authentic GOOD and REVOKED answers until they may no longer be used. UNKNOWN is
// not kept: a card that was issued a minute ago may be known the next. Thread-safe.
//
// A URL that fails again and again is skipped at once (circuit_breaker.h): no connection, no answer
// in time, an HTTP status other than 200, an answer that may not be believed. GOOD, REVOKED,
// UNKNOWN and the status "unauthorized" are no failures, nor is a timeout of a caller who had less
// time than the responder is given. Each URL of each anchor has its own breaker: one issuer's
// trouble is not another's.
//
// The destructor ends what is under way: whoever still waits has no answer, on its thread. It must
// not run in a Done, and none may ask once it runs. Requests that were sent may outlive the client.
class OcspClient {
 public:
  struct Dependencies {
    http::HttpClient& http;
    const base::Clock& clock;
    base::Timer& timer;  // Of deadlines and hedges.
    base::SecureRandom& random;
    const CrlStore* crl_store;  // Checks delegates without nocheck; null: such are refused.
    Observer& observer;
    // Verify answers and hand them on, so that neither a signature nor what a Done does (a
    // revocation is written to the disk) holds up other transfers. Null, or if all are busy: the
    // HTTP client's thread does.
    base::WorkerPool* workers = nullptr;
  };
  struct Options {
    Issuers issuers;
    std::vector<Responder> responders;
    size_t max_cache_entries = 100'000;  // About 300 octets each.
    absl::Duration skew = absl::Minutes(5);
  };
  struct Answer {
    // Set if a responder gave an answer that may be believed. UNKNOWN of one responder is such.
    std::optional<pki::OcspResult> result;
    absl::Time received_at = absl::InfinitePast();
  };

  // INVALID_ARGUMENT if a responder names no known issuer or breaks a bound.
  static absl::StatusOr<std::unique_ptr<OcspClient>> Create(Dependencies dependencies,
                                                            Options options);
  ~OcspClient();

  // AskAsync waits for nothing. It tries the URLs of `issuer`'s responder in order until one gives
  // an answer that may be believed or `deadline` (of the clock) has passed. The next URL is asked
  // when one has failed, or has not answered within its hedge delay; then the first answer counts.
  // Calls for one certificate at a time share one asking. If every breaker is open there is no
  // answer, at once. `done` is called once, under no lock: on the calling thread before AskAsync
  // returns, on a worker, the HTTP client's or the timer's. It must not block, but it may ask.
  using Done = std::function<void(const Answer&)>;
  void AskAsync(const pki::Certificate& target, const pki::Certificate& issuer, absl::Time deadline,
                Done done);
  // Ask is AskAsync for callers that may block. Not for a Done.
  Answer Ask(const pki::Certificate& target, const pki::Certificate& issuer, absl::Time deadline);

  // TryLocally is what AskAsync would answer at `now` without asking: what is kept, or that
  // there is no answer, since the issuer has no responder or every breaker is open. Nothing: a
  // responder has to be asked. `issuer_key` is the SHA-256 of the issuer's SubjectPublicKeyInfo,
  // `serial` the content octets. Allocates nothing.
  std::optional<Answer> TryLocally(const base::Hash256& issuer_key, base::ByteView serial,
                                   absl::Time now);

 private:
  struct CacheEntry {
    Answer answer;
    std::list<SerialKey>::iterator use;
  };
  class Gate;
  struct Question;
  struct Waiter;
  struct Flight;
  struct Asking;
  // Those whose flight has landed, to be told once the lock is gone.
  struct Landing;

  OcspClient(Dependencies dependencies, Options options);

  std::optional<Answer> FromCache(const SerialKeyView& key, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(const SerialKey& key, const Answer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // To the flight that is under way, or else to one that it begins.
  void Board(std::shared_ptr<const Question> question, Waiter waiter);
  void AddWaiter(const std::shared_ptr<Flight>& flight, Waiter waiter, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks the next URL that may be asked. Lands if there is none and nobody is asked. `only`: unless
  // the URL of this rank has had its turn meanwhile.
  void AskNext(const std::shared_ptr<Flight>& flight, std::optional<size_t> only = std::nullopt);
  // Sets rank and admission. False: none of the URLs that are left may be asked.
  bool AdmitNext(Flight& flight, Asking& asking, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether one of the URLs from `rank` on may be asked.
  bool MayAsk(const Responder& responder, size_t rank, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleHedge(const std::shared_ptr<Flight>& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(const std::shared_ptr<Asking>& asking, absl::Duration timeout);
  void Receive(const std::shared_ptr<Asking>& asking);
  void Finish(const Asking& asking);
  Answer Judge(const Asking& asking, OcspEvent& event) const;
  void Report(const Asking& asking, CircuitBreaker::Outcome outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDeadline(const std::shared_ptr<Flight>& flight, uint64_t waiter_id);
  Landing Land(std::shared_ptr<Flight> flight, const Answer& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(Landing landing);

  const Dependencies dependencies_;
  const Options options_;
  // By the SHA-256 of the issuer's SubjectPublicKeyInfo; into options_.
  std::map<base::Hash256, const Responder*> responders_;
  // Of callbacks that may come when the client is gone.
  const std::shared_ptr<Gate> gate_;
  base::Mutex mutex_;
  uint64_t next_waiter_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<SerialKey, CacheEntry, SerialKeyLess> cache_ ABSL_GUARDED_BY(mutex_);
  std::list<SerialKey> uses_ ABSL_GUARDED_BY(mutex_);  // Least recently used first.
  std::map<SerialKey, std::shared_ptr<Flight>, SerialKeyLess> flights_ ABSL_GUARDED_BY(mutex_);
  // By responder and rank.
  std::map<std::pair<const Responder*, size_t>, CircuitBreaker> breakers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_OCSP_CLIENT_H_
