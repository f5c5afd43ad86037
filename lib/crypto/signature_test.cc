#include "lib/crypto/signature.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

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
constexpr const char* kPssOid = "1.2.840.113549.1.1.10";
constexpr const char* kSha256Oid = "2.16.840.1.101.3.4.2.1";
constexpr const char* kSha384Oid = "2.16.840.1.101.3.4.2.2";
constexpr const char* kSha512Oid = "2.16.840.1.101.3.4.2.3";

Bytes Hash(const char* oid) { return der::Sequence({der::Oid(oid), der::Null()}); }
Bytes Mgf1(const Bytes& hash) { return der::Sequence({der::Oid("1.2.840.113549.1.1.8"), hash}); }
// RSASSA-PSS-params; without a salt the field is left out.
Bytes Pss(const Bytes& hash, const Bytes& mask, std::optional<int> salt) {
  const Bytes field =
      salt.has_value() ? der::Context(2, {der::Integer(static_cast<uint64_t>(*salt))}) : Bytes();
  return der::Sequence({der::Context(0, {hash}), der::Context(1, {mask}), field});
}
// The RSA key of 2048 bits as an id-RSASSA-PSS key.
Bytes PssKey(const Bytes& rsa_spki, const Bytes& parameters) {
  return der::Sequence(
      {der::Sequence({der::Oid(kPssOid), parameters}), base::ByteView(rsa_spki).subspan(19)});
}

struct Pairing {
  SignatureAlgorithm algorithm;
  KeyKind kind;
  KeyType type;
};

constexpr Pairing kPairings[] = {
    {SignatureAlgorithm::kRsaPkcs1Sha256, KeyKind::kRsa2048, KeyType::kRsa2048},
    {SignatureAlgorithm::kRsaPkcs1Sha256, KeyKind::kRsa3072, KeyType::kRsa3072},
    {SignatureAlgorithm::kRsaPkcs1Sha384, KeyKind::kRsa2048, KeyType::kRsa2048},
    {SignatureAlgorithm::kRsaPkcs1Sha512, KeyKind::kRsa4096, KeyType::kRsa4096},
    {SignatureAlgorithm::kRsaPssSha256, KeyKind::kRsa2048, KeyType::kRsa2048},
    {SignatureAlgorithm::kRsaPssSha384, KeyKind::kRsa3072, KeyType::kRsa3072},
    {SignatureAlgorithm::kRsaPssSha512, KeyKind::kRsa3072, KeyType::kRsa3072},
    {{SignatureScheme::kRsaPss, SignatureHash::kSha256, 0}, KeyKind::kRsa2048, KeyType::kRsa2048},
    {{SignatureScheme::kRsaPss, SignatureHash::kSha256, 222}, KeyKind::kRsa2048, KeyType::kRsa2048},
    {SignatureAlgorithm::kEcdsaP256Sha256, KeyKind::kEcP256, KeyType::kEcP256},
    {SignatureAlgorithm::kEcdsaP384Sha384, KeyKind::kEcP384, KeyType::kEcP384},
    {SignatureAlgorithm::kEcdsaP256Sha384, KeyKind::kEcP256, KeyType::kEcP256},
    {SignatureAlgorithm::kEcdsaP256Sha512, KeyKind::kEcP256, KeyType::kEcP256},
    {SignatureAlgorithm::kEcdsaP384Sha256, KeyKind::kEcP384, KeyType::kEcP384},
    {SignatureAlgorithm::kEcdsaP384Sha512, KeyKind::kEcP384, KeyType::kEcP384},
};

// Large keys are slow to make: one of each is enough.
KeyKind OtherKind(KeyKind kind) {
  return kind == KeyKind::kRsa3072 || kind == KeyKind::kRsa4096 ? KeyKind::kRsa2048 : kind;
}

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
    EXPECT_FALSE(VerifySignature(pairing.algorithm,
                                 TestKey::Get(OtherKind(pairing.kind), 1).spki_der(),
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
    const SignatureAlgorithm algorithm = kind == KeyKind::kEcP521
                                             ? SignatureAlgorithm::kEcdsaP256Sha256
                                             : SignatureAlgorithm::kRsaPkcs1Sha256;
    EXPECT_FALSE(VerifySignature(algorithm, key.spki_der(), AsBytes(kMessage),
                                 key.Sign(algorithm, AsBytes(kMessage))));
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
  EXPECT_FALSE(HasValidPoint(off));
  EXPECT_TRUE(HasValidPoint(key.spki_der())) << "also after a bad one";
  EXPECT_TRUE(HasValidPoint(TestKey::Get(KeyKind::kEcP384).spki_der()));
  EXPECT_TRUE(HasValidPoint(TestKey::Get(KeyKind::kRsa2048).spki_der()));
  EXPECT_FALSE(HasValidPoint(TestKey::Get(KeyKind::kEcP521).spki_der()));
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
  const Bytes pss_defaults = der::Sequence({der::Oid(kPssOid), der::Sequence({})});
  EXPECT_EQ(SignatureAlgorithmOf(pss_defaults), std::nullopt);
  const Bytes pss_absent = der::Sequence({der::Oid(kPssOid)});
  EXPECT_EQ(SignatureAlgorithmOf(pss_absent), std::nullopt);
  const Bytes absent_null = der::Sequence({der::Oid("1.2.840.113549.1.1.11")});
  EXPECT_EQ(SignatureAlgorithmOf(absent_null), std::nullopt);
  const Bytes sha1_rsa = der::Sequence({der::Oid("1.2.840.113549.1.1.5"), der::Null()});
  EXPECT_EQ(SignatureAlgorithmOf(sha1_rsa), std::nullopt);
  const Bytes ecdsa_null = der::Sequence({der::Oid("1.2.840.10045.4.3.2"), der::Null()});
  EXPECT_EQ(SignatureAlgorithmOf(ecdsa_null), std::nullopt);
  EXPECT_EQ(SignatureAlgorithmOf({}), std::nullopt);
}

TEST(Signature, RecognisesEveryNamedAlgorithm) {
  struct Case {
    const char* oid;
    bool null;
    SignatureAlgorithm algorithm;
  };
  for (const Case& test : {
           Case{"1.2.840.113549.1.1.11", true, SignatureAlgorithm::kRsaPkcs1Sha256},
           Case{"1.2.840.113549.1.1.12", true, SignatureAlgorithm::kRsaPkcs1Sha384},
           Case{"1.2.840.113549.1.1.13", true, SignatureAlgorithm::kRsaPkcs1Sha512},
           Case{"1.2.840.10045.4.3.2", false, SignatureAlgorithm::kEcdsaP256Sha256},
           Case{"1.2.840.10045.4.3.3", false, SignatureAlgorithm::kEcdsaP384Sha384},
           Case{"1.2.840.10045.4.3.4", false, SignatureAlgorithm::kEcdsaP384Sha512},
       }) {
    const Bytes oid = der::Oid(test.oid);
    EXPECT_EQ(SignatureAlgorithmOf(der::Sequence({oid, test.null ? der::Null() : Bytes()})),
              test.algorithm);
    EXPECT_EQ(SignatureAlgorithmOf(der::Sequence({oid, test.null ? Bytes() : der::Null()})),
              std::nullopt);
  }
  EXPECT_EQ(SignatureAlgorithmOf(TestKey::Get(KeyKind::kRsa2048).CertificateAlgorithmDer()),
            SignatureAlgorithm::kRsaPkcs1Sha256);
}

TEST(Signature, GivesAnEcdsaIdentifierTheCurveOfTheKey) {
  EXPECT_EQ(ForKey(SignatureAlgorithm::kEcdsaP256Sha256, KeyType::kEcP384),
            SignatureAlgorithm::kEcdsaP384Sha256);
  EXPECT_EQ(ForKey(SignatureAlgorithm::kEcdsaP384Sha512, KeyType::kEcP256),
            SignatureAlgorithm::kEcdsaP256Sha512);
  EXPECT_EQ(ForKey(SignatureAlgorithm::kEcdsaP384Sha384, KeyType::kRsa2048),
            SignatureAlgorithm::kEcdsaP384Sha384);
  EXPECT_EQ(ForKey(SignatureAlgorithm::kRsaPssSha384, KeyType::kEcP256),
            SignatureAlgorithm::kRsaPssSha384);
}

TEST(Signature, NamesEveryAlgorithmAndKeyOnce) {
  std::set<std::string_view> names;
  for (const SignatureAlgorithm& algorithm : kNamedSignatureAlgorithms) {
    EXPECT_TRUE(names.insert(Name(algorithm)).second) << Name(algorithm);
  }
  EXPECT_EQ(Name(SignatureAlgorithm::kEcdsaP384Sha512), "ECDSA_P384_SHA512");
  EXPECT_EQ(Name({SignatureScheme::kRsaPss, SignatureHash::kSha256, 20}), "RSA_PSS_OTHER_SALT");
  EXPECT_EQ(Name(KeyType::kRsaPss4096), "RSA_PSS_4096");
}

TEST(Signature, ReadsPssParametersStrictly) {
  const Bytes sha256 = Hash(kSha256Oid);
  const Bytes bare = der::Sequence({der::Oid(kSha256Oid)});
  const SignatureAlgorithm salt20{SignatureScheme::kRsaPss, SignatureHash::kSha256, 20};
  const SignatureAlgorithm salt0{SignatureScheme::kRsaPss, SignatureHash::kSha256, 0};
  struct Case {
    const char* what;
    Bytes parameters;
    std::optional<SignatureAlgorithm> want;
  };
  const Case cases[] = {
      {"SHA-256", Pss(sha256, Mgf1(sha256), 32), SignatureAlgorithm::kRsaPssSha256},
      {"SHA-384", Pss(Hash(kSha384Oid), Mgf1(Hash(kSha384Oid)), 48),
       SignatureAlgorithm::kRsaPssSha384},
      {"SHA-512", Pss(Hash(kSha512Oid), Mgf1(Hash(kSha512Oid)), 64),
       SignatureAlgorithm::kRsaPssSha512},
      {"absent hash parameters", Pss(bare, Mgf1(bare), 32), SignatureAlgorithm::kRsaPssSha256},
      {"the default salt", Pss(sha256, Mgf1(sha256), std::nullopt), salt20},
      {"no salt", Pss(sha256, Mgf1(sha256), 0), salt0},
      {"the default salt, written", Pss(sha256, Mgf1(sha256), 20), std::nullopt},
      {"a salt beyond every key", Pss(sha256, Mgf1(sha256), 479), std::nullopt},
      {"a salt of three octets", Pss(sha256, Mgf1(sha256), 65536 + 32), std::nullopt},
      {"another hash in MGF1", Pss(sha256, Mgf1(Hash(kSha384Oid)), 32), std::nullopt},
      {"SHA-1", Pss(Hash("1.3.14.3.2.26"), Mgf1(Hash("1.3.14.3.2.26")), 32), std::nullopt},
      {"another mask", Pss(sha256, der::Sequence({der::Oid(kSha256Oid), sha256}), 32),
       std::nullopt},
      {"no hash",
       der::Sequence({der::Context(1, {Mgf1(sha256)}), der::Context(2, {der::Integer(32)})}),
       std::nullopt},
      {"no mask", der::Sequence({der::Context(0, {sha256}), der::Context(2, {der::Integer(32)})}),
       std::nullopt},
      {"a trailer field, written",
       der::Sequence({der::Context(0, {sha256}), der::Context(1, {Mgf1(sha256)}),
                      der::Context(2, {der::Integer(32)}), der::Context(3, {der::Integer(1)})}),
       std::nullopt},
      {"a negative salt",
       der::Sequence({der::Context(0, {sha256}), der::Context(1, {Mgf1(sha256)}),
                      der::Context(2, {der::Tlv(0x02, {Bytes{0xff}})})}),
       std::nullopt},
      {"a salt with a leading zero",
       der::Sequence({der::Context(0, {sha256}), der::Context(1, {Mgf1(sha256)}),
                      der::Context(2, {der::Tlv(0x02, {Bytes{0, 32}})})}),
       std::nullopt},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(SignatureAlgorithmOf(der::Sequence({der::Oid(kPssOid), test.parameters})), test.want)
        << test.what;
  }
}

TEST(Signature, APssKeyVerifiesPssAloneAndByItsOwnParameters) {
  const TestKey& key = TestKey::Get(KeyKind::kRsa2048);
  const Bytes sha256 = Hash(kSha256Oid);
  const Bytes any = PssKey(key.spki_der(), {});
  const Bytes salt32 = PssKey(key.spki_der(), Pss(sha256, Mgf1(sha256), 32));
  const Bytes sha384 = PssKey(key.spki_der(), Pss(Hash(kSha384Oid), Mgf1(Hash(kSha384Oid)), 48));
  const Bytes null = PssKey(key.spki_der(), der::Null());
  EXPECT_EQ(KeyTypeOf(any), KeyType::kRsaPss2048);
  EXPECT_EQ(KeyTypeOf(salt32), KeyType::kRsaPss2048);
  EXPECT_EQ(KeyTypeOf(null), std::nullopt) << "NULL is no RSASSA-PSS-params";
  auto verifies = [&](const Bytes& spki, SignatureAlgorithm algorithm) {
    return VerifySignature(algorithm, spki, AsBytes(kMessage),
                           key.Sign(algorithm, AsBytes(kMessage)));
  };
  const SignatureAlgorithm salt31{SignatureScheme::kRsaPss, SignatureHash::kSha256, 31};
  const SignatureAlgorithm salt33{SignatureScheme::kRsaPss, SignatureHash::kSha256, 33};
  for (const SignatureAlgorithm& algorithm :
       {SignatureAlgorithm::kRsaPssSha256, SignatureAlgorithm::kRsaPssSha384, salt31, salt33}) {
    EXPECT_TRUE(verifies(key.spki_der(), algorithm));
    EXPECT_TRUE(verifies(any, algorithm)) << "a key without parameters restricts nothing";
  }
  EXPECT_FALSE(verifies(any, SignatureAlgorithm::kRsaPkcs1Sha256));
  EXPECT_FALSE(verifies(salt32, SignatureAlgorithm::kRsaPkcs1Sha256));
  EXPECT_TRUE(verifies(salt32, SignatureAlgorithm::kRsaPssSha256));
  EXPECT_TRUE(verifies(salt32, salt33)) << "RFC 4055 section 3.3: no shorter than the key's";
  EXPECT_FALSE(verifies(salt32, salt31));
  EXPECT_FALSE(verifies(salt32, SignatureAlgorithm::kRsaPssSha384));
  EXPECT_FALSE(verifies(sha384, SignatureAlgorithm::kRsaPssSha256));
  EXPECT_TRUE(verifies(sha384, SignatureAlgorithm::kRsaPssSha384));
  EXPECT_FALSE(Fits(SignatureAlgorithm::kRsaPkcs1Sha256, KeyType::kRsaPss2048));
}

}  // namespace
}  // namespace musubi::crypto
