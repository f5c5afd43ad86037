#include "lib/revocation/crl_snapshot.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "lib/base/same_octets.h"
#include "lib/pki/der.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"
#include "lib/revocation/validation_time.h"

namespace musubi::revocation {
namespace {

using base::ByteView;

// Queries that take each step together, as many as a batch of cards has: enough misses to overlap.
constexpr size_t kAtOnce = 32;

// Only configuration puts names into a snapshot, so nobody can choose any that collide: a quick
// hash, in four lanes that do not wait for each other.
uint64_t HashOf(const base::Hash256& issuer_key, ByteView point) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  constexpr size_t kLanes = 4;
  constexpr size_t kStep = kLanes * sizeof(uint64_t);
  const auto word = [](const uint8_t* at) {
    uint64_t value = 0;
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  uint64_t hash = word(issuer_key.data());
  // A Name of fewer octets has none that tell it apart.
  if (point.size() < kStep) return hash;
  std::array<uint64_t, kLanes> lanes{};
  const auto mix = [&](const uint8_t* at) {
    for (size_t i = 0; i < kLanes; ++i) {
      lanes[i] = (std::rotl(lanes[i], 29) ^ word(at + i * sizeof(uint64_t))) * kOdd;
    }
  };
  const uint8_t* const last = point.data() + point.size() - kStep;
  for (const uint8_t* at = point.data(); at < last; at += kStep) mix(at);
  mix(last);
  for (const uint64_t lane : lanes) hash = (hash ^ lane ^ lane >> 32) * kOdd;
  return hash ^ hash >> 32;
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

const CrlSnapshot::Entry* CrlSnapshot::Find(const base::Hash256& issuer_key, ByteView point,
                                            uint64_t hash) const {
  for (size_t at = hash;;) {
    const Slot& slot = SlotFrom(at, hash);
    const Entry* entry = slot.entry;
    if (entry == nullptr) return nullptr;
    if (entry->issuer_key == issuer_key && base::SameOctets(entry->point, point)) return entry;
    at = static_cast<size_t>(&slot - slots_.data()) + 1;
  }
}

const CrlSnapshot::Entry* CrlSnapshot::FindName(const base::Hash256& issuer_key, ByteView point,
                                                uint64_t hash) const {
  if (const Entry* same = Find(issuer_key, point, hash)) return same;
  // Equal under RFC 5280 section 7.1 though not in octets: rare, so one by one.
  for (const Entry& entry : entries_) {
    if (entry.issuer_key == issuer_key && !entry.point.empty() &&
        pki::SameName(entry.point, point)) {
      return &entry;
    }
  }
  return nullptr;
}

CrlSnapshot::Way CrlSnapshot::Begin(const CrlQuery& query) const {
  Way way;
  if (has_full_) way.full = Find(query.issuer_key, {}, HashOf(query.issuer_key, {}));
  if (!has_points_) return way;
  ForEachPoint(query.target, [&](ByteView point) {
    way.several = !way.point.empty();
    way.point = point;
    return !way.several;
  });
  if (way.several) way.point = {};
  if (way.point.empty()) return way;
  way.hash = HashOf(query.issuer_key, way.point);
  __builtin_prefetch(&slots_[way.hash & (slots_.size() - 1)]);
  return way;
}

// Each loop reads what the one before it has begun to bring.
void CrlSnapshot::FindWays(std::span<const CrlQuery> queries, std::span<Way> ways) const {
  for (size_t i = 0; i < queries.size(); ++i) ways[i] = Begin(queries[i]);
  // By the hash alone: names are compared once they are near.
  for (Way& way : ways) {
    if (way.point.empty()) continue;
    way.own = SlotFrom(way.hash, way.hash).entry;
    if (way.own != nullptr) PrefetchLines(way.own, sizeof(Entry));
  }
  for (const Way& way : ways) {
    if (way.own == nullptr) continue;
    PrefetchLines(way.own->point.data(), way.own->point.size());
    way.own->table->Prefetch();
  }
  const auto each_table = [&](auto prefetch) {
    for (size_t i = 0; i < queries.size(); ++i) {
      const auto serial = pki::SmallSerial(queries[i].target.serial);
      if (!serial) continue;
      if (ways[i].full != nullptr) prefetch(*ways[i].full->table, *serial);
      if (ways[i].own != nullptr) prefetch(*ways[i].own->table, *serial);
    }
  };
  for (size_t i = 0; i < queries.size(); ++i) {
    Way& way = ways[i];
    if (!way.point.empty()) way.own = FindName(queries[i].issuer_key, way.point, way.hash);
  }
  each_table([](const CrlTable& table, uint32_t serial) { table.PrefetchBucket(serial); });
  each_table([](const CrlTable& table, uint32_t serial) { table.PrefetchEntry(serial); });
}

template <typename Visit>
void CrlSnapshot::ForEachScope(const CrlQuery& query, const Way& way, Visit visit) const {
  if (way.full != nullptr && !visit(*way.full)) return;
  if (way.own != nullptr && !visit(*way.own)) return;
  if (!way.several) return;
  ForEachPoint(query.target, [&](ByteView point) {
    const Entry* entry = FindName(query.issuer_key, point, HashOf(query.issuer_key, point));
    return entry == nullptr || visit(*entry);
  });
}

void CrlSnapshot::Judge(const CrlQuery& query, const Way& way, const Moment& moment,
                        pki::RevocationFinding& finding, Noticed& noticed) const {
  const pki::CertificateView& target = query.target;
  finding = {.outcome = pki::RevocationOutcome::kNoUsableAnswer,
             .method = pki::RevocationMethod::kCrl};
  bool scope_missing = true;
  // A scope that says "revoked" ends it; GOOD waits for what the others say.
  ForEachScope(query, way, [&](const Entry& scope) {
    if (scope.this_update) scope_missing = false;
    auto describe = [&finding, &scope] {
      finding.source_updated_at = scope.loaded_at;
      finding.this_update = scope.this_update;
      finding.next_update = scope.next_update;
    };
    std::optional<CrlFact> fact = scope.table->Find(target.serial);
    if (!fact && scope.vanished != nullptr) {
      fact = scope.vanished->Find(target.serial);
      noticed.vanished += fact && target.not_after >= moment.now;
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
        target.not_after < moment.now && (!keeps_since || *keeps_since > target.not_after);
    const bool speaks = (target.is_ca ? scope.covers_cas : scope.covers_users) && !may_be_gone &&
                        moment.clock_trusted &&
                        CountsAt(*scope.this_update, query.validation_time, moment.now);
    const pki::CrlOutcome in_force =
        pki::CheckCrlTime(*scope.this_update, scope.next_update, moment.now, moment.skew);
    const bool good = speaks && in_force == pki::CrlOutcome::kUsable;
    if (good || !finding.out_of_date) {
      describe();
      finding.out_of_date = speaks && in_force == pki::CrlOutcome::kStale;
    }
    if (good) finding.outcome = pki::RevocationOutcome::kGood;
    return true;
  });
  noticed.scope_missing += scope_missing;
}

CrlSnapshot::Noticed CrlSnapshot::Lookup(std::span<const CrlQuery> queries, const Moment& moment,
                                         std::span<pki::RevocationFinding> findings) const {
  Noticed noticed;
  std::array<Way, kAtOnce> ways;
  for (size_t from = 0; from < queries.size(); from += kAtOnce) {
    const auto some = queries.subspan(from, std::min(kAtOnce, queries.size() - from));
    FindWays(some, std::span(ways).first(some.size()));
    for (size_t i = 0; i < some.size(); ++i) {
      Judge(some[i], ways[i], moment, findings[from + i], noticed);
    }
  }
  return noticed;
}

}  // namespace musubi::revocation
