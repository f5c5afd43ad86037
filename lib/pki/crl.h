// One certificate revocation list (RFC 5280 section 5), parsed strictly, and the checks that decide
// whether it may speak for a certificate (section 6.3.3). No I/O, no clock: time is an argument.
// A list with a critical extension that is not understood is refused whole. How lists of all forms
// decide about a path: path_revocation.h.
#ifndef MUSUBI_LIB_PKI_CRL_H_
#define MUSUBI_LIB_PKI_CRL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/certificate.h"
#include "lib/pki/verdict.h"

namespace musubi::pki {

// Largest CRL that Parse takes. A whole country in one list is below it (about 40 octets an entry).
inline constexpr size_t kMaxCrlSize = size_t{256} << 20;

// CrlOutcome says what is wrong with a CRL. Numbers label metrics: never renumber.
enum class CrlOutcome {
  kUnspecified = 0,
  kUsable = 1,
  // Parse.
  kTooLarge = 2,
  kMalformed = 3,            // Not one DER CertificateList, or trailing octets.
  kVersionNotSupported = 4,  // Not v2; where all forms are taken, no v1 either.
  kAlgorithmMismatch = 5,    // signatureAlgorithm differs from tbsCertList.signature.
  kUnknownCriticalExtension = 6,
  kUnknownCriticalEntryExtension = 7,
  kDelta = 8,
  kIndirect = 9,  // indirectCRL, or certificateIssuer in an entry.
  kOnlySomeReasons = 10,
  kDistributionPointNotSupported = 11,  // nameRelativeToCRLIssuer, or a name of another form.
  // Signature.
  kWrongIssuer = 20,       // The issuer's name is not the signer's.
  kSignerNotAllowed = 21,  // The signer's keyUsage lacks cRLSign.
  kAlgorithmNotAllowed = 22,
  kBadSignature = 23,
  // Time.
  kNotYetValid = 30,        // thisUpdate in the future, beyond the skew.
  kStale = 31,              // nextUpdate has passed.
  kNextUpdateMissing = 32,  // RFC 5280 section 5.1.2.5 demands it.
  // Scope.
  kForeignScope = 40,  // For other certificates than those that it is used for.
};

std::string_view Name(CrlOutcome outcome);

// ReasonFlags (RFC 5280 section 4.2.1.13): bit 1 is keyCompromise, ..., bit 8 aACompromise.
using ReasonFlags = uint16_t;
inline constexpr ReasonFlags kAllReasons = 0x1fe;
// ParseReasonFlags reads the content of a BIT STRING; nothing if it is none or names other reasons.
std::optional<ReasonFlags> ParseReasonFlags(base::ByteView content);

// RFC 5280 section 5.2.5.
struct IssuingDistributionPoint {
  std::vector<base::Bytes> directory_names_der;
  std::vector<std::string> uris;
  base::Bytes full_name;      // Content of GeneralNames, names of other forms included; or empty.
  base::Bytes relative_name;  // Content of nameRelativeToCRLIssuer; or empty.
  bool only_user_certificates = false;
  bool only_ca_certificates = false;
  bool only_attribute_certificates = false;
  bool indirect = false;
  std::optional<ReasonFlags> only_some_reasons;

  bool names_distribution_point() const { return !full_name.empty() || !relative_name.empty(); }
};

// One revoked certificate.
struct CrlEntry {
  base::ByteView serial;  // Content octets; a view into the CRL.
  absl::Time revoked_at;
  CrlReason reason = CrlReason::kNotGiven;  // kRemoveFromCrl in a delta only.
  base::ByteView issuer;                    // The certificate's issuer, a whole Name.
};

// Which lists a caller can make sense of.
enum class CrlForms {
  // v2, complete, direct, for all reasons, of a point with a directoryName or a URI.
  kCompleteDirect,
  // Every correct one: v1, deltas, indirect ones, those for some reasons too.
  kAll,
};

class Crl;
struct CrlParseResult;

// ParseCrl takes exactly one DER CertificateList of those forms. `crl` is set if and only if the
// outcome is kUsable, which at this point says nothing about signature, time or scope.
CrlParseResult ParseCrl(base::Bytes der, CrlForms forms = CrlForms::kCompleteDirect);

// Crl is immutable and cheap to copy (shared); thread-safe. Views live as long as any copy.
class Crl {
 public:
  base::ByteView der() const;
  base::ByteView issuer_der() const;  // The whole Name.
  absl::Time this_update() const;
  std::optional<absl::Time> next_update() const;
  // Content octets of cRLNumber, not negative: compare with CompareCrlNumbers.
  const std::optional<base::Bytes>& number() const;
  // That of the complete CRL which a delta starts from (section 5.2.4); nothing: it is complete.
  const std::optional<base::Bytes>& base_number() const;
  // The value of authorityKeyIdentifier and of issuingDistributionPoint; empty if absent.
  base::ByteView authority_key_identifier_der() const;
  base::ByteView issuing_distribution_point_der() const;
  const std::optional<IssuingDistributionPoint>& issuing_distribution_point() const;
  // The date of expiredCertsOnCRL (X.509): entries of certificates that expired since are kept.
  std::optional<absl::Time> expired_certificates_since() const;
  // Whether the list has what RFC 5280 sections 5.1.2.1, 5.1.2.5, 5.2.1, 5.2.3 and 5.2.5 have its
  // issuer write: v2, nextUpdate, authorityKeyIdentifier and cRLNumber, none of these two critical,
  // and issuingDistributionPoint critical if there is one.
  bool conforms() const;

  // Find returns the entry of `serial` (content octets of the INTEGER) of the CRL's own issuer.
  std::optional<CrlEntry> Find(base::ByteView serial) const;
  // The same for a certificate of any issuer: an indirect CRL lists those of several.
  std::optional<CrlEntry> Find(base::ByteView serial, base::ByteView issuer_der) const;
  // Sorted by serial: shorter first, then by octets.
  const std::vector<CrlEntry>& entries() const;

  struct Parsed;
  // Which list this is: equal (std::owner_less) for copies of one, and never that of another, also
  // when this one is gone. Does not keep it alive.
  using Identity = std::weak_ptr<const Parsed>;
  Identity identity() const { return parsed_; }

  explicit Crl(std::shared_ptr<const Parsed> parsed);
  const Parsed& parsed() const { return *parsed_; }

 private:
  std::shared_ptr<const Parsed> parsed_;
};

struct CrlParseResult {
  CrlOutcome outcome = CrlOutcome::kUnspecified;
  std::optional<Crl> crl;
};

// CheckCrlSignature returns kUsable if `signer` (already trusted by the caller) signed the CRL and
// may sign CRLs (cRLSign, if it has a keyUsage): kWrongIssuer, kSignerNotAllowed,
// kAlgorithmNotAllowed or kBadSignature otherwise.
CrlOutcome CheckCrlSignature(const Crl& crl, const Certificate& signer);

// CheckCrlTime returns kUsable if the CRL is in force at `now`: kNotYetValid, kStale or
// kNextUpdateMissing otherwise. `skew` is granted to thisUpdate only.
CrlOutcome CheckCrlTime(const Crl& crl, absl::Time now, absl::Duration skew);
CrlOutcome CheckCrlTime(absl::Time this_update, const std::optional<absl::Time>& next_update,
                        absl::Time now, absl::Duration skew);

// CheckCrlScope returns kUsable if "not listed" says something about `target`, kForeignScope
// otherwise (RFC 5280 section 6.3.3 (b) (2)). It compares no issuers: see CheckCrlSignature.
CrlOutcome CheckCrlScope(const Crl& crl, const Certificate& target);

// CompareCrlNumbers orders two cRLNumbers: negative, 0 or positive, as memcmp does.
int CompareCrlNumbers(base::ByteView a, base::ByteView b);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CRL_H_
