#include "lib/pki/path_validator.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "lib/base/check.h"
#include "lib/base/same_octets.h"
#include "lib/pki/name.h"
#include "lib/pki/openssl_path.h"
#include "lib/pki/path_rules.h"

namespace musubi::pki {
namespace {

template <typename List, typename Value>
bool Contains(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

constexpr std::string_view kAnyPolicy = "2.5.29.32.0";
constexpr std::string_view kAnyExtendedKeyUsage = "2.5.29.37.0";

// Critical extensions of intermediates and anchors: all that OpenSSL and we process (RFC 5280
// section 6.1).
constexpr std::array<std::string_view, 9> kProcessedExtensions = {
    "2.5.29.15",  // keyUsage
    "2.5.29.17",  // subjectAltName
    "2.5.29.19",  // basicConstraints
    "2.5.29.30",  // nameConstraints
    "2.5.29.32",  // certificatePolicies
    "2.5.29.33",  // policyMappings
    "2.5.29.36",  // policyConstraints
    "2.5.29.37",  // extKeyUsage
    "2.5.29.54",  // inhibitAnyPolicy
};

std::optional<VerdictReason> CheckAlgorithms(const Certificate& certificate,
                                             const ValidationProfile& profile) {
  const auto algorithm = certificate.signature_algorithm();
  if (!algorithm || !Contains(profile.allowed_algorithms, *algorithm)) {
    return VerdictReason::kAlgorithmNotAllowed;
  }
  const auto key = certificate.key_type();
  if (!key || !Contains(profile.allowed_keys, *key) ||
      !crypto::HasValidPoint(certificate.spki_der())) {
    return VerdictReason::kKeyNotAllowed;
  }
  return std::nullopt;
}

bool HasOnlyProcessedCriticalExtensions(const Certificate& certificate) {
  return std::ranges::all_of(certificate.critical_extensions(), [](const std::string& oid) {
    return Contains(kProcessedExtensions, oid);
  });
}

// Whether extendedKeyUsage names the purpose; where it `may_be_silent`, it may also be absent or
// have anyExtendedKeyUsage.
bool NamesPurpose(const Certificate& certificate, const std::string& purpose, bool may_be_silent) {
  const auto& usages = certificate.extended_key_usage();
  if (!usages) return may_be_silent;
  return Contains(*usages, purpose) || (may_be_silent && Contains(*usages, kAnyExtendedKeyUsage));
}

enum class IssuerKind { kIntermediate, kAnchor };

// What every issuer must be, beside an intermediate's version and algorithms.
std::optional<VerdictReason> CheckIssuerProfile(const Certificate& certificate, IssuerKind kind,
                                                const ValidationProfile& profile,
                                                const PathInputs& inputs) {
  if (!HasOnlyProcessedCriticalExtensions(certificate) ||
      !certificate.view().UnderstandsPolicies()) {
    return VerdictReason::kUnknownCriticalExtension;
  }
  if (profile.conformance == Conformance::kWholePath && CheckConformance(certificate)) {
    return VerdictReason::kProfileMismatch;
  }
  if (inputs.purpose && !NamesPurpose(certificate, inputs.purpose->extended_key_usage,
                                      kind == IssuerKind::kAnchor ||
                                          inputs.purpose->rule != PurposeRule::kAllNameIt)) {
    return VerdictReason::kWrongExtendedKeyUsage;
  }
  return std::nullopt;
}

std::optional<VerdictReason> CheckIntermediateProfile(const Certificate& certificate,
                                                      const ValidationProfile& profile,
                                                      const PathInputs& inputs) {
  if (certificate.version() != 3) return VerdictReason::kVersionNotSupported;
  if (const auto fault = CheckAlgorithms(certificate, profile)) return fault;
  return CheckIssuerProfile(certificate, IssuerKind::kIntermediate, profile, inputs);
}

// The inputs with the policies that the profile requires; nothing if no policy is in both.
std::optional<PathInputs> WithRequiredPolicies(PathInputs inputs,
                                               const ValidationProfile& profile) {
  if (profile.required_policies.empty()) return inputs;
  inputs.initial_explicit_policy = true;
  if (inputs.initial_policies.empty() || Contains(inputs.initial_policies, kAnyPolicy)) {
    inputs.initial_policies = profile.required_policies;
    return inputs;
  }
  std::erase_if(inputs.initial_policies, [&](const std::string& policy) {
    return !Contains(profile.required_policies, policy);
  });
  if (inputs.initial_policies.empty()) return std::nullopt;
  return inputs;
}

bool IsSelfIssued(const Certificate& certificate) {
  return SameName(certificate.subject_der(), certificate.issuer_der());
}

// The steps of the published order that come after parsing.
enum class Stage { kProfile, kIssuerUnknown, kIssuerSignature, kValidity, kConstraints };

struct Failure {
  Stage stage;
  VerdictReason reason;
  int cert_index;
  std::string diagnostic;
};

// PathBuilder looks for a path depth first, and keeps the failure that got furthest.
class PathBuilder {
 public:
  // `openssl_anchors` has one for each of `anchors`.
  PathBuilder(const std::vector<TrustAnchor>& anchors,
              const std::vector<std::shared_ptr<const OpenSslAnchor>>& openssl_anchors,
              const ValidationProfile& profile, std::span<const Certificate> intermediates,
              absl::Time time, const PathInputs& inputs)
      : anchors_(anchors),
        openssl_anchors_(openssl_anchors),
        profile_(profile),
        intermediates_(intermediates),
        time_(absl::FromUnixSeconds(absl::ToUnixSeconds(time))),
        inputs_(inputs),
        effective_inputs_(WithRequiredPolicies(inputs, profile)),
        max_intermediates_(
            std::min(profile.max_intermediates, inputs.max_intermediates.value_or(kMaxPathLength))),
        used_(intermediates.size(), false) {}

  // The path, or nothing and failure().
  std::optional<ValidatedPath> Build(const Certificate& target) {
    path_.push_back(target);
    if (Extend()) return ValidatedPath{std::move(path_), anchor_->id};
    return std::nullopt;
  }
  std::vector<std::string>& user_constrained_policies() { return user_constrained_policies_; }
  const Failure& failure() const { return *failure_; }

 private:
  struct Candidate {
    const Certificate* certificate;
    const TrustAnchor* anchor;  // Null for an intermediate.
    size_t intermediate;        // Its place.
    int agreement;              // CompareKeyIdentifiers.
  };

  int last() const { return static_cast<int>(path_.size()) - 1; }

  void Note(bool complete, Failure failure) {
    // Complete paths before others, then the longer, then the later stage; the first of equals.
    const auto rank = std::make_tuple(complete, path_.size(), failure.stage);
    if (failure_ && rank <= rank_) return;
    rank_ = rank;
    failure_ = std::move(failure);
  }

  // A bound ends the whole search: what was not tried cannot be judged.
  void NoteTooComplex(Stage stage, std::string diagnostic) {
    failure_ = Failure{stage, VerdictReason::kTooComplex, last(), std::move(diagnostic)};
    stopped_ = true;
  }

  std::vector<Candidate> FindCandidates() const {
    const Certificate& subject = path_.back();
    std::vector<Candidate> found;
    auto consider = [&](Candidate candidate) {
      if (!SameName(candidate.certificate->subject_der(), subject.issuer_der())) return;
      candidate.agreement = CompareKeyIdentifiers(subject, *candidate.certificate);
      const bool dropped = candidate.agreement < 0 &&
                           profile_.issuer_identification == IssuerIdentification::kMustAgree;
      if (!dropped) found.push_back(candidate);
    };
    for (const TrustAnchor& anchor : anchors_) {
      if (profile_.role && anchor.role != *profile_.role) continue;
      consider({&anchor.certificate, &anchor, 0, 0});
    }
    for (size_t i = 0; i < intermediates_.size() && path_.size() <= max_intermediates_; ++i) {
      if (!used_[i]) consider({&intermediates_[i], nullptr, i, 0});
    }
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
      return a.agreement > b.agreement;
    });
    return found;
  }

  // Adds issuers to the path until it holds. On false the path is as before.
  bool Extend() {
    const std::vector<Candidate> candidates = FindCandidates();
    if (candidates.empty()) {
      Note(false, {Stage::kIssuerUnknown, VerdictReason::kIssuerUnknown, last(), "no candidate"});
    }
    for (const Candidate& candidate : candidates) {
      if (path_.size() == kMaxPathLength) {
        NoteTooComplex(Stage::kIssuerUnknown, "path too deep");
        return false;
      }
      if (Try(candidate)) return true;
      if (stopped_) return false;
    }
    return false;
  }

  bool Try(const Candidate& candidate) {
    const Certificate& subject = path_.back();
    const Certificate& issuer = *candidate.certificate;
    MUSUBI_CHECK(subject.signature_algorithm().has_value(),
                 "the profile let an unknown algorithm through");
    crypto::SignatureAlgorithm algorithm = *subject.signature_algorithm();
    const auto key = issuer.key_type();
    if (key) algorithm = crypto::ForKey(algorithm, *key);
    const bool anchor_allows =
        candidate.anchor == nullptr ||
        (key && Contains(candidate.anchor->allowed_algorithms, KeyedAlgorithm{*key, algorithm}));
    if (!anchor_allows || !Contains(profile_.allowed_algorithms, algorithm)) {
      Note(false, {Stage::kProfile, VerdictReason::kAlgorithmNotAllowed, last(),
                   anchor_allows ? "on this curve" : "of anchor " + candidate.anchor->id});
      return false;
    }
    if (signature_checks_ == kMaxSignatureChecks) {
      NoteTooComplex(Stage::kIssuerSignature, "too many signature checks");
      return false;
    }
    ++signature_checks_;
    if (!crypto::VerifySignature(algorithm, issuer.spki_der(), subject.tbs_der(),
                                 subject.signature())) {
      Note(false, {Stage::kIssuerSignature, VerdictReason::kBadIssuerSignature, last(),
                   "signature does not verify"});
      return false;
    }
    path_.push_back(issuer);
    if (candidate.anchor != nullptr ? Complete(*candidate.anchor) : Continue(candidate)) {
      return true;
    }
    path_.pop_back();
    return false;
  }

  bool Continue(const Candidate& candidate) {
    if (const auto fault = CheckIntermediateProfile(path_.back(), profile_, inputs_)) {
      Note(false, {Stage::kProfile, *fault, last(), "intermediate"});
      return false;
    }
    used_[candidate.intermediate] = true;
    const bool done = Extend();
    used_[candidate.intermediate] = false;
    return done;
  }

  bool Complete(const TrustAnchor& anchor) {
    anchor_ = &anchor;
    auto failure = CheckAnchorProfile();
    if (!failure) failure = CheckValidity();
    if (!failure) failure = CheckIssuers();
    if (!failure) failure = CheckPoliciesAndNames();
    if (!failure) return true;
    Note(true, *std::move(failure));
    return false;
  }

  std::optional<Failure> CheckAnchorProfile() const {
    if (!anchor_->HeldToConstraints()) return std::nullopt;
    const auto fault = CheckIssuerProfile(path_.back(), IssuerKind::kAnchor, profile_, inputs_);
    if (!fault) return std::nullopt;
    return Failure{Stage::kProfile, *fault, last(), "anchor"};
  }

  std::optional<Failure> CheckPoliciesAndNames() {
    if (!effective_inputs_) {
      return Failure{Stage::kConstraints, VerdictReason::kPolicyConstraintsViolated, 0,
                     "no initial policy is one of the profile's"};
    }
    const auto anchor = static_cast<size_t>(anchor_ - anchors_.data());
    OpenSslResult result = openssl_anchors_[anchor]->Validate(path_, *effective_inputs_);
    if (result.failure) {
      return Failure{Stage::kConstraints, result.failure->reason, result.failure->cert_index,
                     std::move(result.failure->diagnostic)};
    }
    // After OpenSSL, whose bound on comparisons holds for these too.
    if (const auto index = CheckNamesOfPath(path_, anchor_->HeldToConstraints())) {
      return Failure{Stage::kConstraints, VerdictReason::kNameConstraintsViolated, *index,
                     "a wildcard or a URI's address"};
    }
    user_constrained_policies_ = std::move(result.user_constrained_policies);
    return std::nullopt;
  }

  // RFC 5280 section 6.1.3 (a) (2), for an anchor too that is held to it, and the bounds of its
  // use.
  std::optional<Failure> CheckValidity() const {
    for (size_t i = 0; i < path_.size() - (anchor_->HeldToValidity() ? 0 : 1); ++i) {
      const int index = static_cast<int>(i);
      if (time_ < path_[i].not_before()) {
        return Failure{Stage::kValidity, VerdictReason::kNotYetValid, index, ""};
      }
      if (time_ > path_[i].not_after()) {
        return Failure{Stage::kValidity, VerdictReason::kExpired, index, ""};
      }
    }
    if (time_ < anchor_->not_before_use ||
        (anchor_->distrust_after && time_ > *anchor_->distrust_after)) {
      return Failure{Stage::kValidity, VerdictReason::kIssuerNotInUse, last(), ""};
    }
    return std::nullopt;
  }

  // RFC 5280 section 6.1.4 (k) to (n), for an anchor too that is held to it.
  std::optional<Failure> CheckIssuers() const {
    uint64_t below = 0;  // Intermediates below that are not self-issued.
    for (size_t i = 1; i < path_.size() - (anchor_->HeldToConstraints() ? 0 : 1); ++i) {
      const Certificate& issuer = path_[i];
      const int index = static_cast<int>(i);
      if (!issuer.is_ca()) {
        return Failure{Stage::kConstraints, VerdictReason::kBasicConstraintsViolated, index, ""};
      }
      if (issuer.key_usage() && !issuer.HasKeyUsage(KeyUsage::kKeyCertSign)) {
        return Failure{Stage::kConstraints, VerdictReason::kIssuerKeyUsage, index, ""};
      }
      if (issuer.path_length() && below > *issuer.path_length()) {
        return Failure{Stage::kConstraints, VerdictReason::kPathTooLong, index, ""};
      }
      if (!IsSelfIssued(issuer)) ++below;
    }
    return std::nullopt;
  }

  const std::vector<TrustAnchor>& anchors_;
  const std::vector<std::shared_ptr<const OpenSslAnchor>>& openssl_anchors_;
  const ValidationProfile& profile_;
  const std::span<const Certificate> intermediates_;
  const absl::Time time_;
  const PathInputs& inputs_;
  const std::optional<PathInputs> effective_inputs_;
  const size_t max_intermediates_;

  std::vector<Certificate> path_;
  std::vector<std::string> user_constrained_policies_;
  const TrustAnchor* anchor_ = nullptr;
  std::vector<bool> used_;
  int signature_checks_ = 0;
  bool stopped_ = false;
  std::optional<Failure> failure_;
  std::tuple<bool, size_t, Stage> rank_;
};

PathResult Invalid(VerdictReason reason, int cert_index, absl::Time time, std::string diagnostic) {
  PathResult result;
  result.verdict.status = VerdictStatus::kInvalid;
  result.verdict.reason = reason;
  result.verdict.cert_index = cert_index;
  result.verdict.checked_at = time;
  result.verdict.diagnostic = std::move(diagnostic);
  return result;
}

}  // namespace

ValidationProfile ValidationProfile::Rfc5280() {
  using crypto::KeyType;
  ValidationProfile profile;
  profile.name = "rfc5280";
  profile.allowed_keys = {KeyType::kRsa2048,    KeyType::kRsa3072,   KeyType::kRsa4096,
                          KeyType::kEcP256,     KeyType::kEcP384,    KeyType::kRsaPss2048,
                          KeyType::kRsaPss3072, KeyType::kRsaPss4096};
  profile.allowed_algorithms.assign(crypto::kNamedSignatureAlgorithms.begin(),
                                    crypto::kNamedSignatureAlgorithms.end());
  profile.known_critical_extensions.assign(kProcessedExtensions.begin(),
                                           kProcessedExtensions.end());
  profile.target_may_be_ca = true;
  profile.issuer_identification = IssuerIdentification::kOrdersCandidates;
  profile.max_intermediates = kMaxPathLength;
  profile.time_rule = TimeRule::kAnyTime;
  return profile;
}

PathValidator::PathValidator(std::vector<TrustAnchor> anchors, ValidationProfile profile)
    : anchors_(std::move(anchors)), profile_(std::move(profile)) {
  for (const TrustAnchor& anchor : anchors_) {
    openssl_anchors_.push_back(std::make_shared<const OpenSslAnchor>(anchor));
  }
}

VerdictReason ParseFailure(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? VerdictReason::kTooLarge : VerdictReason::kMalformed;
}

std::optional<VerdictReason> CheckProfile(const Certificate& target,
                                          const ValidationProfile& profile) {
  if (target.version() != 3 && !profile.target_may_be_v1) {
    return VerdictReason::kVersionNotSupported;
  }
  if (const auto fault = CheckAlgorithms(target, profile)) return fault;
  for (const std::string& oid : target.critical_extensions()) {
    if (!Contains(profile.known_critical_extensions, oid)) {
      return VerdictReason::kUnknownCriticalExtension;
    }
  }
  if (!target.view().UnderstandsPolicies()) return VerdictReason::kUnknownCriticalExtension;
  if (profile.required_extended_key_usage &&
      !(target.extended_key_usage() &&
        Contains(*target.extended_key_usage(), *profile.required_extended_key_usage))) {
    return VerdictReason::kWrongExtendedKeyUsage;
  }
  if (target.is_ca() && !profile.target_may_be_ca) return VerdictReason::kCaCertificate;
  const bool conforms =
      profile.conformance == Conformance::kNotAsked ||
      (profile.conformance == Conformance::kTargetForms ? HasConformingForms(target)
                                                        : !CheckConformance(target));
  if (!conforms) return VerdictReason::kProfileMismatch;
  return std::nullopt;
}

bool FitsPurpose(const Certificate& target, const Purpose& purpose) {
  return NamesPurpose(target, purpose.extended_key_usage,
                      purpose.rule == PurposeRule::kNotContradicted);
}

int CompareKeyIdentifiers(const Certificate& subject, const Certificate& issuer) {
  const auto& identifier = subject.authority_key_identifier();
  if (!identifier) return 0;
  int agreement = 0;
  bool contradicted = false;
  auto compare = [&](bool equal) {
    agreement = 1;
    contradicted = contradicted || !equal;
  };
  if (identifier->key_identifier && issuer.subject_key_identifier()) {
    compare(*identifier->key_identifier == *issuer.subject_key_identifier());
  }
  if (identifier->issuer_name_der) {
    compare(SameName(*identifier->issuer_name_der, issuer.issuer_der()));
  }
  if (identifier->serial) compare(base::SameOctets(*identifier->serial, issuer.serial()));
  return contradicted ? -1 : agreement;
}

PathResult PathValidator::Validate(base::ByteView target,
                                   std::span<const base::Bytes> intermediates,
                                   absl::Time validation_time, const PathInputs& inputs) const {
  // Before any parsing: what is too much costs nothing.
  if (intermediates.size() + 1 > kMaxGivenCertificates) {
    return Invalid(VerdictReason::kTooComplex, 0, validation_time, "too many certificates");
  }
  auto parsed = Certificate::Parse(target);
  std::vector<absl::Status> failures{parsed.status()};
  std::vector<Certificate> parsed_intermediates;
  for (const base::Bytes& intermediate : intermediates) {
    auto certificate = Certificate::Parse(intermediate);
    failures.push_back(certificate.status());
    if (certificate.ok()) parsed_intermediates.push_back(*std::move(certificate));
  }
  for (const VerdictReason reason : {VerdictReason::kTooLarge, VerdictReason::kMalformed}) {
    for (size_t i = 0; i < failures.size(); ++i) {
      if (failures[i].ok() || ParseFailure(failures[i]) != reason) continue;
      return Invalid(reason, static_cast<int>(i), validation_time,
                     std::string(failures[i].message()));
    }
  }
  return Validate(*parsed, parsed_intermediates, validation_time, inputs);
}

PathResult PathValidator::Validate(const Certificate& target,
                                   std::span<const Certificate> intermediates,
                                   absl::Time validation_time, const PathInputs& inputs) const {
  if (intermediates.size() + 1 > kMaxGivenCertificates) {
    return Invalid(VerdictReason::kTooComplex, 0, validation_time, "too many certificates");
  }
  if (const auto fault = CheckProfile(target, profile_)) {
    return Invalid(*fault, 0, validation_time, "profile " + profile_.name);
  }
  if (inputs.purpose && !FitsPurpose(target, *inputs.purpose)) {
    return Invalid(VerdictReason::kWrongExtendedKeyUsage, 0, validation_time,
                   "purpose " + inputs.purpose->extended_key_usage);
  }
  PathBuilder builder(anchors_, openssl_anchors_, profile_, intermediates, validation_time, inputs);
  PathResult result;
  result.path = builder.Build(target);
  if (!result.path) {
    const Failure& failure = builder.failure();
    return Invalid(failure.reason, failure.cert_index, validation_time, failure.diagnostic);
  }
  result.user_constrained_policies = std::move(builder.user_constrained_policies());
  result.verdict.status = VerdictStatus::kValid;
  result.verdict.checked_at = validation_time;
  return result;
}

}  // namespace musubi::pki
