// A My Number Card in a file: key, certificate, holder's name, and two PINs with their counters of
// tries. What it does not have: a My Number, and any secrecy against whoever holds the file.
#ifndef MUSUBI_SANDBOX_VIRTUAL_CARD_H_
#define MUSUBI_SANDBOX_VIRTUAL_CARD_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/name_statement.h"
#include "sandbox/private_key.h"

namespace musubi::sandbox {

// Tries that each PIN has; a right PIN gives them back, and after the last wrong one the PIN is
// locked for good (a real card is reset at a municipality).
inline constexpr int kPinTries = 3;

enum class Pin { kAuthentication, kCardInfo };

// VirtualCard is thread-safe, and so are several of them on one file: counters are read and written
// under a lock on FILE.lock.
class VirtualCard {
 public:
  struct Contents {
    CardKind kind = CardKind::kUserAuthentication;
    base::Bytes certificate;
    PrivateKey key;
    std::string holder_name;
    base::Secret<std::string> authentication_pin;  // 4 digits.
    base::Secret<std::string> card_info_pin;       // 4 digits.
    // Sandbox only: a real card reads attributes out, and an operator vouches for them. Here the
    // issuer's key lies in the card, so that a card file is all that a journey needs.
    NameIssuer name_issuer;
  };

  // CheckPin holds PINs to their form: INVALID_ARGUMENT unless `given` is 4 digits.
  static absl::Status CheckPin(Pin pin, std::string_view given);

  // Write makes a new card at `path`, closed to others (0600). INVALID_ARGUMENT if a PIN is not 4
  // digits.
  static absl::Status Write(const std::string& path, const Contents& contents);

  // Load opens a card. FAILED_PRECONDITION if others may open the file; INVALID_ARGUMENT names the
  // member that is wrong.
  static absl::StatusOr<std::unique_ptr<VirtualCard>> Load(const std::string& path);

  // The DER of the certificate: anybody may read it, no PIN.
  const base::Bytes& ReadCertificate() const { return contents_.certificate; }
  CardKind kind() const { return contents_.kind; }
  KeyType key_type() const { return contents_.key.type(); }

  // Sign hashes `message` and signs the hash: PKCS #1 v1.5 with SHA-256 for RSA, ECDSA with
  // SHA-384 for P-384. A wrong PIN is PERMISSION_DENIED and costs a try, a locked one
  // FAILED_PRECONDITION, one that is not 4 digits INVALID_ARGUMENT and costs nothing.
  absl::StatusOr<base::Bytes> Sign(std::string_view authentication_pin, base::ByteView message);

  // ReadName returns the holder's name, tied to this challenge encoding and this card. PIN errors
  // as in Sign.
  absl::StatusOr<NameStatement> ReadName(std::string_view card_info_pin, base::ByteView challenge);

  // TriesLeft reads the counter as it is now.
  absl::StatusOr<int> TriesLeft(Pin pin) const;

 private:
  VirtualCard(std::string path, Contents contents)
      : path_(std::move(path)), contents_(std::move(contents)) {}

  absl::Status Verify(Pin pin, std::string_view given);

  const std::string path_;
  const Contents contents_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_VIRTUAL_CARD_H_
