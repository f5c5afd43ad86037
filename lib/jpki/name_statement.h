// The name on the card, stated by an issuer of ours. The real applet's own signature covers a hash
// of the My Number and is never taken: production gets attributes from a licensed operator.
#ifndef MUSUBI_LIB_JPKI_NAME_STATEMENT_H_
#define MUSUBI_LIB_JPKI_NAME_STATEMENT_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/crypto/ed25519.h"
#include "lib/pki/verdict.h"

namespace musubi::jpki {

// Longest name, in octets of UTF-8. The card's own field is far shorter.
inline constexpr size_t kMaxNameLength = 256;

// The issuers that may state a name: key id -> public key.
class NameIssuers {
 public:
  // Load reads {"version":1,"issuers":[{"id":"sim-1","ed25519_public_key":"<base64url, 32
  // octets>"}]}. INVALID_ARGUMENT names the file, the entry, the rule and the fix.
  static absl::StatusOr<NameIssuers> Load(const std::string& path);
  static absl::StatusOr<NameIssuers> Parse(std::string_view json, const std::string& source);

  // The key of this id, or nullptr.
  const crypto::Ed25519PublicKey* Find(std::string_view id) const;

 private:
  std::map<std::string, crypto::Ed25519PublicKey, std::less<>> keys_;
};

struct NameStatement {
  base::Secret<std::string> name;  // UTF-8
  std::string issuer_key_id;
  base::Hash256 challenge_hash{};    // SHA-256 of the challenge that it was made for.
  base::Hash256 certificate_hash{};  // SHA-256 of the certificate of the card that was read.
  base::Bytes signature;             // Ed25519
};

// EncodeNameStatement writes what the issuer signs: "MUSUBI-NAME-STATEMENT", version 1, and with 4
// octets of length each: name, SHA-256 of the challenge, SHA-256 of the certificate.
base::Secret<base::Bytes> EncodeNameStatement(std::string_view name,
                                              const base::Hash256& challenge_hash,
                                              const base::Hash256& certificate_hash);

// CheckNameStatement returns kUnspecified if `statement` is good for this challenge and this card,
// kNameStatementInvalid for a wrong form, issuer or signature, kNameStatementMismatch if the issuer
// did state it, but for another challenge or another card.
pki::VerdictReason CheckNameStatement(const NameIssuers& issuers, const NameStatement& statement,
                                      const base::Hash256& challenge_hash,
                                      const base::Hash256& certificate_hash);

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_NAME_STATEMENT_H_
