#include "lib/jpki/gate.h"

#include <algorithm>

namespace musubi::jpki {
namespace {

using pki::VerdictReason;

constexpr std::string_view kKeyUsageOid = "2.5.29.15";
constexpr std::string_view kCertificatePoliciesOid = "2.5.29.32";
constexpr std::string_view kClientAuthOid = "1.3.6.1.5.5.7.3.2";

std::optional<VerdictReason> CheckKind(const pki::Certificate& certificate,
                                       const Hierarchy& hierarchy) {
  auto has = [&](CertificateKind kind) {
    return std::any_of(certificate.policies().begin(), certificate.policies().end(),
                       [&](const std::string& oid) { return hierarchy.KindOf(oid) == kind; });
  };
  if (has(CertificateKind::kDigitalSignature)) return VerdictReason::kDigitalSignatureCertificate;
  if (has(CertificateKind::kPhone)) return VerdictReason::kPhoneCertificate;
  if (has(CertificateKind::kTest)) return VerdictReason::kTestHierarchy;
  const bool all_known =
      std::all_of(certificate.policies().begin(), certificate.policies().end(),
                  [&](const std::string& oid) { return hierarchy.KindOf(oid).has_value(); });
  if (certificate.policies().empty() || !all_known) return VerdictReason::kUnknownPolicy;
  return std::nullopt;
}

bool IsCriticalAndExactlyDigitalSignature(const pki::Certificate& certificate) {
  const auto& critical = certificate.critical_extensions();
  return certificate.key_usage() == static_cast<uint16_t>(pki::KeyUsage::kDigitalSignature) &&
         std::find(critical.begin(), critical.end(), kKeyUsageOid) != critical.end();
}

}  // namespace

std::optional<VerdictReason> CheckCardProfile(const pki::Certificate& certificate,
                                              const Hierarchy& hierarchy) {
  if (certificate.version() != 3) return VerdictReason::kVersionNotSupported;
  if (certificate.is_ca()) return VerdictReason::kCaCertificate;
  if (const auto reason = CheckKind(certificate, hierarchy)) return reason;
  // Algorithm, key, critical extensions; extendedKeyUsage and forms have their turn below.
  const pki::ValidationProfile profile = CardProfile(hierarchy);
  const auto reason = pki::CheckProfile(certificate, profile);
  const bool later =
      reason == VerdictReason::kWrongExtendedKeyUsage || reason == VerdictReason::kProfileMismatch;
  if (reason && !later) return reason;
  if (!IsCriticalAndExactlyDigitalSignature(certificate)) return VerdictReason::kWrongKeyUsage;
  if (reason) return reason;
  if (!certificate.policies_critical()) return VerdictReason::kProfileMismatch;
  return std::nullopt;
}

pki::ValidationProfile CardProfile(const Hierarchy& hierarchy) {
  pki::ValidationProfile profile;
  profile.name = "jpki-card";
  profile.allowed_keys = {crypto::KeyType::kRsa2048, crypto::KeyType::kEcP384};
  profile.allowed_algorithms = {crypto::SignatureAlgorithm::kRsaPkcs1Sha256,
                                crypto::SignatureAlgorithm::kEcdsaP384Sha384};
  profile.known_critical_extensions = {std::string(kKeyUsageOid),
                                       std::string(kCertificatePoliciesOid)};
  profile.required_extended_key_usage = std::string(kClientAuthOid);
  profile.required_policies = hierarchy.PoliciesOf(CertificateKind::kUserAuthentication);
  profile.issuer_identification = pki::IssuerIdentification::kMustAgree;
  profile.role = pki::AnchorRole::kUserAuthentication;
  profile.max_intermediates = 0;
  profile.time_rule = pki::TimeRule::kNowOnly;
  return profile;
}

}  // namespace musubi::jpki
