#include "lib/revocation/crl_snapshot.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <utility>

#include "lib/pki/general_name.h"
#include "lib/pki/name.h"
#include "lib/revocation/validation_time.h"

namespace musubi::revocation {
namespace {

using base::ByteView;

uint64_t HashOf(const base::Hash256& issuer_key, ByteView point) {
  uint64_t key = 0;
  std::memcpy(&key, issuer_key.data(), sizeof(key));
  return key ^ std::hash<std::string_view>()(base::AsText(point));
}

// Does "not listed" say something about `target`, whose distribution point has led to the list (RFC
// 5280 section 6.3.3 (b) (2))?
bool Covers(const pki::Crl& list, const pki::CertificateView& target) {
  const auto& scope = list.issuing_distribution_point();
  return !scope ||
         !(scope->only_attribute_certificates || (scope->only_user_certificates && target.is_ca) ||
           (scope->only_ca_certificates && !target.is_ca));
}

}  // namespace

CrlSnapshot::CrlSnapshot(std::vector<std::shared_ptr<const CrlScope>> scopes)
    : scopes_(std::move(scopes)), slots_(std::bit_ceil(2 * scopes_.size() + 2)) {
  for (const auto& scope : scopes_) {
    const uint64_t hash = HashOf(scope->key.issuer_key, scope->key.point);
    (scope->key.point.empty() ? has_full_ : has_points_) = true;
    size_t at = hash % slots_.size();
    while (slots_[at].scope != nullptr) at = (at + 1) % slots_.size();
    slots_[at] = {hash, scope.get()};
  }
}

const CrlScope* CrlSnapshot::Find(const base::Hash256& issuer_key, ByteView point) const {
  const uint64_t hash = HashOf(issuer_key, point);
  for (size_t at = hash & (slots_.size() - 1); slots_[at].scope != nullptr;
       at = (at + 1) & (slots_.size() - 1)) {
    const CrlScope* scope = slots_[at].scope;
    if (slots_[at].hash == hash && scope->key.issuer_key == issuer_key &&
        std::ranges::equal(scope->key.point, point)) {
      return scope;
    }
  }
  return nullptr;
}

// Equal under RFC 5280 section 7.1 though not in octets: rare, so one by one.
const CrlScope* CrlSnapshot::FindSameName(const base::Hash256& issuer_key, ByteView point) const {
  for (const auto& scope : scopes_) {
    if (scope->key.issuer_key == issuer_key && !scope->key.point.empty() &&
        pki::SameName(scope->key.point, point)) {
      return scope.get();
    }
  }
  return nullptr;
}

template <typename Visit>
void CrlSnapshot::ForEachScope(const CrlQuery& query, Visit visit) const {
  if (has_full_) {
    const CrlScope* full = Find(query.issuer_key, {});
    if (full != nullptr && !visit(*full)) return;
  }
  if (!has_points_) return;
  pki::DistributionPointCursor points = query.target.CrlDistributionPoints();
  while (const auto point = points.Next()) {
    if (point->reasons || !point->crl_issuer.empty()) continue;
    pki::GeneralNameCursor names(point->full_name);
    while (const auto name = names.Next(pki::general_name::kDirectoryName)) {
      const CrlScope* scope = Find(query.issuer_key, *name);
      if (scope == nullptr) scope = FindSameName(query.issuer_key, *name);
      if (scope != nullptr && !visit(*scope)) return;
    }
  }
}

CrlSnapshot::Answer CrlSnapshot::Lookup(const CrlQuery& query, const Moment& moment) const {
  const pki::CertificateView& target = query.target;
  Answer answer{.scope_missing = true};
  pki::RevocationFinding& finding = answer.finding;
  finding.outcome = pki::RevocationOutcome::kNoUsableAnswer;
  finding.method = pki::RevocationMethod::kCrl;
  // A scope that says "revoked" ends it; GOOD waits for what the others say.
  ForEachScope(query, [&](const CrlScope& scope) {
    answer.scope_missing = false;
    const bool was_good = finding.outcome == pki::RevocationOutcome::kGood;
    auto describe = [&finding, &scope] {
      finding.source_updated_at = scope.loaded_at;
      finding.this_update = scope.list.this_update();
      finding.next_update = scope.list.next_update();
    };
    std::optional<CrlFact> fact = scope.table->Find(target.serial);
    if (!fact && scope.vanished != nullptr) {
      fact = scope.vanished->Find(target.serial);
      answer.vanished = fact && target.not_after >= moment.now;
    }
    if (fact) {
      describe();
      finding.out_of_date = false;
      finding.outcome = pki::RevocationOutcome::kRevoked;
      finding.revoked_at = fact->revoked_at;
      finding.reason = fact->reason;
      return false;
    }
    if (was_good) return true;
    // An expired certificate's entry may have been taken off, unless the list says otherwise.
    const auto keeps_since = scope.list.expired_certificates_since();
    const bool may_be_gone =
        target.not_after < moment.now && (!keeps_since || *keeps_since > target.not_after);
    const bool speaks = scope.expected && !may_be_gone && moment.clock_trusted &&
                        Covers(scope.list, target) &&
                        CountsAt(scope.list.this_update(), query.validation_time, moment.now);
    const pki::CrlOutcome in_force = pki::CheckCrlTime(scope.list, moment.now, moment.skew);
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

void CrlSnapshot::Prefetch(const CrlQuery& query) const {
  ForEachScope(query, [&query](const CrlScope& scope) {
    scope.table->Prefetch(query.target.serial);
    if (scope.vanished != nullptr) scope.vanished->Prefetch(query.target.serial);
    return true;
  });
}

}  // namespace musubi::revocation
