// Key pairs for tests: made once in a process and then shared, since RSA keys are slow to make.
#ifndef MUSUBI_TESTS_FAKES_TEST_KEY_H_
#define MUSUBI_TESTS_FAKES_TEST_KEY_H_

#include <memory>

#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"

namespace musubi::fakes {

enum class KeyKind {
  kRsa1024,
  kRsa2048,
  kRsa2048Exponent3,
  kRsa3072,
  kRsa4096,
  kEcP256,
  kEcP384,
  kEcP521
};

// TestKey signs. Immutable and thread-safe.
class TestKey {
 public:
  // The key of this kind and number: always the same one within a process.
  static const TestKey& Get(KeyKind kind, int number = 0);

  const base::Bytes& spki_der() const { return spki_; }
  // SHA-1 of the key bits: RFC 5280 section 4.2.1.2, method 1.
  base::Bytes KeyIdentifier() const;
  // What signs certificates by this key: PKCS #1 v1.5 with SHA-256, ECDSA with SHA-256 on P-256,
  // with SHA-384 on P-384 and P-521.
  base::Bytes CertificateAlgorithmDer() const;
  base::Bytes SignCertificate(base::ByteView tbs) const;
  // Signs in any algorithm that the key can do, whether it fits or not.
  base::Bytes Sign(crypto::SignatureAlgorithm algorithm, base::ByteView message) const;

  TestKey(const TestKey&) = delete;
  TestKey& operator=(const TestKey&) = delete;
  ~TestKey();

 private:
  explicit TestKey(KeyKind kind);

  struct Pair;
  KeyKind kind_;
  std::unique_ptr<Pair> pair_;
  base::Bytes spki_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_TEST_KEY_H_
