// The statement that a card's holder has a name: what our simulated issuer signs during the card
// read. It stands for the card-info applet, whose own signature covers a hash of the My Number and
// so is never used (see docs/adr).
#ifndef MUSUBI_SANDBOX_NAME_STATEMENT_H_
#define MUSUBI_SANDBOX_NAME_STATEMENT_H_

#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "sandbox/private_key.h"

namespace musubi::sandbox {

struct NameStatement {
  std::string name;       // UTF-8: family name, U+3000, given name.
  std::string issuer_id;  // Which key of name-issuers.json signed.
  base::Bytes signature;  // Ed25519 over NameStatementOctets.
};

// NameStatementOctets is "MUSUBI-NAME-STATEMENT", the octet 1, then name, SHA-256 of the challenge
// encoding and SHA-256 of the certificate's DER, each after its length (4 octets, big-endian).
base::Bytes NameStatementOctets(std::string_view name, const base::Hash256& challenge_hash,
                                const base::Hash256& certificate_hash);

// NameIssuer is the simulated issuer's signing half.
struct NameIssuer {
  std::string id;
  PrivateKey key;  // Ed25519.
};

NameStatement SignNameStatement(const NameIssuer& issuer, std::string_view name,
                                base::ByteView challenge, base::ByteView certificate);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_NAME_STATEMENT_H_
