#include "lib/crypto/public_key.h"

#include <algorithm>
#include <iterator>

#include "lib/crypto/der.h"

namespace musubi::crypto {
namespace {

using base::ByteView;

// A string_view of a literal that holds zeros.
template <size_t N>
constexpr std::string_view Octets(const char (&literal)[N]) {
  return {literal, N - 1};
}

// Content octets of OBJECT IDENTIFIERs.
constexpr std::string_view kRsaEncryptionOid = Octets("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
constexpr std::string_view kMgf1Oid = Octets("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08");
constexpr std::string_view kRsaPssOid = Octets("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
constexpr std::string_view kEcPublicKeyOid = Octets("\x2a\x86\x48\xce\x3d\x02\x01");
constexpr std::string_view kNull = Octets("\x05\x00");
constexpr std::string_view kP256Parameters = Octets("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
constexpr std::string_view kP384Parameters = Octets("\x06\x05\x2b\x81\x04\x00\x22");
constexpr std::string_view kExponent65537 = Octets("\x01\x00\x01");

struct HashOid {
  std::string_view oid;
  SignatureHash hash;
};
constexpr HashOid kHashOids[] = {
    {Octets("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), SignatureHash::kSha256},
    {Octets("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), SignatureHash::kSha384},
    {Octets("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), SignatureHash::kSha512},
};

// Signature algorithms that have an OID of their own, and the parameters that they demand.
struct AlgorithmOid {
  std::string_view oid;
  std::string_view parameters;
  SignatureAlgorithm algorithm;
};
constexpr AlgorithmOid kAlgorithmOids[] = {
    {Octets("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), kNull, SignatureAlgorithm::kRsaPkcs1Sha256},
    {Octets("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), kNull, SignatureAlgorithm::kRsaPkcs1Sha384},
    {Octets("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), kNull, SignatureAlgorithm::kRsaPkcs1Sha512},
    {Octets("\x2a\x86\x48\xce\x3d\x04\x03\x02"), {}, SignatureAlgorithm::kEcdsaP256Sha256},
    {Octets("\x2a\x86\x48\xce\x3d\x04\x03\x03"), {}, SignatureAlgorithm::kEcdsaP384Sha384},
    {Octets("\x2a\x86\x48\xce\x3d\x04\x03\x04"), {}, SignatureAlgorithm::kEcdsaP384Sha512},
};

// The largest salt that any key of ours can carry: 4096 bits, SHA-256 (RFC 8017 section 9.1.1).
constexpr size_t kMaxSalt = 512 - 32 - 2;
// RFC 4055 section 3.1: what an absent saltLength means. DER never writes a default.
constexpr uint16_t kDefaultSalt = 20;

struct Identifier {
  std::string_view oid;
  ByteView parameters;
};

// Takes an AlgorithmIdentifier.
std::optional<Identifier> TakeIdentifier(ByteView& rest) {
  auto content = der::Take(rest, der::kSequence);
  if (!content.has_value()) return std::nullopt;
  const auto oid = der::Take(*content, der::kOid);
  if (!oid.has_value()) return std::nullopt;
  return Identifier{base::AsText(*oid), *content};
}

std::optional<SignatureHash> HashOf(const Identifier& identifier) {
  // RFC 4055 section 2.1: absent and NULL are legal and mean the same.
  const std::string_view parameters = base::AsText(identifier.parameters);
  if (!parameters.empty() && parameters != kNull) return std::nullopt;
  for (const HashOid& known : kHashOids) {
    if (known.oid == identifier.oid) return known.hash;
  }
  return std::nullopt;
}

// An explicitly tagged AlgorithmIdentifier: [0] or [1] of RSASSA-PSS-params.
std::optional<Identifier> TakeTagged(ByteView& rest, uint8_t tag) {
  auto content = der::Take(rest, tag);
  if (!content.has_value()) return std::nullopt;
  const auto identifier = TakeIdentifier(*content);
  return content->empty() ? identifier : std::nullopt;
}

// RSASSA-PSS-params, RFC 4055 section 3.1. Defaults are SHA-1: [0] and [1] have to be there. The
// trailer field has one value, its default, which DER does not write.
std::optional<SignatureAlgorithm> ParsePssParameters(ByteView parameters) {
  auto content = der::TakeAll(parameters, der::kSequence);
  if (!content.has_value()) return std::nullopt;
  const auto hash_identifier = TakeTagged(*content, 0xa0);
  const auto mask_identifier = TakeTagged(*content, 0xa1);
  if (!hash_identifier.has_value() || !mask_identifier.has_value()) return std::nullopt;
  const auto hash = HashOf(*hash_identifier);
  ByteView mask_parameters = mask_identifier->parameters;
  const auto mask_hash_identifier = TakeIdentifier(mask_parameters);
  if (!hash.has_value() || mask_identifier->oid != kMgf1Oid || !mask_hash_identifier.has_value() ||
      !mask_parameters.empty() || HashOf(*mask_hash_identifier) != hash) {
    return std::nullopt;
  }
  SignatureAlgorithm algorithm{SignatureScheme::kRsaPss, *hash, kDefaultSalt};
  if (content->empty()) return algorithm;
  auto tagged = der::Take(*content, 0xa2);
  if (!tagged.has_value() || !content->empty()) return std::nullopt;
  if (base::AsText(*tagged) == Octets("\x02\x01\x00")) {
    algorithm.salt_size = 0;
    return algorithm;
  }
  const auto salt = der::TakePositive(*tagged);
  if (!salt.has_value() || !tagged->empty() || salt->size() > 2) return std::nullopt;
  size_t value = 0;
  for (const uint8_t octet : *salt) value = value << 8 | octet;
  if (value == kDefaultSalt || value > kMaxSalt) return std::nullopt;
  algorithm.salt_size = static_cast<uint16_t>(value);
  return algorithm;
}

std::optional<PublicKey> ParseRsa(const Identifier& identifier, ByteView bits) {
  const bool pss = identifier.oid == kRsaPssOid;
  PublicKey key{};
  if (!pss) {
    if (base::AsText(identifier.parameters) != kNull) return std::nullopt;
  } else if (!identifier.parameters.empty()) {
    key.pss = ParsePssParameters(identifier.parameters);
    if (!key.pss.has_value()) return std::nullopt;
  }
  auto content = der::TakeAll(bits, der::kSequence);
  if (!content.has_value()) return std::nullopt;
  const auto modulus = der::TakePositive(*content);
  const auto exponent = modulus.has_value() ? der::TakePositive(*content) : std::nullopt;
  if (!exponent.has_value() || !content->empty() || base::AsText(*exponent) != kExponent65537) {
    return std::nullopt;
  }
  // Exactly so many bits, and odd: anything else is not a modulus of this size.
  if ((modulus->front() & 0x80) == 0 || (modulus->back() & 1) == 0) return std::nullopt;
  key.modulus = *modulus;
  switch (modulus->size()) {
    case 256:
      key.type = pss ? KeyType::kRsaPss2048 : KeyType::kRsa2048;
      return key;
    case 384:
      key.type = pss ? KeyType::kRsaPss3072 : KeyType::kRsa3072;
      return key;
    case 512:
      key.type = pss ? KeyType::kRsaPss4096 : KeyType::kRsa4096;
      return key;
    default:
      return std::nullopt;
  }
}

std::optional<PublicKey> ParseEc(const Identifier& identifier, ByteView bits) {
  PublicKey key{};
  if (base::AsText(identifier.parameters) == kP256Parameters) {
    key.type = KeyType::kEcP256;
  } else if (base::AsText(identifier.parameters) == kP384Parameters) {
    key.type = KeyType::kEcP384;
  } else {
    return std::nullopt;
  }
  const size_t point_size = key.type == KeyType::kEcP256 ? 64 : 96;
  if (bits.size() != 1 + point_size || bits[0] != 0x04) return std::nullopt;
  key.point = bits.subspan(1);
  return key;
}

}  // namespace

std::optional<PublicKey> ParsePublicKey(ByteView spki_der) {
  auto content = der::TakeAll(spki_der, der::kSequence);
  if (!content.has_value()) return std::nullopt;
  const auto identifier = TakeIdentifier(*content);
  if (!identifier.has_value()) return std::nullopt;
  const auto bits = der::TakeAll(*content, der::kBitString);
  if (!bits.has_value() || bits->empty() || bits->front() != 0) return std::nullopt;
  if (identifier->oid == kRsaEncryptionOid || identifier->oid == kRsaPssOid) {
    return ParseRsa(*identifier, bits->subspan(1));
  }
  if (identifier->oid == kEcPublicKeyOid) return ParseEc(*identifier, bits->subspan(1));
  return std::nullopt;
}

std::optional<KeyType> KeyTypeOf(ByteView spki_der) {
  const auto key = ParsePublicKey(spki_der);
  if (!key.has_value()) return std::nullopt;
  return key->type;
}

std::optional<SignatureAlgorithm> SignatureAlgorithmOf(ByteView algorithm_identifier_der) {
  const auto identifier = TakeIdentifier(algorithm_identifier_der);
  if (!identifier.has_value() || !algorithm_identifier_der.empty()) return std::nullopt;
  if (identifier->oid == kRsaPssOid) return ParsePssParameters(identifier->parameters);
  for (const AlgorithmOid& known : kAlgorithmOids) {
    if (known.oid == identifier->oid && known.parameters == base::AsText(identifier->parameters)) {
      return known.algorithm;
    }
  }
  return std::nullopt;
}

SignatureAlgorithm ForKey(SignatureAlgorithm algorithm, KeyType key) {
  if (algorithm.scheme != SignatureScheme::kEcdsaP256 &&
      algorithm.scheme != SignatureScheme::kEcdsaP384) {
    return algorithm;
  }
  if (key == KeyType::kEcP256) algorithm.scheme = SignatureScheme::kEcdsaP256;
  if (key == KeyType::kEcP384) algorithm.scheme = SignatureScheme::kEcdsaP384;
  return algorithm;
}

bool Fits(SignatureAlgorithm algorithm, KeyType key) {
  switch (key) {
    case KeyType::kRsa2048:
    case KeyType::kRsa3072:
    case KeyType::kRsa4096:
      return algorithm.scheme == SignatureScheme::kRsaPkcs1 ||
             algorithm.scheme == SignatureScheme::kRsaPss;
    case KeyType::kRsaPss2048:
    case KeyType::kRsaPss3072:
    case KeyType::kRsaPss4096:
      return algorithm.scheme == SignatureScheme::kRsaPss;
    case KeyType::kEcP256:
      return algorithm.scheme == SignatureScheme::kEcdsaP256;
    case KeyType::kEcP384:
      return algorithm.scheme == SignatureScheme::kEcdsaP384;
  }
  return false;
}

bool FitsKey(SignatureAlgorithm algorithm, const PublicKey& key) {
  if (!Fits(algorithm, key.type)) return false;
  return !key.pss.has_value() ||
         (algorithm.hash == key.pss->hash && algorithm.salt_size >= key.pss->salt_size);
}

std::string_view Name(SignatureAlgorithm algorithm) {
  static constexpr std::string_view kNames[] = {
      "RSA_PKCS1_SHA256",  "RSA_PKCS1_SHA384",  "RSA_PKCS1_SHA512",  "RSA_PSS_SHA256",
      "RSA_PSS_SHA384",    "RSA_PSS_SHA512",    "ECDSA_P256_SHA256", "ECDSA_P256_SHA384",
      "ECDSA_P256_SHA512", "ECDSA_P384_SHA256", "ECDSA_P384_SHA384", "ECDSA_P384_SHA512"};
  static_assert(std::size(kNames) == kNamedSignatureAlgorithms.size());
  const auto found =
      std::find(kNamedSignatureAlgorithms.begin(), kNamedSignatureAlgorithms.end(), algorithm);
  if (found == kNamedSignatureAlgorithms.end()) return "RSA_PSS_OTHER_SALT";
  return kNames[found - kNamedSignatureAlgorithms.begin()];
}

std::string_view Name(KeyType type) {
  switch (type) {
    case KeyType::kRsa2048:
      return "RSA_2048";
    case KeyType::kRsa3072:
      return "RSA_3072";
    case KeyType::kRsa4096:
      return "RSA_4096";
    case KeyType::kEcP256:
      return "EC_P256";
    case KeyType::kEcP384:
      return "EC_P384";
    case KeyType::kRsaPss2048:
      return "RSA_PSS_2048";
    case KeyType::kRsaPss3072:
      return "RSA_PSS_3072";
    case KeyType::kRsaPss4096:
      return "RSA_PSS_4096";
  }
  return "UNKNOWN";
}

}  // namespace musubi::crypto
