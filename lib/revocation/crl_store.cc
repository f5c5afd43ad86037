#include "lib/revocation/crl_store.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/crl.h"
#include "lib/pki/name.h"

namespace musubi::revocation {
namespace {

// How often Publish looks whether the old snapshot's readers have gone, a look-up's time each. What
// is left then goes at the next load.
constexpr int kReclaimTries = 1000;

// latest_time_ is written at most once in so many seconds, so that its line stays in all caches.
constexpr int64_t kLatestTimeStep = 10;

// Does the list say that it is the one that the manifest means?
bool IsForPoint(const pki::Crl& list, const base::Bytes& point) {
  const auto& scope = list.issuing_distribution_point();
  const bool names_point = scope && scope->names_distribution_point();
  if (point.empty()) return !names_point;
  return names_point &&
         std::ranges::any_of(scope->directory_names_der,
                             [&](const base::Bytes& name) { return pki::SameName(name, point); });
}

// What `now` no longer has of what was revoked before; null if nothing is missing.
std::shared_ptr<const CrlTable> Vanished(const std::vector<const CrlTable*>& before,
                                         const CrlTable& now, absl::Time this_update) {
  CrlTable::Builder builder(this_update);
  for (const CrlTable* table : before) {
    if (table == nullptr) continue;
    table->ForEach([&](base::ByteView serial, const CrlFact& fact) {
      if (!now.Find(serial)) builder.Add(serial, fact);
    });
  }
  auto vanished = builder.Build();
  return vanished->entries() > 0 ? vanished : nullptr;
}

size_t EntriesOf(const std::shared_ptr<const CrlTable>& table) {
  return table == nullptr ? 0 : table->entries();
}

// Lowers the calling thread; nobody may raise it again. Not SCHED_IDLE, under which the lists of a
// server that is never idle would grow stale.
void YieldToAllOthers() {
  constexpr int kLowest = 19;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowest);
}

}  // namespace

struct CrlStore::Loaded {
  ScopeOutcome outcome = ScopeOutcome::kUnspecified;
  pki::CrlOutcome crl_outcome = pki::CrlOutcome::kUnspecified;
  std::shared_ptr<CrlScope> scope = {};  // Null: nothing new to put in force.
  bool is_last = false;                  // It is the list that the kept table is of.
  absl::Status error = {};
};

CrlStore::Scopes CrlStore::Remembered(const CrlMarks& marks, absl::Time now) {
  Scopes scopes;
  for (auto at = marks.begin(); at != marks.end();) {
    const CrlScopeKey& key = at->first.first;
    const absl::Time this_update = at->second.this_update;
    std::vector<const CrlTable*> before;  // Of whoever signed the scope's lists.
    bool kept = false;
    for (; at != marks.end() && at->first.first == key; ++at) {
      before.push_back(at->second.vanished.get());
      kept = kept || at->second.kept.has_value();
    }
    auto table = CrlTable::Builder(this_update).Build();
    auto vanished = Vanished(before, *table, this_update);
    if (vanished == nullptr && !kept) continue;
    scopes[key] = std::make_shared<CrlScope>(CrlScope{.key = key,
                                                      .recall = kept,
                                                      .loaded_at = now,
                                                      .table = std::move(table),
                                                      .vanished = std::move(vanished)});
  }
  return scopes;
}

std::unique_ptr<const CrlSnapshot> CrlStore::SnapshotOf(const Scopes& scopes) {
  std::vector<std::shared_ptr<const CrlScope>> all;
  all.reserve(scopes.size());
  for (const auto& [key, scope] : scopes) all.push_back(scope);
  return std::make_unique<CrlSnapshot>(std::move(all));
}

CrlStore::CrlStore(Dependencies dependencies, Options options, CrlMarks marks)
    : dependencies_(dependencies),
      options_(std::move(options)),
      kept_tables_(options_.state_file + ".lists"),
      scopes_(Remembered(marks, dependencies.clock.Now())),
      marks_(std::move(marks)),
      snapshot_(SnapshotOf(scopes_)) {}

absl::StatusOr<std::unique_ptr<CrlStore>> CrlStore::Create(Dependencies dependencies,
                                                           Options options) {
  CrlMarks marks;
  if (!options.state_file.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(marks, ReadCrlState(options.state_file));
  }
  auto store =
      std::unique_ptr<CrlStore>(new CrlStore(dependencies, std::move(options), std::move(marks)));
  base::MutexLock lock(store->reload_mutex_);
  // Nobody is served yet: no need to yield.
  MUSUBI_RETURN_IF_ERROR(store->Load());
  return store;
}

absl::Status CrlStore::Reload() {
  base::MutexLock lock(reload_mutex_);
  absl::Status status;
  std::thread loader([this, &status]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (options_.idle_priority) YieldToAllOthers();
    status = Load();
  });
  loader.join();
  return status;
}

CrlStore::Loaded CrlStore::CheckList(const CrlSource& source, const CrlScope* current) const {
  auto refuse = [](pki::CrlOutcome why) { return Loaded{ScopeOutcome::kRefused, why}; };
  const absl::Time now = dependencies_.clock.Now();
  LoadedCrl loaded = LoadCrl(options_.directory + "/" + source.file, source.signer);
  if (!loaded.readable) return {ScopeOutcome::kMissing};
  if (!loaded.list) return refuse(loaded.outcome);
  const base::Hash256 signer_key = crypto::Sha256(source.signer.spki_der());
  if (current != nullptr && current->identity == loaded.identity &&
      current->signer_key == signer_key) {
    return {ScopeOutcome::kUnchanged};
  }
  const pki::Crl& list = *loaded.list;
  if (source.signer_is_certificate &&
      (now < source.signer.not_before() || now > source.signer.not_after())) {
    return refuse(pki::CrlOutcome::kSignerNotAllowed);
  }
  if (!IsForPoint(list, source.key.point)) return refuse(pki::CrlOutcome::kForeignScope);
  const pki::CrlOutcome time = pki::CheckCrlTime(list, now, options_.skew);
  // A stale list is taken: what it lists is revoked, though it makes nothing good.
  if (time != pki::CrlOutcome::kUsable && time != pki::CrlOutcome::kStale) return refuse(time);
  if (!list.number()) return {ScopeOutcome::kNumberMissing};

  const auto mark = marks_.find({source.key, signer_key});
  const bool again = mark != marks_.end() && loaded.identity == mark->second.identity;
  if (mark != marks_.end()) {
    const int order = pki::CompareCrlNumbers(*list.number(), mark->second.number);
    if (order < 0 || list.this_update() < mark->second.this_update) return {ScopeOutcome::kOlder};
    if (order == 0 && !again) return {ScopeOutcome::kNumberReused};
  }
  Loaded result{ScopeOutcome::kLoaded};
  result.scope = std::make_shared<CrlScope>(CrlScope{.key = source.key,
                                                     .list = list,
                                                     .signer_key = signer_key,
                                                     .identity = loaded.identity,
                                                     .loaded_at = now,
                                                     .table = std::move(loaded.table)});
  result.is_last = again && mark->second.kept;
  return result;
}

CrlStore::Loaded CrlStore::LoadScope(const CrlSource& source,
                                     std::shared_ptr<const CrlScope>& scope) {
  Loaded loaded = CheckList(source, scope.get());
  if (!loaded.is_last) {
    absl::Status recalled = Recall(scope);
    if (!recalled.ok()) return {.outcome = ScopeOutcome::kLastListLost, .error = recalled};
  }
  if (loaded.scope != nullptr && scope != nullptr) {
    CrlScope& next = *loaded.scope;
    next.vanished = Vanished({scope->table.get(), scope->vanished.get()}, *next.table,
                             next.list->this_update());
    if (EntriesOf(next.vanished) > options_.max_vanished_per_scope) {
      loaded = {ScopeOutcome::kTooManyVanished};
    }
  }
  if (loaded.scope != nullptr) {
    Mark(*loaded.scope);
    scope = loaded.scope;
  } else if (scope != nullptr && !scope->expected) {
    auto again = std::make_shared<CrlScope>(*scope);
    again->expected = true;
    scope = std::move(again);
  }
  return loaded;
}

absl::Status CrlStore::Recall(std::shared_ptr<const CrlScope>& scope) const {
  if (scope == nullptr || !scope->recall) return absl::OkStatus();
  for (auto at = marks_.lower_bound({scope->key, {}});
       at != marks_.end() && at->first.first == scope->key; ++at) {
    if (!at->second.kept) continue;
    auto recalled = std::make_shared<CrlScope>(*scope);
    MUSUBI_ASSIGN_OR_RETURN(recalled->table, kept_tables_.Read(*at->second.kept));
    recalled->recall = false;
    scope = std::move(recalled);
    break;  // One list of a scope is the last.
  }
  return absl::OkStatus();
}

void CrlStore::Mark(const CrlScope& scope) {
  CrlMark& mark = marks_[{scope.key, scope.signer_key}];
  // Of the same list at most more has vanished, where another key signed lists of the scope.
  const bool same = mark.identity == scope.identity &&
                    EntriesOf(mark.vanished) == EntriesOf(scope.vanished) && mark.kept &&
                    kept_tables_.Has(*mark.kept);
  if (same) return;
  // What the scope's other signers' lists listed is in this one, or vanished.
  for (auto at = marks_.lower_bound({scope.key, {}});
       at != marks_.end() && at->first.first == scope.key; ++at) {
    at->second.kept.reset();
  }
  mark = {*scope.list->number(), scope.list->this_update(), scope.identity, scope.vanished};
  saved_ = false;
}

absl::Status CrlStore::Save() {
  if (saved_ || options_.state_file.empty()) return absl::OkStatus();
  for (const auto& [key, scope] : scopes_) {
    if (!scope->list) continue;
    CrlMark& mark = marks_[{key, scope->signer_key}];
    if (mark.kept) continue;
    MUSUBI_ASSIGN_OR_RETURN(mark.kept, kept_tables_.Keep(*scope->table));
  }
  // The tables first: the state tells which of them count.
  MUSUBI_RETURN_IF_ERROR(kept_tables_.Sync());
  MUSUBI_RETURN_IF_ERROR(WriteCrlState(options_.state_file, marks_));
  saved_ = true;
  std::set<base::Hash256> names;
  for (const auto& [key, mark] : marks_) {
    if (mark.kept) names.insert(*mark.kept);
  }
  kept_tables_.RemoveOthers(names);
  return absl::OkStatus();
}

ScopeEvent CrlStore::EventOf(const CrlSource& source, const Loaded& loaded,
                             const CrlScope* scope) const {
  ScopeEvent event{.anchor = source.anchor,
                   .file = source.file,
                   .full = source.key.point.empty(),
                   .outcome = loaded.outcome,
                   .crl_outcome = loaded.crl_outcome,
                   .error = loaded.error};
  if (scope == nullptr || !scope->list) return event;
  event.this_update = scope->list->this_update();
  event.next_update = scope->list->next_update();
  event.entries = scope->table->entries();
  if (event.crl_outcome == pki::CrlOutcome::kUnspecified) {
    event.crl_outcome = pki::CheckCrlTime(*scope->list, dependencies_.clock.Now(), options_.skew);
  }
  return event;
}

absl::Status CrlStore::Load() {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<CrlSource> sources,
                          ReadCrlManifest(options_.directory, options_.issuers));
  std::vector<ScopeEvent> events;
  Scopes expected;
  bool changed = false;
  for (const CrlSource& source : sources) {
    const auto found = scopes_.find(source.key);
    const std::shared_ptr<const CrlScope> before = found != scopes_.end() ? found->second : nullptr;
    std::shared_ptr<const CrlScope> scope = before;
    Loaded loaded = LoadScope(source, scope);
    changed = changed || scope != before;
    events.push_back(EventOf(source, loaded, scope.get()));
    if (scope != nullptr) expected[source.key] = std::move(scope);
  }
  for (auto& [key, scope] : scopes_) {
    if (expected.contains(key)) continue;
    // The manifest no longer has it. Its revocations stay known.
    const std::shared_ptr<const CrlScope> before = scope;
    const absl::Status recalled = Recall(scope);
    if (!recalled.ok()) {
      events.push_back(
          {.full = key.point.empty(), .outcome = ScopeOutcome::kLastListLost, .error = recalled});
    }
    if (scope->expected) {
      auto retired = std::make_shared<CrlScope>(*scope);
      retired->expected = false;
      scope = std::move(retired);
    }
    changed = changed || scope != before;
    expected[key] = scope;
  }
  scopes_ = std::move(expected);
  // Durable before it is in force, so that no crash in between forgets it.
  const absl::Status saved = Save();
  if (changed) Publish();
  for (const ScopeEvent& event : events) dependencies_.observer.OnScope(event);
  return saved;
}

void CrlStore::Publish() {
  snapshot_.Publish(SnapshotOf(scopes_));
  for (int i = 0; i < kReclaimTries && snapshot_.Reclaim() > 0; ++i) std::this_thread::yield();
}

std::vector<CrlInForce> CrlStore::InForce() const {
  std::vector<CrlInForce> lists;
  const auto snapshot = snapshot_.Read();
  for (const std::shared_ptr<const CrlScope>& scope : snapshot->scopes()) {
    if (!scope->expected || !scope->list.has_value()) continue;
    lists.push_back({crypto::Sha256LengthPrefixed({scope->key.issuer_key, scope->key.point}),
                     scope->list->this_update()});
  }
  return lists;
}

bool CrlStore::ClockIsTrusted(absl::Time now) const {
  const int64_t seconds = absl::ToUnixSeconds(now);
  int64_t latest = latest_time_.load(std::memory_order_relaxed);
  while (seconds > latest + kLatestTimeStep &&
         !latest_time_.compare_exchange_weak(latest, seconds, std::memory_order_relaxed)) {
  }
  return seconds >= latest - absl::ToInt64Seconds(kMaxClockStepBack);
}

pki::RevocationFinding CrlStore::Lookup(const pki::Certificate& target,
                                        const pki::Certificate& issuer,
                                        absl::Time validation_time) const {
  const base::Hash256 issuer_key = crypto::Sha256(issuer.spki_der());
  const CrlQuery query{issuer_key, target.view(), validation_time};
  pki::RevocationFinding finding;
  Lookup({&query, 1}, dependencies_.clock.Now(), {&finding, 1});
  return finding;
}

void CrlStore::Lookup(std::span<const CrlQuery> queries, absl::Time now,
                      std::span<pki::RevocationFinding> findings) const {
  MUSUBI_CHECK(queries.size() == findings.size(), "every query has a place for its finding");
  const CrlSnapshot::Noticed noticed =
      snapshot_.Read()->Lookup(queries, {now, options_.skew, ClockIsTrusted(now)}, findings);
  for (size_t i = 0; i < noticed.scope_missing; ++i) dependencies_.observer.OnScopeMissing();
  for (size_t i = 0; i < noticed.vanished; ++i) dependencies_.observer.OnVanishedRevocation();
}

}  // namespace musubi::revocation
