// What lib/revocation reports to whoever counts and alarms. Knows no metrics.
#ifndef MUSUBI_LIB_REVOCATION_OBSERVER_H_
#define MUSUBI_LIB_REVOCATION_OBSERVER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/pki/crl.h"
#include "lib/pki/ocsp.h"
#include "lib/pki/verdict.h"

namespace musubi::revocation {

// What happened to one scope in a load. Numbers label metrics: never renumber.
enum class ScopeOutcome {
  kUnspecified = 0,
  kLoaded = 1,
  kUnchanged = 2,        // The very octets that are in force already.
  kMissing = 3,          // The manifest names a file that is not there or cannot be read.
  kRefused = 4,          // ScopeEvent::crl_outcome says why.
  kOlder = 5,            // cRLNumber or thisUpdate below the highest seen.
  kNumberMissing = 6,    // Without a cRLNumber nobody can tell an old list from a new one.
  kNumberReused = 7,     // The highest cRLNumber again, over other contents.
  kTooManyVanished = 8,  // More entries vanished than can be remembered.
  kLastListLost = 9,     // Nobody can tell what vanished since the start; see ScopeEvent::error.
};

std::string_view Name(ScopeOutcome outcome);

// What became of the fetching of one list. Numbers label metrics: never renumber.
enum class FetchOutcome {
  kUnspecified = 0,
  kFetched = 1,      // The file has it now.
  kNotModified = 2,  // The server says that the file has it already.
  kHttpStatus = 3,   // Anything but 200; see FetchEvent::http_status.
  kTimeout = 4,
  kUnreachable = 5,
  kTooLarge = 6,
  kRefused = 7,     // FetchEvent::crl_outcome says why.
  kNotWritten = 8,  // The file cannot be written.
};

std::string_view Name(FetchOutcome outcome);

// One asking of one responder.
enum class OcspExchange {
  kUnspecified = 0,
  kAnswered = 1,    // An authentic answer; see OcspEvent::cert_status.
  kRefused = 2,     // An answer that may not be believed; see OcspEvent::outcome.
  kHttpStatus = 3,  // Anything but 200.
  kTimeout = 4,
  kUnreachable = 5,
};

std::string_view Name(OcspExchange exchange);

struct ScopeEvent {
  std::string anchor;  // As in scopes.json; empty: it no longer has the scope.
  std::string file;
  bool full = false;  // A list of the whole CA; else that of one distribution point.
  ScopeOutcome outcome = ScopeOutcome::kUnspecified;
  pki::CrlOutcome crl_outcome = pki::CrlOutcome::kUnspecified;
  absl::Status error = {};  // Of kLastListLost: names the file, the rule and the fix.
  // Of what is in force after the load; nothing if the scope has no CRL at all.
  std::optional<absl::Time> this_update;
  std::optional<absl::Time> next_update;
  size_t entries = 0;
};

struct FetchEvent {
  std::string anchor;  // As in scopes.json.
  std::string file;
  FetchOutcome outcome = FetchOutcome::kUnspecified;
  int http_status = 0;  // 0: no answer.
  pki::CrlOutcome crl_outcome = pki::CrlOutcome::kUnspecified;
};

struct OcspEvent {
  std::string anchor;  // As in responders.json.
  size_t rank = 0;     // Which of the responder's URLs.
  OcspExchange exchange = OcspExchange::kUnspecified;
  pki::OcspOutcome outcome = pki::OcspOutcome::kUnspecified;
  std::optional<pki::OcspCertStatus> cert_status;
};

// A responder's URL that is not asked for a while, because asking it failed again and again, or
// that is asked again.
struct OcspBreakerEvent {
  std::string anchor;  // As in responders.json.
  size_t rank = 0;     // Which of the responder's URLs.
  bool open = false;   // It is not asked.
};

// Observer hears of events; none holds a serial or a name. Calls come from any thread and must not
// block. The default methods ignore.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void OnScope(const ScopeEvent&) {}
  virtual void OnFetch(const FetchEvent&) {}
  virtual void OnOcsp(const OcspEvent&) {}
  virtual void OnOcspCacheHit() {}
  // A caller waits for the answer that another caller has asked for.
  virtual void OnOcspShared() {}
  // The calling thread waits for responders (OcspClient::Ask), and no longer.
  virtual void OnOcspWaitBegins() {}
  virtual void OnOcspWaitEnds() {}
  // An alarm if it is open.
  virtual void OnOcspBreaker(const OcspBreakerEvent&) {}
  // A certificate was looked up for which no CRL of its scope is loaded.
  virtual void OnScopeMissing() {}
  // A revocation was upheld although the latest source no longer has it: an alarm.
  virtual void OnVanishedRevocation() {}
  // The revocations that OCSP reported are more than can be remembered: an alarm.
  virtual void OnOverlayFull() {}
  // One of them could not be written down: it is remembered until the process ends. An alarm.
  virtual void OnOverlayNotSaved(const absl::Status&) {}
  virtual void OnFinding(const pki::RevocationFinding&) {}
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_OBSERVER_H_
