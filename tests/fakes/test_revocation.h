// CRLs and OCSP responses for tests: right ones, of which a test changes one thing. As with
// test_ca.h nothing is checked, so that a wrong one comes out as it was described.
#ifndef MUSUBI_TESTS_FAKES_TEST_REVOCATION_H_
#define MUSUBI_TESTS_FAKES_TEST_REVOCATION_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"
#include "lib/pki/certificate.h"
#include "lib/pki/ocsp.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_key.h"

namespace musubi::fakes {

inline constexpr std::string_view kCrlNumberOid = "2.5.29.20";
inline constexpr std::string_view kReasonCodeOid = "2.5.29.21";
inline constexpr std::string_view kDeltaCrlIndicatorOid = "2.5.29.27";
inline constexpr std::string_view kIssuingDistributionPointOid = "2.5.29.28";
inline constexpr std::string_view kCertificateIssuerOid = "2.5.29.29";
inline constexpr std::string_view kNocheckOid = "1.3.6.1.5.5.7.48.1.5";
inline constexpr std::string_view kOcspNonceOid = "1.3.6.1.5.5.7.48.1.2";
inline constexpr std::string_view kOcspSigningOid = "1.3.6.1.5.5.7.3.9";
// An extension or algorithm that nobody knows.
inline constexpr std::string_view kUnheardOfOid = "2.999.7.7";

// sha1WithRSAEncryption, the AlgorithmIdentifier.
base::Bytes Sha1WithRsaAlgorithm();

// Replaces the extension in its place, or adds it at the end.
void SetExtension(std::vector<ExtensionSpec>& extensions, std::string_view oid, bool critical,
                  base::Bytes value);
void RemoveExtension(std::vector<ExtensionSpec>& extensions, std::string_view oid);

struct CrlEntrySpec {
  base::Bytes serial;  // Content octets.
  absl::Time revoked_at;
  std::vector<ExtensionSpec> extensions = {};
};

struct CrlSpec {
  std::optional<uint64_t> version = 1;  // 1 says v2. Nothing: v1.
  base::Bytes issuer;
  absl::Time this_update;
  std::optional<absl::Time> next_update;
  std::vector<CrlEntrySpec> entries;
  std::vector<ExtensionSpec> extensions;
  // In place of what follows from the signing key.
  std::optional<base::Bytes> inner_algorithm;
  std::optional<base::Bytes> outer_algorithm;
  std::optional<crypto::SignatureAlgorithm> signed_with;

  CrlSpec& Set(std::string_view oid, bool critical, base::Bytes value);
  CrlSpec& Revoke(base::ByteView serial, absl::Time at, std::optional<uint64_t> reason = {});
};

// A list of `ca` for one distribution point (none if empty): good for 48 h from `this_update`.
CrlSpec MakeCrlSpec(const TestCa& ca, base::ByteView distribution_point, uint64_t number,
                    absl::Time this_update);
base::Bytes IssueCrl(const CrlSpec& spec, const TestKey& signer);

// The value of an IDP: parts in order, each a whole DER element.
base::Bytes IdpValue(std::initializer_list<base::ByteView> parts);
// The distributionPoint part with one directoryName.
base::Bytes IdpDirectoryName(base::ByteView name);

// A certificate of `ca` that may sign OCSP responses: with the EKU and nocheck.
CertificateSpec OcspDelegateSpec(const TestCa& ca, const TestKey& key);

// CertID of a certificate of `issuer`.
base::Bytes CertIdDer(const pki::Certificate& issuer, base::ByteView serial,
                      pki::CertIdHash hash = pki::CertIdHash::kSha256);
base::Bytes ResponderByName(const pki::Certificate& responder);
base::Bytes ResponderByKey(const TestKey& key);

struct OcspAnswerSpec {
  base::Bytes cert_id;
  base::Bytes status;  // OcspGood() and so on.
  absl::Time this_update;
  std::optional<absl::Time> next_update;
  std::vector<ExtensionSpec> extensions = {};
};

base::Bytes OcspGood();
base::Bytes OcspUnknown();
base::Bytes OcspRevoked(absl::Time at, std::optional<uint64_t> reason = {});

struct OcspSpec {
  uint64_t response_status = 0;  // Other than 0: nothing else is written.
  std::string_view response_type = "1.3.6.1.5.5.7.48.1.1";
  std::optional<uint64_t> version;
  base::Bytes responder;
  absl::Time produced_at;
  std::vector<OcspAnswerSpec> answers;
  std::vector<ExtensionSpec> extensions;
  std::vector<base::Bytes> certificates;
  // In place of what follows from the signing key.
  std::optional<base::Bytes> algorithm;
  std::optional<crypto::SignatureAlgorithm> signed_with;

  // Echoes a nonce.
  OcspSpec& Nonce(base::ByteView nonce);
};

base::Bytes IssueOcsp(const OcspSpec& spec, const TestKey& signer);

// The nonce of a DER OCSPRequest that lib/pki built; empty if it has none.
base::Bytes NonceOfRequest(base::ByteView request);

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_TEST_REVOCATION_H_
