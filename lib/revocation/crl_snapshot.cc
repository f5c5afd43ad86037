#include "lib/revocation/crl_snapshot.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "lib/pki/der.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"
#include "lib/revocation/validation_time.h"

namespace musubi::revocation {
namespace {

using base::ByteView;

// Scopes that one Prefetch brings, more than a batch of cards has. What is above is left out.
constexpr size_t kProbes = 64;

// Only configuration puts names into a snapshot, so nobody can choose any that collide: a quick
// hash.
uint64_t HashOf(const base::Hash256& issuer_key, ByteView point) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  uint64_t hash = 0;
  std::memcpy(&hash, issuer_key.data(), sizeof(hash));
  const auto mix = [&hash](ByteView octets) {
    uint64_t word = 0;
    std::memcpy(&word, octets.data(), sizeof(word));
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32;
  };
  // A Name of fewer octets has none that tell it apart.
  if (point.size() < sizeof(hash)) return hash;
  for (ByteView rest = point; rest.size() > sizeof(hash); rest = rest.subspan(sizeof(hash))) {
    mix(rest);
  }
  mix(point.last(sizeof(hash)));
  return hash;
}

// Calls with every directoryName that leads to a list of the certificate's own issuer for all
// reasons, until told to stop.
template <typename Visit>
void ForEachPoint(const pki::CertificateView& target, Visit visit) {
  pki::DistributionPointCursor points = target.CrlDistributionPoints();
  while (const auto point = points.Next()) {
    if (point->reasons || !point->crl_issuer.empty()) continue;
    pki::GeneralNameCursor names(point->full_name);
    while (const auto name = names.Next(pki::general_name::kDirectoryName)) {
      if (!visit(*name)) return;
    }
  }
}

void PrefetchLines(const void* address, size_t size) {
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < size; at += kLine) {
    __builtin_prefetch(static_cast<const char*>(address) + at);
  }
}

}  // namespace

CrlSnapshot::Entry CrlSnapshot::MakeEntry(const CrlScope& scope, ByteView point) {
  Entry entry{.issuer_key = scope.key.issuer_key,
              .point = point,
              .table = scope.table.get(),
              .vanished = scope.vanished.get(),
              .loaded_at = scope.loaded_at};
  if (!scope.list) return entry;
  const auto& covers = scope.list->issuing_distribution_point();
  // What the manifest no longer has makes nothing good.
  const bool covers_any = scope.expected && !(covers && covers->only_attribute_certificates);
  entry.this_update = scope.list->this_update();
  entry.next_update = scope.list->next_update();
  entry.expired_certificates_since = scope.list->expired_certificates_since();
  entry.covers_users = covers_any && !(covers && covers->only_ca_certificates);
  entry.covers_cas = covers_any && !(covers && covers->only_user_certificates);
  return entry;
}

CrlSnapshot::CrlSnapshot(std::vector<std::shared_ptr<const CrlScope>> scopes)
    : scopes_(std::move(scopes)), slots_(std::bit_ceil(2 * scopes_.size() + 2)) {
  for (const auto& scope : scopes_) base::Append(names_, scope->key.point);
  entries_.reserve(scopes_.size());
  size_t names = 0;
  for (const auto& scope : scopes_) {
    const ByteView point = ByteView(names_).subspan(names, scope->key.point.size());
    names += point.size();
    (point.empty() ? has_full_ : has_points_) = true;
    entries_.push_back(MakeEntry(*scope, point));
    const uint64_t hash = HashOf(scope->key.issuer_key, point);
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].entry != nullptr) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {hash, &entries_.back()};
  }
}

const CrlSnapshot::Slot& CrlSnapshot::SlotFrom(size_t at, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (at &= mask; slots_[at].entry != nullptr && slots_[at].hash != hash;) at = (at + 1) & mask;
  return slots_[at];
}

const CrlSnapshot::Entry* CrlSnapshot::Find(const base::Hash256& issuer_key, ByteView point) const {
  const uint64_t hash = HashOf(issuer_key, point);
  for (size_t at = hash;;) {
    const Slot& slot = SlotFrom(at, hash);
    const Entry* entry = slot.entry;
    if (entry == nullptr) return nullptr;
    if (entry->issuer_key == issuer_key && std::ranges::equal(entry->point, point)) return entry;
    at = static_cast<size_t>(&slot - slots_.data()) + 1;
  }
}

// Equal under RFC 5280 section 7.1 though not in octets: rare, so one by one.
const CrlSnapshot::Entry* CrlSnapshot::FindSameName(const base::Hash256& issuer_key,
                                                    ByteView point) const {
  for (const Entry& entry : entries_) {
    if (entry.issuer_key == issuer_key && !entry.point.empty() &&
        pki::SameName(entry.point, point)) {
      return &entry;
    }
  }
  return nullptr;
}

template <typename Visit>
void CrlSnapshot::ForEachScope(const CrlQuery& query, Visit visit) const {
  if (has_full_) {
    const Entry* full = Find(query.issuer_key, {});
    if (full != nullptr && !visit(*full)) return;
  }
  if (!has_points_) return;
  ForEachPoint(query.target, [&](ByteView point) {
    const Entry* entry = Find(query.issuer_key, point);
    if (entry == nullptr) entry = FindSameName(query.issuer_key, point);
    return entry == nullptr || visit(*entry);
  });
}

CrlSnapshot::Answer CrlSnapshot::Lookup(const CrlQuery& query, const Freshness& freshness) const {
  const pki::CertificateView& target = query.target;
  Answer answer{.scope_missing = true};
  pki::RevocationFinding& finding = answer.finding;
  finding.outcome = pki::RevocationOutcome::kNoUsableAnswer;
  finding.method = pki::RevocationMethod::kCrl;
  // A scope that says "revoked" ends it; GOOD waits for what the others say.
  ForEachScope(query, [&](const Entry& scope) {
    if (scope.this_update) answer.scope_missing = false;
    auto describe = [&finding, &scope] {
      finding.source_updated_at = scope.loaded_at;
      finding.this_update = scope.this_update;
      finding.next_update = scope.next_update;
    };
    std::optional<CrlFact> fact = scope.table->Find(target.serial);
    if (!fact && scope.vanished != nullptr) {
      fact = scope.vanished->Find(target.serial);
      answer.vanished = fact && target.not_after >= query.now;
    }
    if (fact) {
      describe();
      finding.out_of_date = false;
      finding.outcome = pki::RevocationOutcome::kRevoked;
      finding.revoked_at = fact->revoked_at;
      finding.reason = fact->reason;
      return false;
    }
    if (finding.outcome == pki::RevocationOutcome::kGood || !scope.this_update) return true;
    // An expired certificate's entry may have been taken off, unless the list says otherwise.
    const auto& keeps_since = scope.expired_certificates_since;
    const bool may_be_gone =
        target.not_after < query.now && (!keeps_since || *keeps_since > target.not_after);
    const bool speaks = (target.is_ca ? scope.covers_cas : scope.covers_users) && !may_be_gone &&
                        freshness.clock_trusted &&
                        CountsAt(*scope.this_update, query.validation_time, query.now);
    const pki::CrlOutcome in_force =
        pki::CheckCrlTime(*scope.this_update, scope.next_update, query.now, freshness.skew);
    const bool good = speaks && in_force == pki::CrlOutcome::kUsable;
    if (good || !finding.out_of_date) {
      describe();
      finding.out_of_date = speaks && in_force == pki::CrlOutcome::kStale;
    }
    if (good) finding.outcome = pki::RevocationOutcome::kGood;
    return true;
  });
  return answer;
}

void CrlSnapshot::Prefetch(std::span<const CrlQuery> queries) const {
  struct Probe {
    uint64_t hash;
    uint32_t serial;
    const CrlTable* table;
  };
  std::array<Probe, kProbes> probes;
  size_t count = 0;
  for (const CrlQuery& query : queries) {
    const auto serial = pki::SmallSerial(query.target.serial);
    if (!serial) continue;
    auto add = [&](ByteView point) {
      if (count == probes.size()) return false;
      const uint64_t hash = HashOf(query.issuer_key, point);
      probes[count++] = {hash, *serial, nullptr};
      __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
      return true;
    };
    if (has_full_) add({});
    if (has_points_) ForEachPoint(query.target, add);
  }
  const auto taken = std::span(probes).first(count);
  // Names are not compared: nobody answers from this.
  for (Probe& probe : taken) {
    const Entry* entry = SlotFrom(probe.hash, probe.hash).entry;
    if (entry == nullptr) continue;
    probe.table = entry->table;
    PrefetchLines(entry, sizeof(Entry));
    PrefetchLines(entry->point.data(), entry->point.size());
    PrefetchLines(probe.table, sizeof(CrlTable));
  }
  for (const Probe& probe : taken) {
    if (probe.table != nullptr) probe.table->PrefetchBucket(probe.serial);
  }
  for (const Probe& probe : taken) {
    if (probe.table != nullptr) probe.table->PrefetchEntry(probe.serial);
  }
}

}  // namespace musubi::revocation
