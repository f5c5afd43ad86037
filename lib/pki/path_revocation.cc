#include "lib/pki/path_revocation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/same_octets.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/der.h"
#include "lib/pki/general_name.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::ByteView;

// Short and long form of a length up to 65535 (X.690 section 8.1.3): a Name is smaller.
void AppendElement(uint8_t tag, ByteView content, base::Bytes& out) {
  out.push_back(tag);
  if (content.size() >= 0x100) {
    out.insert(out.end(), {0x82, static_cast<uint8_t>(content.size() >> 8)});
  } else if (content.size() >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<uint8_t>(content.size()));
  out.insert(out.end(), content.begin(), content.end());
}

// A Name with one more RelativeDistinguishedName (RFC 5280 section 4.2.1.13).
base::Bytes Extended(ByteView name_der, ByteView rdn_content) {
  const auto name = ReadSingle(name_der, der_tag::kSequence);
  if (!name) return {};
  base::Bytes rdns = base::ToBytes(name->content);
  AppendElement(der_tag::kSet, rdn_content, rdns);
  base::Bytes extended;
  AppendElement(der_tag::kSequence, rdns, extended);
  return extended;
}

// Names by which a distribution point is known: directory names, and all other forms whole.
struct PointNames {
  std::vector<base::Bytes> directory_names;
  std::vector<base::Bytes> others;

  void AddAll(ByteView general_names) {
    DerReader reader(general_names);
    while (const auto name = reader.Read()) {
      if (name->tag == general_name::kDirectoryName) {
        directory_names.push_back(base::ToBytes(name->content));
      } else {
        others.push_back(base::ToBytes(name->whole));
      }
    }
  }

  bool Meets(const PointNames& other) const {
    for (const base::Bytes& mine : directory_names) {
      for (const base::Bytes& theirs : other.directory_names) {
        if (SameName(mine, theirs)) return true;
      }
    }
    return std::ranges::any_of(others, [&](const base::Bytes& mine) {
      return std::ranges::find(other.others, mine) != other.others.end();
    });
  }
};

// A distribution point of the certificate, or the one that section 6.3.3 adds after them: the
// issuer's own.
struct Point {
  PointNames names;
  ReasonFlags reasons = kAllReasons;
  std::vector<base::Bytes> crl_issuers;  // Empty: the certificate's issuer.
};

std::vector<Point> PointsOf(const Certificate& target) {
  std::vector<Point> points;
  DistributionPointCursor cursor(target.view().crl_distribution_points);
  while (const auto view = cursor.Next()) {
    Point point;
    PointNames issuers;
    issuers.AddAll(view->crl_issuer);
    point.crl_issuers = issuers.directory_names;
    // One that names an issuer in another form only is of no CRL that we could know.
    if (!view->crl_issuer.empty() && point.crl_issuers.empty()) continue;
    if (view->reasons) {
      const auto reasons = ParseReasonFlags(*view->reasons);
      if (!reasons) continue;
      point.reasons = *reasons;
    }
    if (!view->relative_name.empty()) {
      const ByteView base =
          point.crl_issuers.empty() ? target.issuer_der() : ByteView(point.crl_issuers.front());
      point.names.directory_names.push_back(Extended(base, view->relative_name));
    } else if (!view->full_name.empty()) {
      point.names.AddAll(view->full_name);
    } else {
      point.names = issuers;
    }
    points.push_back(std::move(point));
  }
  Point own;
  own.names.directory_names.push_back(base::ToBytes(target.issuer_der()));
  points.push_back(std::move(own));
  return points;
}

// Section 6.3.3 (b): whether the CRL is one of this point and of such certificates.
bool IsForPoint(const Crl& crl, const Point& point, const Certificate& target) {
  const auto& scope = crl.issuing_distribution_point();
  if (point.crl_issuers.empty()) {
    if (!SameName(crl.issuer_der(), target.issuer_der())) return false;
  } else {
    const bool named = std::ranges::any_of(point.crl_issuers, [&](const base::Bytes& issuer) {
      return SameName(issuer, crl.issuer_der());
    });
    if (!named || !scope || !scope->indirect) return false;
  }
  if (!scope) return true;
  if (scope->only_attribute_certificates || (scope->only_user_certificates && target.is_ca()) ||
      (scope->only_ca_certificates && !target.is_ca())) {
    return false;
  }
  if (!scope->names_distribution_point()) return true;
  PointNames names;
  names.AddAll(scope->full_name);
  if (!scope->relative_name.empty()) {
    names.directory_names.push_back(Extended(crl.issuer_der(), scope->relative_name));
  }
  return names.Meets(point.names);
}

// Section 6.3.3 (c), but for the signature: whether the delta updates the complete CRL.
bool Updates(const Crl& delta, const Crl& complete) {
  return delta.base_number() && delta.number() && complete.number() &&
         SameName(delta.issuer_der(), complete.issuer_der()) &&
         base::SameOctets(delta.issuing_distribution_point_der(),
                          complete.issuing_distribution_point_der()) &&
         base::SameOctets(delta.authority_key_identifier_der(),
                          complete.authority_key_identifier_der()) &&
         CompareCrlNumbers(*complete.number(), *delta.base_number()) >= 0 &&
         CompareCrlNumbers(*complete.number(), *delta.number()) < 0;
}

class Checker {
 public:
  Checker(const GivenRevocationData& data, const PathValidator& signer_paths,
          const std::string& anchor_id, absl::Time validation_time, absl::Time now,
          const PathRevocationOptions& options)
      : data_(data),
        signer_paths_(signer_paths),
        anchor_id_(anchor_id),
        validation_time_(validation_time),
        now_(now),
        options_(options) {
    for (const Crl& crl : data.crls) (crl.base_number() ? deltas_ : complete_).push_back(&crl);
    // The newest speaks first: what it says about a certificate holds.
    auto newer = [](const Crl* a, const Crl* b) { return a->this_update() > b->this_update(); };
    std::ranges::stable_sort(complete_, newer);
    std::ranges::stable_sort(deltas_, newer);
  }

  // Section 6.3.3 for one certificate. `above`: its issuer, that one's issuer, ..., the anchor.
  RevocationFinding Check(const Certificate& target, std::span<const Certificate> above) {
    RevocationFinding finding;
    finding.outcome = RevocationOutcome::kNoUsableAnswer;
    ReasonFlags covered = 0;
    for (const Point& point : PointsOf(target)) {
      for (const Crl* complete : complete_) {
        // (d) and (e).
        const auto& scope = complete->issuing_distribution_point();
        const ReasonFlags adds = static_cast<ReasonFlags>(
            point.reasons & (scope ? scope->only_some_reasons.value_or(kAllReasons) : kAllReasons));
        if ((adds & ~covered) == 0 || !IsForPoint(*complete, point, target)) continue;
        const Crl* delta = nullptr;
        if (!FindUsable(*complete, above, delta)) continue;
        Describe(delta != nullptr ? *delta : *complete, finding);
        if (const auto entry = FindEntry(*complete, delta, target)) {
          finding.outcome = RevocationOutcome::kRevoked;
          finding.method = RevocationMethod::kCrl;
          finding.revoked_at = entry->revoked_at;
          finding.reason = entry->reason;
          return finding;
        }
        if (SaysGood(delta != nullptr ? *delta : *complete, target)) {
          covered = static_cast<ReasonFlags>(covered | adds);
        }
      }
    }
    if (covered == kAllReasons) {
      finding.outcome = RevocationOutcome::kGood;
      finding.method = RevocationMethod::kCrl;
    }
    return finding;
  }

 private:
  static void Describe(const Crl& crl, RevocationFinding& finding) {
    finding.this_update = crl.this_update();
    finding.next_update = crl.next_update();
  }

  // (i), (j) and (k): what the delta says goes before what the complete CRL says.
  static std::optional<CrlEntry> FindEntry(const Crl& complete, const Crl* delta,
                                           const Certificate& target) {
    if (delta != nullptr) {
      if (const auto entry = delta->Find(target.serial(), target.issuer_der())) {
        if (entry->reason == CrlReason::kRemoveFromCrl) return std::nullopt;
        return entry;
      }
    }
    return complete.Find(target.serial(), target.issuer_der());
  }

  bool InForce(const Crl& crl) const {
    if (crl.this_update() > now_ + options_.skew) return false;
    if (options_.max_age && now_ > crl.this_update() + *options_.max_age) return false;
    return crl.next_update() ? now_ <= *crl.next_update() : options_.max_age.has_value();
  }

  // Whether not being listed says something at the validation time.
  bool SaysGood(const Crl& crl, const Certificate& target) const {
    if (validation_time_ > now_ + options_.skew) return false;
    if (validation_time_ < now_ && crl.this_update() < validation_time_) return false;
    return target.not_after() >= now_ || (crl.expired_certificates_since() &&
                                          *crl.expired_certificates_since() <= target.not_after());
  }

  // (a), (c), (f), (g) and (h): finds a signer of the CRL, and a delta in force by the same key. A
  // complete CRL that is not in force any more counts with such a delta only.
  bool FindUsable(const Crl& complete, std::span<const Certificate> above, const Crl*& delta) {
    std::vector<const Crl*> updates;
    if (options_.use_deltas) {
      std::ranges::copy_if(deltas_, std::back_inserter(updates), [&](const Crl* crl) {
        return InForce(*crl) && Updates(*crl, complete);
      });
    }
    if (complete.this_update() > now_ + options_.skew) return false;
    if (!InForce(complete) && updates.empty()) return false;
    const auto signer = FindSigner(complete, above);
    if (!signer) return false;
    const auto found =
        std::ranges::find_if(updates, [&](const Crl* crl) { return IsSignedBy(*crl, *signer); });
    if (found != updates.end()) delta = *found;
    return delta != nullptr || InForce(complete);
  }

  bool IsSignedBy(const Crl& crl, const Certificate& signer) {
    if (!SameName(crl.issuer_der(), signer.subject_der())) return false;
    if (signature_checks_ == kMaxCrlSignatureChecks) return false;
    ++signature_checks_;
    const CrlOutcome outcome = data_.signatures != nullptr ? data_.signatures->Check(crl, signer)
                                                           : CheckCrlSignature(crl, signer);
    return outcome == CrlOutcome::kUsable;
  }

  std::optional<Certificate> FindSigner(const Crl& crl, std::span<const Certificate> above) {
    for (const Certificate& candidate : above) {
      if (IsSignedBy(crl, candidate)) return candidate;
    }
    for (const Certificate& candidate : data_.certificates) {
      if (IsSignedBy(crl, candidate) && IsTrusted(candidate, above)) return candidate;
    }
    return std::nullopt;
  }

  // (f): a path of its own to the same anchor, and not revoked on the way.
  bool IsTrusted(const Certificate& signer, std::span<const Certificate> above) {
    const auto is_signer = [&](const Certificate& other) {
      return base::SameOctets(other.der(), signer.der());
    };
    if (depth_ == kMaxCrlSignerDepth || std::ranges::any_of(in_question_, is_signer)) return false;
    std::vector<Certificate> intermediates;
    for (const auto& source : {above, data_.certificates}) {
      for (const Certificate& certificate : source) {
        if (intermediates.size() + 1 == kMaxGivenCertificates) break;
        if (certificate.is_ca() && !is_signer(certificate)) intermediates.push_back(certificate);
      }
    }
    const PathResult result = signer_paths_.Validate(signer, intermediates, validation_time_);
    if (!result.path || result.path->anchor_id != anchor_id_) return false;
    in_question_.push_back(signer);
    ++depth_;
    bool good = true;
    const std::span<const Certificate> path(result.path->certificates);
    for (size_t i = 0; good && i + 1 < path.size(); ++i) {
      good = Check(path[i], path.subspan(i + 1)).outcome == RevocationOutcome::kGood;
    }
    --depth_;
    in_question_.pop_back();
    return good;
  }

  const GivenRevocationData& data_;
  const PathValidator& signer_paths_;
  const std::string& anchor_id_;
  const absl::Time validation_time_;
  const absl::Time now_;
  const PathRevocationOptions& options_;
  std::vector<const Crl*> complete_;
  std::vector<const Crl*> deltas_;
  int signature_checks_ = 0;
  int depth_ = 0;
  // Signers whose own revocation is being asked: none vouches for itself.
  std::vector<Certificate> in_question_;
};

}  // namespace

CrlOutcome CrlSignatures::Check(const Crl& crl, const Certificate& signer) {
  {
    base::MutexLock lock(mutex_);
    if (const auto list = lists_.find(crl.identity()); list != lists_.end()) {
      for (const Known& known : list->second) {
        if (base::SameOctets(known.signer, signer.der())) return known.outcome;
      }
    }
  }
  const CrlOutcome outcome = CheckCrlSignature(crl, signer);
  base::MutexLock lock(mutex_);
  if (lists_.size() >= kMaxRememberedCrls) {
    std::erase_if(lists_, [](const auto& list) { return list.first.expired(); });
  }
  if (lists_.size() >= kMaxRememberedCrls) lists_.clear();
  std::vector<Known>& known = lists_[crl.identity()];
  if (known.size() == kMaxRememberedSigners) known.clear();
  known.push_back({base::ToBytes(signer.der()), outcome});
  return outcome;
}

size_t CrlSignatures::size() const {
  base::MutexLock lock(mutex_);
  return lists_.size();
}

std::vector<RevocationFinding> CheckPathRevocation(const ValidatedPath& path,
                                                   const GivenRevocationData& data,
                                                   const PathValidator& signer_paths,
                                                   absl::Time validation_time, absl::Time now,
                                                   const PathRevocationOptions& options) {
  Checker checker(data, signer_paths, path.anchor_id, validation_time, now, options);
  const std::span<const Certificate> certificates(path.certificates);
  const size_t asked = options.whole_path ? certificates.size() - 1 : 1;
  std::vector<RevocationFinding> findings;
  for (size_t i = 0; i < asked; ++i) {
    findings.push_back(checker.Check(certificates[i], certificates.subspan(i + 1)));
  }
  return findings;
}

}  // namespace musubi::pki
