#include "lib/jpki/gate.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include <algorithm>
#include <memory>
#include <string>

#include "lib/base/c_deleter.h"
#include "lib/base/same_octets.h"
#include "lib/crypto/signature.h"

namespace musubi::jpki {
namespace {

using base::ByteView;
using base::SameOctets;
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

// The n of id-ce-n, 2.5.29.n, below 64; else 0, which is none of any use here.
unsigned StandardExtension(ByteView oid) {
  return oid.size() == 3 && oid[0] == 0x55 && oid[1] == 0x1d && oid[2] < 64 ? oid[2] : 0;
}
constexpr uint64_t BitOf(const uint8_t (&oid)[3]) { return uint64_t{1} << oid[2]; }

// What the gate and the choice of the path ask of the extensions as a whole.
struct Extensions {
  bool plain = true;
  bool other_critical = false;  // Than keyUsage and certificatePolicies.
};

Extensions LookAtExtensions(const CertificateView& certificate) {
  constexpr uint64_t kMayBeCritical =
      BitOf(pki::oid::kKeyUsage) | BitOf(pki::oid::kCertificatePolicies);
  constexpr uint64_t kPlain =
      kMayBeCritical | BitOf(pki::oid::kExtendedKeyUsage) | BitOf(pki::oid::kIssuerAltName) |
      BitOf(pki::oid::kCrlDistributionPoints) | BitOf(pki::oid::kAuthorityKeyIdentifier) |
      BitOf(pki::oid::kSubjectKeyIdentifier);
  Extensions found;
  pki::ExtensionCursor extensions = certificate.Extensions();
  while (const auto extension = extensions.Next()) {
    const uint64_t bit = uint64_t{1} << StandardExtension(extension->oid);
    if (extension->critical && (bit & kMayBeCritical) == 0) found.other_critical = true;
    if ((bit & kPlain) == 0 && !SameOctets(extension->oid, pki::oid::kAuthorityInfoAccess)) {
      found.plain = false;
    }
  }
  return found;
}

// How it is made, after what it is.
std::optional<VerdictReason> CheckMaking(const CertificateView& certificate,
                                         bool other_critical_extension) {
  using crypto::KeyType;
  using crypto::SignatureAlgorithm;
  const auto& algorithm = certificate.signature_algorithm;
  if (algorithm != SignatureAlgorithm::kRsaPkcs1Sha256 &&
      algorithm != SignatureAlgorithm::kEcdsaP384Sha384) {
    return VerdictReason::kAlgorithmNotAllowed;
  }
  if (certificate.key_type != KeyType::kRsa2048 &&
      !(certificate.key_type == KeyType::kEcP384 && crypto::HasValidPoint(certificate.spki))) {
    return VerdictReason::kKeyNotAllowed;
  }
  if (other_critical_extension || !certificate.UnderstandsPolicies()) {
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
        policies_, [&](const Policy& known) { return SameOctets(known.oid, *oid); });
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

GateFinding CardGate::Check(const CertificateView& certificate) const {
  if (certificate.version != 3) return {VerdictReason::kVersionNotSupported};
  if (certificate.is_ca) return {VerdictReason::kCaCertificate};
  if (const auto reason = CheckKind(certificate)) return {reason};
  const Extensions extensions = LookAtExtensions(certificate);
  return {CheckMaking(certificate, extensions.other_critical), extensions.plain};
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
