#include "lib/revocation/crl_store.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"
#include "lib/revocation/validation_time.h"

namespace musubi::revocation {
namespace {

// Issuing distribution points in the manifest: "full" is a list without one.
constexpr std::string_view kFull = "full";

base::Hash256 KeyOf(const pki::Certificate& issuer) { return crypto::Sha256(issuer.spki_der()); }

bool IsPlainFileName(const std::string& name) {
  return name.find('/') == std::string::npos && name.find('\0') == std::string::npos &&
         name != "." && name != "..";
}

// Does the list say that it is the one that the manifest means?
bool IsForPoint(const pki::Crl& crl, const base::Bytes& point) {
  const auto& scope = crl.issuing_distribution_point();
  const bool names_point = scope && scope->names_distribution_point();
  if (point.empty()) return !names_point;
  return names_point &&
         std::ranges::any_of(scope->directory_names_der,
                             [&](const base::Bytes& name) { return pki::SameName(name, point); });
}

// Does "not listed" say something about `target`, whose distribution point has led to the list (RFC
// 5280 section 6.3.3 (b) (2))?
bool SpeaksOf(const pki::Crl& crl, const pki::CertificateView& target) {
  const auto& scope = crl.issuing_distribution_point();
  return !scope ||
         !(scope->only_attribute_certificates || (scope->only_user_certificates && target.is_ca) ||
           (scope->only_ca_certificates && !target.is_ca));
}

}  // namespace

// What was learned of one scope. Immutable once it is in the map.
struct CrlStore::Scope {
  struct Vanished {
    absl::Time revoked_at;
    pki::CrlReason reason = pki::CrlReason::kNotGiven;
  };
  using VanishedMap = std::map<base::Bytes, Vanished>;

  base::Bytes point;     // Empty: "full".
  bool expected = true;  // The manifest has it. One that it no longer has is never GOOD.
  std::optional<pki::Crl> crl;
  absl::Time loaded_at = absl::InfinitePast();
  std::shared_ptr<const VanishedMap> vanished = std::make_shared<VanishedMap>();
};

struct CrlStore::ScopeSource {
  std::string anchor;
  std::string file;
  ScopeKey key;
  const pki::Certificate* issuer;
};

struct CrlStore::Loaded {
  ScopeOutcome outcome = ScopeOutcome::kUnspecified;
  pki::CrlOutcome crl_outcome = pki::CrlOutcome::kUnspecified;
  std::shared_ptr<const Scope> scope;  // Null: nothing new to put in force.
};

CrlStore::CrlStore(Dependencies dependencies, Options options)
    : dependencies_(dependencies), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<CrlStore>> CrlStore::Create(Dependencies dependencies,
                                                           Options options) {
  auto store = std::unique_ptr<CrlStore>(new CrlStore(dependencies, std::move(options)));
  MUSUBI_RETURN_IF_ERROR(store->Reload());
  return store;
}

absl::StatusOr<std::vector<CrlStore::ScopeSource>> CrlStore::ReadManifest() const {
  const std::string path = options_.directory + "/" + kScopesFile;
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject manifest, base::JsonObject::Parse(text, path));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, manifest.Integer("version"));
  if (version != 1) return manifest.Invalid("\"version\" must be 1");
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::JsonObject> scopes, manifest.Objects("scopes"));
  MUSUBI_RETURN_IF_ERROR(manifest.RefuseOthers());
  std::vector<ScopeSource> sources;
  std::set<ScopeKey> seen;
  for (base::JsonObject& entry : scopes) {
    ScopeSource source;
    MUSUBI_ASSIGN_OR_RETURN(source.anchor, entry.String("anchor"));
    MUSUBI_ASSIGN_OR_RETURN(source.file, entry.String("file"));
    MUSUBI_ASSIGN_OR_RETURN(const std::string point, entry.String("distribution_point"));
    MUSUBI_RETURN_IF_ERROR(entry.RefuseOthers());
    const auto issuer = options_.issuers.find(source.anchor);
    if (issuer == options_.issuers.end()) {
      return entry.Invalid("\"anchor\" names no configured anchor; use an id of the anchors file");
    }
    if (!IsPlainFileName(source.file)) {
      return entry.Invalid("\"file\" must be the name of a file beside the manifest, not a path");
    }
    source.issuer = &issuer->second;
    source.key.first = KeyOf(*source.issuer);
    if (point != kFull) {
      auto name = base::Base64Decode(point);
      if (!name.ok() || !pki::SameName(*name, *name)) {
        return entry.Invalid(
            "\"distribution_point\" must be \"full\" or the base64 of one DER Name (the "
            "directoryName of "
            "the issuing distribution point)");
      }
      source.key.second = *std::move(name);
    }
    if (!seen.insert(source.key).second) {
      return entry.Invalid("\"distribution_point\" is there twice for this anchor; remove one");
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

CrlStore::Loaded CrlStore::LoadScope(const ScopeSource& source,
                                     const std::shared_ptr<const Scope>& current) const {
  const auto content = base::ReadFile(options_.directory + "/" + source.file);
  if (!content.ok()) return {ScopeOutcome::kMissing, {}, nullptr};
  const std::optional<pki::Crl> old = current == nullptr ? std::nullopt : current->crl;
  if (old && std::ranges::equal(old->der(), base::AsBytes(*content))) {
    return {ScopeOutcome::kUnchanged, {}, nullptr};
  }
  auto refuse = [](pki::CrlOutcome why) { return Loaded{ScopeOutcome::kRefused, why, nullptr}; };
  pki::CrlParseResult parsed = pki::ParseCrl(base::ToBytes(*content));
  if (!parsed.crl) return refuse(parsed.outcome);
  const pki::Crl& crl = *parsed.crl;
  const pki::CrlOutcome signature = pki::CheckCrlSignature(crl, *source.issuer);
  if (signature != pki::CrlOutcome::kUsable) return refuse(signature);
  if (!IsForPoint(crl, source.key.second)) return refuse(pki::CrlOutcome::kForeignScope);
  const absl::Time now = dependencies_.clock.Now();
  const pki::CrlOutcome time = pki::CheckCrlTime(crl, now, options_.skew);
  // A stale list is taken: what it lists is revoked, though it makes nothing good.
  if (time != pki::CrlOutcome::kUsable && time != pki::CrlOutcome::kStale) return refuse(time);
  if (!crl.number()) return {ScopeOutcome::kNumberMissing, {}, nullptr};

  auto scope = std::make_shared<Scope>();
  scope->point = source.key.second;
  scope->loaded_at = now;
  if (old) {
    // What is in force is the highest seen, since nothing lower replaces it.
    const int order = pki::CompareCrlNumbers(*crl.number(), *old->number());
    if (order < 0 || crl.this_update() < old->this_update()) {
      return {ScopeOutcome::kOlder, {}, nullptr};
    }
    if (order == 0) return {ScopeOutcome::kNumberReused, {}, nullptr};
    auto vanished = std::make_shared<Scope::VanishedMap>(*current->vanished);
    for (const pki::CrlEntry& entry : old->entries()) {
      if (crl.Find(entry.serial)) continue;
      vanished->emplace(base::ToBytes(entry.serial),
                        Scope::Vanished{entry.revoked_at, entry.reason});
    }
    if (vanished->size() > options_.max_vanished_per_scope) {
      return {ScopeOutcome::kTooManyVanished, {}, nullptr};
    }
    scope->vanished = std::move(vanished);
  }
  scope->crl = std::move(parsed.crl);
  return {ScopeOutcome::kLoaded, {}, std::move(scope)};
}

absl::Status CrlStore::Reload() {
  base::MutexLock reload(reload_mutex_);
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<ScopeSource> sources, ReadManifest());
  std::set<ScopeKey> expected;
  for (const ScopeSource& source : sources) {
    expected.insert(source.key);
    std::shared_ptr<const Scope> current;
    {
      base::MutexLock lock(mutex_);
      const auto found = scopes_.find(source.key);
      if (found != scopes_.end()) current = found->second;
    }
    Loaded loaded = LoadScope(source, current);
    if (loaded.scope == nullptr && current != nullptr && !current->expected) {
      auto again = std::make_shared<Scope>(*current);
      again->expected = true;
      loaded.scope = std::move(again);
    }
    ScopeEvent event{.anchor = source.anchor,
                     .file = source.file,
                     .full = source.key.second.empty(),
                     .outcome = loaded.outcome,
                     .crl_outcome = loaded.crl_outcome};
    const std::shared_ptr<const Scope>& in_force = loaded.scope != nullptr ? loaded.scope : current;
    if (in_force != nullptr) {
      const pki::Crl& crl = *in_force->crl;
      event.this_update = crl.this_update();
      event.next_update = crl.next_update();
      event.entries = crl.entries().size();
      if (event.crl_outcome == pki::CrlOutcome::kUnspecified) {
        event.crl_outcome = pki::CheckCrlTime(crl, dependencies_.clock.Now(), options_.skew);
      }
    }
    if (loaded.scope != nullptr) {
      base::MutexLock lock(mutex_);
      scopes_[source.key] = std::move(loaded.scope);
    }
    dependencies_.observer.OnScope(event);
  }
  base::MutexLock lock(mutex_);
  for (auto& [key, scope] : scopes_) {
    if (expected.contains(key) || !scope->expected) continue;
    // Its revocations stay known.
    auto retired = std::make_shared<Scope>(*scope);
    retired->expected = false;
    scope = std::move(retired);
  }
  return absl::OkStatus();
}

std::vector<std::shared_ptr<const CrlStore::Scope>> CrlStore::ScopesOf(
    const CrlQuery& query) const {
  const base::Hash256& key = query.issuer_key;
  std::vector<std::shared_ptr<const Scope>> found;
  base::MutexLock lock(mutex_);
  if (const auto full = scopes_.find({key, {}}); full != scopes_.end()) {
    found.push_back(full->second);
  }
  pki::DistributionPointCursor points = query.target.CrlDistributionPoints();
  while (const auto point = points.Next()) {
    if (point->reasons || !point->crl_issuer.empty()) continue;
    pki::GeneralNameCursor names(point->full_name);
    while (const auto name = names.Next(pki::general_name::kDirectoryName)) {
      if (const auto exact = scopes_.find({key, base::ToBytes(*name)}); exact != scopes_.end()) {
        found.push_back(exact->second);
        continue;
      }
      // Equal under RFC 5280 section 7.1 though not in octets: rare, so the slow way.
      for (auto at = scopes_.lower_bound({key, {}}); at != scopes_.end() && at->first.first == key;
           ++at) {
        if (pki::SameName(at->first.second, *name)) found.push_back(at->second);
      }
    }
  }
  return found;
}

pki::RevocationFinding CrlStore::Lookup(const pki::Certificate& target,
                                        const pki::Certificate& issuer,
                                        absl::Time validation_time) const {
  return Lookup({KeyOf(issuer), target.view(), validation_time});
}

void CrlStore::Prefetch(const CrlQuery&) const {}

pki::RevocationFinding CrlStore::Lookup(const CrlQuery& query) const {
  const pki::CertificateView& target = query.target;
  const absl::Time now = dependencies_.clock.Now();
  const auto scopes = ScopesOf(query);
  pki::RevocationFinding finding;
  finding.outcome = pki::RevocationOutcome::kNoUsableAnswer;
  finding.method = pki::RevocationMethod::kCrl;
  if (scopes.empty()) {
    dependencies_.observer.OnScopeMissing();
    return finding;
  }
  auto describe = [&finding](const Scope& scope) {
    finding.source_updated_at = scope.loaded_at;
    finding.this_update = scope.crl->this_update();
    finding.next_update = scope.crl->next_update();
  };
  for (const auto& scope : scopes) {
    std::optional<Scope::Vanished> revoked;
    if (const auto entry = scope->crl->Find(target.serial)) {
      revoked = {entry->revoked_at, entry->reason};
    } else if (const auto vanished = scope->vanished->find(base::ToBytes(target.serial));
               vanished != scope->vanished->end()) {
      revoked = vanished->second;
      dependencies_.observer.OnVanishedRevocation();
    }
    if (!revoked) continue;
    describe(*scope);
    finding.outcome = pki::RevocationOutcome::kRevoked;
    finding.revoked_at = revoked->revoked_at;
    finding.reason = revoked->reason;
    return finding;
  }
  for (const auto& scope : scopes) {
    const pki::Crl& crl = *scope->crl;
    describe(*scope);
    // An expired certificate's entry may have been taken off, unless the list says otherwise.
    const bool may_be_gone =
        target.not_after < now &&
        (!crl.expired_certificates_since() || *crl.expired_certificates_since() > target.not_after);
    if (scope->expected && !may_be_gone &&
        pki::CheckCrlTime(crl, now, options_.skew) == pki::CrlOutcome::kUsable &&
        SpeaksOf(crl, target) && CountsAt(crl.this_update(), query.validation_time, now)) {
      finding.outcome = pki::RevocationOutcome::kGood;
      return finding;
    }
  }
  return finding;
}

}  // namespace musubi::revocation
