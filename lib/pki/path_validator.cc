#include "lib/pki/path_validator.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>

#include "lib/base/check.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

template <typename List, typename Value>
bool Contains(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Critical extensions of intermediates: all that OpenSSL and we process (RFC 5280 section 6.1).
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

// RFC 5280 section 4.1.2.2.
bool IsConformingSerial(base::ByteView serial) {
  return serial.size() <= 20 && (serial[0] & 0x80) == 0 && !(serial.size() == 1 && serial[0] == 0);
}

std::optional<VerdictReason> CheckAlgorithms(const Certificate& certificate,
                                             const ValidationProfile& profile) {
  const auto algorithm = certificate.signature_algorithm();
  if (!algorithm || !Contains(profile.allowed_algorithms, *algorithm)) {
    return VerdictReason::kAlgorithmNotAllowed;
  }
  const auto key = certificate.key_type();
  if (!key || !Contains(profile.allowed_keys, *key)) return VerdictReason::kKeyNotAllowed;
  return std::nullopt;
}

std::optional<VerdictReason> CheckIntermediateProfile(const Certificate& certificate,
                                                      const ValidationProfile& profile) {
  if (certificate.version() != 3) return VerdictReason::kVersionNotSupported;
  if (const auto fault = CheckAlgorithms(certificate, profile)) return fault;
  for (const std::string& oid : certificate.critical_extensions()) {
    if (!Contains(kProcessedExtensions, oid)) return VerdictReason::kUnknownCriticalExtension;
  }
  return std::nullopt;
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

// Path validation by OpenSSL of one path, whose signatures, times and CA bits are checked already:
// what remains are policies and name constraints, and a second opinion about everything else.
class OpenSslPath {
 public:
  OpenSslPath(const std::vector<Certificate>& path, const ValidationProfile& profile)
      : path_(path), profile_(profile) {}

  std::optional<Failure> Check() {
    for (size_t i = 0; i < path_.size(); ++i) {
      x509_.push_back(Read(path_[i].der()));
      if (x509_.back() == nullptr) {
        return Failure{Stage::kConstraints, VerdictReason::kMalformed, static_cast<int>(i),
                       "OpenSSL takes it for malformed"};
      }
    }
    std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                  X509_STORE_free);
    std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                            X509_STORE_CTX_free);
    // Not owning: x509_ holds the certificates.
    std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> untrusted(sk_X509_new_null(),
                                                                         FreeStack);
    std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> trusted(sk_X509_new_null(),
                                                                       FreeStack);
    MUSUBI_CHECK(store && context && untrusted && trusted, "out of memory");
    for (size_t i = 1; i + 1 < path_.size(); ++i) sk_X509_push(untrusted.get(), At(i));
    sk_X509_push(trusted.get(), At(path_.size() - 1));
    X509_STORE_set_check_issued(store.get(), IsNextInPath);
    MUSUBI_CHECK(X509_STORE_CTX_init(context.get(), store.get(), At(0), untrusted.get()) == 1,
                 "cannot start a validation");
    X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
    X509_STORE_CTX_set_app_data(context.get(), this);
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
    unsigned long flags =
        X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_POLICY_CHECK;
    // Without any initial policy OpenSSL refuses every path that requires an explicit one.
    static const std::vector<std::string> kAnyPolicy = {"2.5.29.32.0"};
    const bool any = profile_.required_policies.empty();
    if (!any) flags |= X509_V_FLAG_EXPLICIT_POLICY;
    for (const std::string& policy : any ? kAnyPolicy : profile_.required_policies) {
      ASN1_OBJECT* oid = OBJ_txt2obj(policy.c_str(), /*no_name=*/1);
      MUSUBI_CHECK(oid != nullptr && X509_VERIFY_PARAM_add0_policy(param, oid) == 1,
                   "a required policy is no OID");
    }
    X509_VERIFY_PARAM_set_flags(param, flags);
    X509_VERIFY_PARAM_set_depth(param, static_cast<int>(kMaxPathLength));
    const bool ok = X509_verify_cert(context.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context.get());
    const int depth = X509_STORE_CTX_get_error_depth(context.get());
    ERR_clear_error();
    if (ok && error == X509_V_OK) return std::nullopt;
    return Failure{Stage::kConstraints, ReasonOf(error), depth,
                   X509_verify_cert_error_string(error)};
  }

 private:
  static void FreeStack(STACK_OF(X509) * stack) { sk_X509_free(stack); }

  struct Deleter {
    void operator()(X509* x509) const { X509_free(x509); }
  };
  using OwnedX509 = std::unique_ptr<X509, Deleter>;

  // Null if OpenSSL refuses it.
  static OwnedX509 Read(base::ByteView der) {
    const uint8_t* at = der.data();
    OwnedX509 x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    const bool whole = x509 != nullptr && at == der.data() + der.size() &&
                       (X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) == 0;
    if (!whole) x509.reset();
    ERR_clear_error();
    return x509;
  }

  X509* At(size_t i) const { return x509_[i].get(); }

  // Replaces OpenSSL's search for issuers by the path that was found: it compares key identifiers
  // as if they decided, and never tries a second candidate.
  static int IsNextInPath(X509_STORE_CTX* context, X509* subject, X509* issuer) {
    const auto* self = static_cast<const OpenSslPath*>(X509_STORE_CTX_get_app_data(context));
    const size_t last = self->path_.size() - 1;
    for (size_t i = 0; i < last; ++i) {
      if (self->At(i) == subject && self->At(i + 1) == issuer) return 1;
    }
    const bool asks_anchor_itself = subject == issuer && subject == self->At(last);
    return asks_anchor_itself && IsSelfIssued(self->path_[last]) ? 1 : 0;
  }

  static VerdictReason ReasonOf(int error) {
    switch (error) {
      case X509_V_ERR_PERMITTED_VIOLATION:
      case X509_V_ERR_EXCLUDED_VIOLATION:
      case X509_V_ERR_SUBTREE_MINMAX:
      case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
      case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
      case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
        return VerdictReason::kNameConstraintsViolated;
      case X509_V_ERR_NO_EXPLICIT_POLICY:
      case X509_V_ERR_INVALID_POLICY_EXTENSION:
        return VerdictReason::kPolicyConstraintsViolated;
      case X509_V_ERR_INVALID_CA:
      case X509_V_ERR_INVALID_NON_CA:
        return VerdictReason::kBasicConstraintsViolated;
      case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        return VerdictReason::kIssuerKeyUsage;
      case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return VerdictReason::kPathTooLong;
      case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
        return VerdictReason::kUnknownCriticalExtension;
      case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return VerdictReason::kBadIssuerSignature;
      // What it answers when its own bounds on policy nodes or name comparisons are exceeded.
      case X509_V_ERR_OUT_OF_MEM:
      case X509_V_ERR_UNSPECIFIED:
      case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return VerdictReason::kTooComplex;
      default:
        return VerdictReason::kProfileMismatch;
    }
  }

  const std::vector<Certificate>& path_;
  const ValidationProfile& profile_;
  std::vector<OwnedX509> x509_;  // Of path_, made for this check only.
};

// PathBuilder looks for a path depth first, and keeps the failure that got furthest.
class PathBuilder {
 public:
  PathBuilder(const std::vector<TrustAnchor>& anchors, const ValidationProfile& profile,
              std::span<const Certificate> intermediates, absl::Time time)
      : anchors_(anchors),
        profile_(profile),
        intermediates_(intermediates),
        time_(time),
        used_(intermediates.size(), false) {}

  // The path, or nothing and failure().
  std::optional<ValidatedPath> Build(const Certificate& target) {
    path_.push_back(target);
    if (Extend()) return ValidatedPath{std::move(path_), anchor_->id};
    return std::nullopt;
  }
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
    for (size_t i = 0; i < intermediates_.size() && path_.size() <= profile_.max_intermediates;
         ++i) {
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
    const auto algorithm = subject.signature_algorithm();
    MUSUBI_CHECK(algorithm.has_value(), "the profile let an unknown algorithm through");
    if (candidate.anchor != nullptr) {
      const auto key = issuer.key_type();
      if (!key ||
          !Contains(candidate.anchor->allowed_algorithms, KeyedAlgorithm{*key, *algorithm})) {
        Note(false, {Stage::kProfile, VerdictReason::kAlgorithmNotAllowed, last(),
                     "not an algorithm of anchor " + candidate.anchor->id});
        return false;
      }
    }
    if (signature_checks_ == kMaxSignatureChecks) {
      NoteTooComplex(Stage::kIssuerSignature, "too many signature checks");
      return false;
    }
    ++signature_checks_;
    if (!crypto::VerifySignature(*algorithm, issuer.spki_der(), subject.tbs_der(),
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
    if (const auto fault = CheckIntermediateProfile(path_.back(), profile_)) {
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
    auto failure = CheckValidity();
    if (!failure) failure = CheckIssuers();
    if (!failure) failure = OpenSslPath(path_, profile_).Check();
    if (!failure) return true;
    Note(true, *std::move(failure));
    return false;
  }

  // RFC 5280 section 6.1.3 (a) (2), for the anchor too, and the bounds of its use.
  std::optional<Failure> CheckValidity() const {
    for (size_t i = 0; i < path_.size(); ++i) {
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

  // RFC 5280 section 6.1.4 (k) to (n), for the anchor too.
  std::optional<Failure> CheckIssuers() const {
    uint64_t below = 0;  // Intermediates below that are not self-issued.
    for (size_t i = 1; i < path_.size(); ++i) {
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
  const ValidationProfile& profile_;
  const std::span<const Certificate> intermediates_;
  const absl::Time time_;

  std::vector<Certificate> path_;
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
  using crypto::SignatureAlgorithm;
  ValidationProfile profile;
  profile.name = "rfc5280";
  profile.allowed_keys = {KeyType::kRsa2048, KeyType::kRsa3072, KeyType::kRsa4096, KeyType::kEcP256,
                          KeyType::kEcP384};
  profile.allowed_algorithms = {
      SignatureAlgorithm::kRsaPkcs1Sha256, SignatureAlgorithm::kRsaPssSha256,
      SignatureAlgorithm::kEcdsaP256Sha256, SignatureAlgorithm::kEcdsaP384Sha384};
  profile.known_critical_extensions.assign(kProcessedExtensions.begin(),
                                           kProcessedExtensions.end());
  profile.target_may_be_ca = true;
  profile.issuer_identification = IssuerIdentification::kOrdersCandidates;
  profile.max_intermediates = kMaxPathLength;
  profile.time_rule = TimeRule::kAnyTime;
  return profile;
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
  if (profile.required_extended_key_usage &&
      !(target.extended_key_usage() &&
        Contains(*target.extended_key_usage(), *profile.required_extended_key_usage))) {
    return VerdictReason::kWrongExtendedKeyUsage;
  }
  if (target.is_ca() && !profile.target_may_be_ca) return VerdictReason::kCaCertificate;
  if (profile.rfc5280_forms_required &&
      !(IsConformingSerial(target.serial()) && target.validity_form_conforms())) {
    return VerdictReason::kProfileMismatch;
  }
  return std::nullopt;
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
  if (identifier->serial) compare(std::ranges::equal(*identifier->serial, issuer.serial()));
  return contradicted ? -1 : agreement;
}

PathResult PathValidator::Validate(base::ByteView target,
                                   std::span<const base::Bytes> intermediates,
                                   absl::Time validation_time) const {
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
  return Validate(*parsed, parsed_intermediates, validation_time);
}

PathResult PathValidator::Validate(const Certificate& target,
                                   std::span<const Certificate> intermediates,
                                   absl::Time validation_time) const {
  if (intermediates.size() + 1 > kMaxGivenCertificates) {
    return Invalid(VerdictReason::kTooComplex, 0, validation_time, "too many certificates");
  }
  if (const auto fault = CheckProfile(target, profile_)) {
    return Invalid(*fault, 0, validation_time, "profile " + profile_.name);
  }
  PathBuilder builder(anchors_, profile_, intermediates, validation_time);
  PathResult result;
  result.path = builder.Build(target);
  if (!result.path) {
    const Failure& failure = builder.failure();
    return Invalid(failure.reason, failure.cert_index, validation_time, failure.diagnostic);
  }
  result.verdict.status = VerdictStatus::kValid;
  result.verdict.checked_at = validation_time;
  return result;
}

}  // namespace musubi::pki
