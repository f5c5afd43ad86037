#include "lib/jpki/gate.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include <algorithm>
#include <memory>
#include <string>

#include "lib/base/c_deleter.h"
#include "lib/crypto/signature.h"

namespace musubi::jpki {
namespace {

using base::ByteView;
using pki::CertificateView;
using pki::VerdictReason;

constexpr std::string_view kKeyUsageOid = "2.5.29.15";
constexpr std::string_view kCertificatePoliciesOid = "2.5.29.32";
constexpr std::string_view kClientAuthOid = "1.3.6.1.5.5.7.3.2";

constexpr CertificateKind kKinds[] = {CertificateKind::kUserAuthentication,
                                      CertificateKind::kDigitalSignature, CertificateKind::kPhone,
                                      CertificateKind::kTest};

constexpr unsigned Bit(CertificateKind kind) { return 1U << static_cast<unsigned>(kind); }

// RFC 5280 section 4.1.2.2.
bool IsConformingSerial(ByteView serial) {
  return serial.size() <= 20 && (serial[0] & 0x80) == 0 && !(serial.size() == 1 && serial[0] == 0);
}

bool HasOtherCriticalExtension(const CertificateView& certificate) {
  pki::ExtensionCursor extensions = certificate.Extensions();
  while (const auto extension = extensions.Next()) {
    if (extension->critical && !std::ranges::equal(extension->oid, pki::oid::kKeyUsage) &&
        !std::ranges::equal(extension->oid, pki::oid::kCertificatePolicies)) {
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<CardGate> CardGate::Create(const Hierarchy& hierarchy) {
  std::vector<Policy> policies;
  for (const CertificateKind kind : kKinds) {
    for (const std::string& text : hierarchy.PoliciesOf(kind)) {
      const std::unique_ptr<ASN1_OBJECT, base::CDeleter<ASN1_OBJECT_free>> oid(
          OBJ_txt2obj(text.c_str(), /*no_name=*/1));
      if (oid == nullptr) {
        ERR_clear_error();
        return absl::InvalidArgumentError("policies: \"" + text +
                                          "\" is no OID that a certificate can hold: the second "
                                          "number is below 40 unless the first is 2");
      }
      const uint8_t* content = OBJ_get0_data(oid.get());
      policies.push_back({base::Bytes(content, content + OBJ_length(oid.get())), kind});
    }
  }
  return CardGate(std::move(policies));
}

std::optional<VerdictReason> CardGate::CheckKind(const CertificateView& certificate) const {
  unsigned kinds = 0;
  bool all_known = true;
  pki::OidCursor policies = certificate.Policies();
  while (const auto oid = policies.Next()) {
    const auto policy = std::ranges::find_if(
        policies_, [&](const Policy& known) { return std::ranges::equal(known.oid, *oid); });
    if (policy == policies_.end()) {
      all_known = false;
    } else {
      kinds |= Bit(policy->kind);
    }
  }
  if (kinds & Bit(CertificateKind::kDigitalSignature)) {
    return VerdictReason::kDigitalSignatureCertificate;
  }
  if (kinds & Bit(CertificateKind::kPhone)) return VerdictReason::kPhoneCertificate;
  if (kinds & Bit(CertificateKind::kTest)) return VerdictReason::kTestHierarchy;
  if (kinds == 0 || !all_known) return VerdictReason::kUnknownPolicy;
  return std::nullopt;
}

std::optional<VerdictReason> CardGate::Check(const CertificateView& certificate) const {
  using crypto::KeyType;
  using crypto::SignatureAlgorithm;
  if (certificate.version != 3) return VerdictReason::kVersionNotSupported;
  if (certificate.is_ca) return VerdictReason::kCaCertificate;
  if (const auto reason = CheckKind(certificate)) return reason;
  const auto& algorithm = certificate.signature_algorithm;
  if (algorithm != SignatureAlgorithm::kRsaPkcs1Sha256 &&
      algorithm != SignatureAlgorithm::kEcdsaP384Sha384) {
    return VerdictReason::kAlgorithmNotAllowed;
  }
  if (certificate.key_type != KeyType::kRsa2048 && certificate.key_type != KeyType::kEcP384) {
    return VerdictReason::kKeyNotAllowed;
  }
  if (HasOtherCriticalExtension(certificate) || !certificate.UnderstandsPolicies()) {
    return VerdictReason::kUnknownCriticalExtension;
  }
  if (!certificate.key_usage_critical ||
      certificate.key_usage != static_cast<uint16_t>(pki::KeyUsage::kDigitalSignature)) {
    return VerdictReason::kWrongKeyUsage;
  }
  if (!certificate.HasExtendedKeyUsage(pki::oid::kClientAuth)) {
    return VerdictReason::kWrongExtendedKeyUsage;
  }
  if (!IsConformingSerial(certificate.serial) || !certificate.validity_form_conforms ||
      !certificate.policies_critical) {
    return VerdictReason::kProfileMismatch;
  }
  return std::nullopt;
}

bool HasPlainExtensions(const CertificateView& certificate) {
  static constexpr ByteView kPlain[] = {
      pki::oid::kKeyUsage,
      pki::oid::kExtendedKeyUsage,
      pki::oid::kCertificatePolicies,
      pki::oid::kIssuerAltName,
      pki::oid::kCrlDistributionPoints,
      pki::oid::kAuthorityInfoAccess,
      pki::oid::kAuthorityKeyIdentifier,
      pki::oid::kSubjectKeyIdentifier,
  };
  pki::ExtensionCursor extensions = certificate.Extensions();
  while (const auto extension = extensions.Next()) {
    if (std::ranges::none_of(
            kPlain, [&](ByteView oid) { return std::ranges::equal(oid, extension->oid); })) {
      return false;
    }
  }
  return true;
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
