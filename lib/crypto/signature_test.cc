#include "lib/crypto/signature.h"

#include <gtest/gtest.h>

#include "lib/base/encoding.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_key.h"

namespace musubi::crypto {
namespace {

using base::AsBytes;
using base::Bytes;
using fakes::KeyKind;
using fakes::TestKey;
namespace der = fakes::der;

constexpr std::string_view kMessage = "message";

struct Pairing {
  SignatureAlgorithm algorithm;
  KeyKind kind;
  KeyType type;
};

constexpr Pairing kPairings[] = {
    {SignatureAlgorithm::kRsaPkcs1Sha256, KeyKind::kRsa2048, KeyType::kRsa2048},
    {SignatureAlgorithm::kRsaPkcs1Sha256, KeyKind::kRsa3072, KeyType::kRsa3072},
    {SignatureAlgorithm::kRsaPssSha256, KeyKind::kRsa2048, KeyType::kRsa2048},
    {SignatureAlgorithm::kEcdsaP256Sha256, KeyKind::kEcP256, KeyType::kEcP256},
    {SignatureAlgorithm::kEcdsaP384Sha384, KeyKind::kEcP384, KeyType::kEcP384},
};

TEST(Signature, VerifiesWhatTheKeySigned) {
  for (const Pairing& pairing : kPairings) {
    SCOPED_TRACE(Name(pairing.algorithm));
    const TestKey& key = TestKey::Get(pairing.kind);
    const Bytes signature = key.Sign(pairing.algorithm, AsBytes(kMessage));
    EXPECT_EQ(KeyTypeOf(key.spki_der()), pairing.type);
    EXPECT_TRUE(VerifySignature(pairing.algorithm, key.spki_der(), AsBytes(kMessage), signature));
    EXPECT_TRUE(
        VerifySignature(pairing.algorithm, key.spki_der(), {}, key.Sign(pairing.algorithm, {})));
  }
}

TEST(Signature, RefusesAChangedMessageKeyOrSignature) {
  for (const Pairing& pairing : kPairings) {
    SCOPED_TRACE(Name(pairing.algorithm));
    const TestKey& key = TestKey::Get(pairing.kind);
    Bytes signature = key.Sign(pairing.algorithm, AsBytes(kMessage));
    EXPECT_FALSE(VerifySignature(pairing.algorithm, key.spki_der(), AsBytes("other"), signature));
    EXPECT_FALSE(VerifySignature(pairing.algorithm, TestKey::Get(pairing.kind, 1).spki_der(),
                                 AsBytes(kMessage), signature));
    for (const size_t at : {size_t{0}, signature.size() / 2, signature.size() - 1}) {
      Bytes changed = signature;
      changed[at] ^= 1;
      EXPECT_FALSE(VerifySignature(pairing.algorithm, key.spki_der(), AsBytes(kMessage), changed));
    }
    signature.push_back(0);
    EXPECT_FALSE(VerifySignature(pairing.algorithm, key.spki_der(), AsBytes(kMessage), signature));
    EXPECT_FALSE(VerifySignature(pairing.algorithm, key.spki_der(), AsBytes(kMessage), {}));
  }
}

TEST(Signature, NeverTakesASignatureInAnotherAlgorithm) {
  for (const Pairing& made : kPairings) {
    const TestKey& key = TestKey::Get(made.kind);
    const Bytes signature = key.Sign(made.algorithm, AsBytes(kMessage));
    for (const Pairing& asked : kPairings) {
      if (asked.algorithm == made.algorithm) continue;
      EXPECT_FALSE(VerifySignature(asked.algorithm, key.spki_der(), AsBytes(kMessage), signature))
          << Name(made.algorithm) << " as " << Name(asked.algorithm);
    }
  }
}

TEST(Signature, CurveAndAlgorithmMustFit) {
  // A P-384 key that signs with SHA-256 is a mismatch, though OpenSSL would verify it.
  const TestKey& p384 = TestKey::Get(KeyKind::kEcP384);
  const Bytes sha256_by_p384 = p384.Sign(SignatureAlgorithm::kEcdsaP256Sha256, AsBytes(kMessage));
  EXPECT_FALSE(VerifySignature(SignatureAlgorithm::kEcdsaP256Sha256, p384.spki_der(),
                               AsBytes(kMessage), sha256_by_p384));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kEcdsaP256Sha256, KeyType::kEcP384));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kEcdsaP384Sha384, KeyType::kEcP256));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kRsaPssSha256, KeyType::kEcP256));
}

TEST(Signature, KnowsNoOtherKeys) {
  for (const KeyKind kind : {KeyKind::kRsa1024, KeyKind::kRsa2048Exponent3, KeyKind::kEcP521}) {
    const TestKey& key = TestKey::Get(kind);
    EXPECT_EQ(KeyTypeOf(key.spki_der()), std::nullopt);
    for (const Pairing& pairing : kPairings) {
      if ((kind == KeyKind::kEcP521) != (pairing.kind == KeyKind::kEcP256)) continue;
      EXPECT_FALSE(VerifySignature(pairing.algorithm, key.spki_der(), AsBytes(kMessage),
                                   key.Sign(pairing.algorithm, AsBytes(kMessage))));
    }
  }
}

TEST(Signature, RefusesKeysEncodedOtherwise) {
  const Bytes rsa = TestKey::Get(KeyKind::kRsa2048).spki_der();
  Bytes even = rsa;
  even[even.size() - 6] &= 0xfe;
  EXPECT_EQ(KeyTypeOf(even), std::nullopt) << "even modulus";
  Bytes short_modulus = rsa;
  short_modulus[33] &= 0x7f;
  EXPECT_EQ(KeyTypeOf(short_modulus), std::nullopt) << "modulus of 2047 bits";
  Bytes trailing = rsa;
  trailing.push_back(0);
  EXPECT_EQ(KeyTypeOf(trailing), std::nullopt) << "trailing octet";
  EXPECT_EQ(KeyTypeOf({}), std::nullopt);

  const Bytes p256 = TestKey::Get(KeyKind::kEcP256).spki_der();
  Bytes compressed_octet = p256;
  compressed_octet[26] = 0x02;
  EXPECT_EQ(KeyTypeOf(compressed_octet), std::nullopt);
  const Bytes compressed = der::Sequence(
      {der::Sequence({der::Oid("1.2.840.10045.2.1"), der::Oid("1.2.840.10045.3.1.7")}),
       der::BitString(base::ByteView(compressed_octet).subspan(26, 33))});
  EXPECT_EQ(KeyTypeOf(compressed), std::nullopt);
}

TEST(Signature, RefusesAPointOffItsCurve) {
  const TestKey& key = TestKey::Get(KeyKind::kEcP256);
  const Bytes signature = key.Sign(SignatureAlgorithm::kEcdsaP256Sha256, AsBytes(kMessage));
  Bytes off = key.spki_der();
  off.back() ^= 1;
  ASSERT_EQ(KeyTypeOf(off), KeyType::kEcP256);
  EXPECT_FALSE(
      VerifySignature(SignatureAlgorithm::kEcdsaP256Sha256, off, AsBytes(kMessage), signature));
}

TEST(Signature, RefusesEcdsaSignaturesThatAreNotMinimalDer) {
  const TestKey& key = TestKey::Get(KeyKind::kEcP256);
  const Bytes good = key.Sign(SignatureAlgorithm::kEcdsaP256Sha256, AsBytes(kMessage));
  // 30 LL 02 RR r 02 SS s
  const size_t r_size = good[3];
  const Bytes r(good.begin() + 4, good.begin() + 4 + static_cast<long>(r_size));
  const Bytes s(good.begin() + 6 + static_cast<long>(r_size), good.end());
  const Bytes zero{0};
  auto verify = [&](const Bytes& signature) {
    return VerifySignature(SignatureAlgorithm::kEcdsaP256Sha256, key.spki_der(), AsBytes(kMessage),
                           signature);
  };
  ASSERT_TRUE(verify(der::Sequence({der::Tlv(0x02, {r}), der::Tlv(0x02, {s})})));
  EXPECT_FALSE(verify(der::Sequence({der::Tlv(0x02, {zero, r}), der::Tlv(0x02, {s})})))
      << "leading zero";
  EXPECT_FALSE(verify(der::Sequence({der::Tlv(0x02, {r}), der::Tlv(0x02, {s}), der::Null()})))
      << "a third element";
  Bytes long_length{0x30, 0x81};
  long_length.insert(long_length.end(), good.begin() + 1, good.end());
  EXPECT_FALSE(verify(long_length)) << "length in the long form";
  EXPECT_FALSE(verify(der::Sequence({der::Integer(0), der::Tlv(0x02, {s})}))) << "r = 0";
  EXPECT_FALSE(verify(der::Sequence({der::Integer(0), der::Integer(0)}))) << "r = s = 0";
}

TEST(Signature, KnowsNoAlgorithmIdentifierWithOtherParameters) {
  const Bytes pss_defaults = der::Sequence({der::Oid("1.2.840.113549.1.1.10"), der::Sequence({})});
  EXPECT_EQ(SignatureAlgorithmOf(pss_defaults), std::nullopt);
  const Bytes absent_null = der::Sequence({der::Oid("1.2.840.113549.1.1.11")});
  EXPECT_EQ(SignatureAlgorithmOf(absent_null), std::nullopt);
  const Bytes sha1_rsa = der::Sequence({der::Oid("1.2.840.113549.1.1.5"), der::Null()});
  EXPECT_EQ(SignatureAlgorithmOf(sha1_rsa), std::nullopt);
  const Bytes ecdsa_null = der::Sequence({der::Oid("1.2.840.10045.4.3.2"), der::Null()});
  EXPECT_EQ(SignatureAlgorithmOf(ecdsa_null), std::nullopt);
}

TEST(Signature, RecognisesItsFourAlgorithms) {
  const Bytes sha256 = der::Sequence({der::Oid("2.16.840.1.101.3.4.2.1"), der::Null()});
  const Bytes pss = der::Sequence(
      {der::Oid("1.2.840.113549.1.1.10"),
       der::Sequence({der::Context(0, {sha256}),
                      der::Context(1, {der::Sequence({der::Oid("1.2.840.113549.1.1.8"), sha256})}),
                      der::Context(2, {der::Integer(32)})})});
  EXPECT_EQ(SignatureAlgorithmOf(pss), SignatureAlgorithm::kRsaPssSha256);
  EXPECT_EQ(SignatureAlgorithmOf(TestKey::Get(KeyKind::kRsa2048).CertificateAlgorithmDer()),
            SignatureAlgorithm::kRsaPkcs1Sha256);
  EXPECT_EQ(SignatureAlgorithmOf(TestKey::Get(KeyKind::kEcP256).CertificateAlgorithmDer()),
            SignatureAlgorithm::kEcdsaP256Sha256);
  EXPECT_EQ(SignatureAlgorithmOf(TestKey::Get(KeyKind::kEcP384).CertificateAlgorithmDer()),
            SignatureAlgorithm::kEcdsaP384Sha384);
}

}  // namespace
}  // namespace musubi::crypto
