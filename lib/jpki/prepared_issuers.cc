#include "lib/jpki/prepared_issuers.h"

#include <algorithm>
#include <utility>

#include "lib/base/same_octets.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/name.h"

namespace musubi::jpki {
namespace {

using base::ByteView;
using base::SameOctets;
using pki::CertificateView;

bool IsOneOf(ByteView oid, std::initializer_list<ByteView> oids) {
  return std::ranges::any_of(oids, [&](ByteView one) { return SameOctets(one, oid); });
}

bool IsPlain(const CertificateView& issuer) {
  pki::ExtensionCursor extensions = issuer.Extensions();
  while (const auto extension = extensions.Next()) {
    if (IsOneOf(extension->oid, {pki::oid::kKeyUsage, pki::oid::kBasicConstraints})) continue;
    // Critical in one of these asks for more than we would look at here.
    if (extension->critical ||
        !IsOneOf(extension->oid, {pki::oid::kSubjectAltName, pki::oid::kIssuerAltName,
                                  pki::oid::kCertificatePolicies, pki::oid::kCrlDistributionPoints,
                                  pki::oid::kAuthorityInfoAccess, pki::oid::kAuthorityKeyIdentifier,
                                  pki::oid::kSubjectKeyIdentifier})) {
      return false;
    }
  }
  return issuer.is_ca && issuer.HasKeyUsage(pki::KeyUsage::kKeyCertSign) &&
         (issuer.policies.empty() || issuer.HasPolicy(pki::oid::kAnyPolicy));
}

bool SameOctetsOrName(ByteView a, ByteView b) { return SameOctets(a, b) || pki::SameName(a, b); }

enum class Agreement { kContradicted, kNothingCompared, kAgrees };

// As pki::CompareKeyIdentifiers.
Agreement CompareKeyIdentifiers(const CertificateView& subject, const CertificateView& issuer) {
  const auto& identifier = subject.authority_key_identifier;
  if (!identifier) return Agreement::kNothingCompared;
  bool compared = false;
  bool contradicted = false;
  auto compare = [&](bool equal) {
    compared = true;
    contradicted = contradicted || !equal;
  };
  if (identifier->key_identifier && issuer.subject_key_identifier) {
    compare(SameOctets(*identifier->key_identifier, *issuer.subject_key_identifier));
  }
  if (identifier->issuer_name) {
    compare(SameOctetsOrName(*identifier->issuer_name, issuer.issuer));
  }
  if (identifier->serial) compare(SameOctets(*identifier->serial, issuer.serial));
  if (contradicted) return Agreement::kContradicted;
  return compared ? Agreement::kAgrees : Agreement::kNothingCompared;
}

}  // namespace

bool PreparedIssuer::Allows(crypto::SignatureAlgorithm algorithm) const {
  const pki::KeyedAlgorithm keyed{key->type(), algorithm};
  return std::ranges::find(anchor.allowed_algorithms, keyed) != anchor.allowed_algorithms.end();
}

pki::VerdictReason PreparedIssuer::WhyNotAt(absl::Time time) const {
  if (time < certificate().not_before) return pki::VerdictReason::kNotYetValid;
  if (time > certificate().not_after) return pki::VerdictReason::kExpired;
  return pki::VerdictReason::kIssuerNotInUse;
}

absl::StatusOr<PreparedIssuers> PreparedIssuers::Create(const pki::TrustStore& trust_store,
                                                        pki::AnchorRole role) {
  PreparedIssuers prepared;
  for (const pki::TrustAnchor& anchor : trust_store.anchors()) {
    const CertificateView& view = anchor.certificate.view();
    auto key = crypto::PreparedKey::Create(view.spki);
    if (!key.ok()) return base::Annotate(key.status(), "anchor " + anchor.id);
    PreparedIssuer issuer{
        .anchor = anchor,
        .key_hash = crypto::Sha256(view.spki),
        .key = *std::move(key),
        .plain = IsPlain(view),
        .valid_from = std::max(view.not_before, anchor.not_before_use),
        .valid_through = std::min(view.not_after, anchor.distrust_after.value_or(view.not_after))};
    const bool own = anchor.environment == trust_store.environment();
    prepared.issuers_.push_back(
        {.issuer = std::move(issuer),
         .own_environment = own,
         .issues_cards = own && anchor.role == role,
         .name = prepared.FindName(view.subject).value_or(prepared.issuers_.size())});
  }
  return prepared;
}

std::optional<size_t> PreparedIssuers::FindName(ByteView name_der) const {
  for (const Named& named : issuers_) {
    if (SameOctets(named.issuer.certificate().subject, name_der)) return named.name;
  }
  for (const Named& named : issuers_) {
    if (pki::SameName(named.issuer.certificate().subject, name_der)) return named.name;
  }
  return std::nullopt;
}

PreparedIssuers::Candidates PreparedIssuers::Find(const CertificateView& certificate) const {
  Candidates found;
  const auto name = FindName(certificate.issuer);
  if (!name) return found;
  found.other_environment = true;
  auto best = Agreement::kContradicted;
  for (const Named& named : issuers_) {
    if (named.name != *name) continue;
    if (named.own_environment) found.other_environment = false;
    if (!named.issues_cards) continue;
    const Agreement agreement = CompareKeyIdentifiers(certificate, named.issuer.certificate());
    if (agreement == Agreement::kContradicted) continue;
    ++found.count;
    if (agreement > best) {
      best = agreement;
      found.first = &named.issuer;
    }
  }
  return found;
}

const PreparedIssuer* PreparedIssuers::FindById(std::string_view anchor_id) const {
  for (const Named& named : issuers_) {
    if (named.issuer.anchor.id == anchor_id) return &named.issuer;
  }
  return nullptr;
}

}  // namespace musubi::jpki
