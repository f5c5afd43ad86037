// The fast and the slow path of CardValidator give one verdict over generated chains with changes
// in every field. MUSUBI_AGREEMENT_CASES sets how many are generated, MUSUBI_AGREEMENT_SEED where
// they start. Keys are fresh in every process, so a seed gives like cases, not the same: a failure
// prints the certificate.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/jpki/card_validator.h"
#include "tests/fakes/der_mutation.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::jpki {
namespace {

using base::Bytes;
using crypto::SignatureAlgorithm;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
using pki::KeyUsage;
using pki::VerdictStatus;
namespace der = fakes::der;
using Random = std::mt19937_64;

constexpr std::string_view kChallenge = "challenge";
constexpr int kUsualCases = 1600;
// More than are judged at once, so that a batch is cut.
constexpr size_t kBatch = 40;

int FromEnvironment(const char* name, int usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::atoi(text);
}

absl::Time Day(int year, int month, int day) {
  return absl::FromCivil(absl::CivilDay(year, month, day), absl::UTCTimeZone());
}
const absl::Time kNow = Day(2026, 4, 1);

template <typename T>
const T& OneOf(const std::vector<T>& list, Random& random) {
  return list[random() % list.size()];
}

// One issuing CA, and whether and how it is an anchor.
struct Issuer {
  std::string id;
  TestCa ca;
  std::function<void(pki::TrustAnchor&)> anchor = [](pki::TrustAnchor&) {};
  bool configured = true;
  std::function<void(CertificateSpec&)> certificate = [](CertificateSpec&) {};
};

Bytes PermittedCountry(std::string_view country) {
  return der::Sequence(
      {der::Context(0, {der::Sequence({der::Context(4, {der::Name({{"C", country}})})})})});
}

std::vector<Issuer> Issuers() {
  const TestCa first;
  auto other_name = [](std::string unit, int key) {
    return TestCa({.organizational_unit = std::move(unit), .key_number = key});
  };
  auto extension = [](std::string_view oid, bool critical, Bytes value) {
    return [=](CertificateSpec& spec) { spec.Set(oid, critical, value); };
  };
  return {
      {.id = "auth-01", .ca = first},
      {.id = "auth-03", .ca = TestCa({.key_number = 3, .serial = 3})},
      {.id = "auth-04", .ca = TestCa({.key_kind = KeyKind::kEcP384, .serial = 4})},
      // The name, key identifier and serial of auth-01, another key.
      {.id = "twin-01", .ca = TestCa({.key_number = 1, .key_identifier = first.key_identifier()})},
      // The key of auth-03 in an older certificate that has ended, and in one not in use yet.
      {.id = "auth-02", .ca = TestCa({.key_number = 3, .serial = 2, .not_after = Day(2026, 3, 1)})},
      {.id = "auth-05",
       .ca = TestCa({.key_number = 3, .serial = 5}),
       .anchor = [](pki::TrustAnchor& anchor) { anchor.not_before_use = Day(2027, 1, 1); }},
      {.id = "gone",
       .ca = other_name("Gone", 4),
       .anchor = [](pki::TrustAnchor& anchor) { anchor.distrust_after = Day(2026, 2, 1); }},
      {.id = "large",
       .ca = TestCa({.organizational_unit = "Large", .key_kind = KeyKind::kRsa3072}),
       .anchor =
           [](pki::TrustAnchor& anchor) {
             anchor.allowed_algorithms = {
                 {crypto::KeyType::kRsa3072, SignatureAlgorithm::kRsaPkcs1Sha256}};
           }},
      {.id = "only-ec",
       .ca = TestCa({.organizational_unit = "Only EC", .key_kind = KeyKind::kEcP384}),
       .anchor =
           [](pki::TrustAnchor& anchor) {
             anchor.allowed_algorithms = {
                 {crypto::KeyType::kEcP384, SignatureAlgorithm::kEcdsaP384Sha512}};
           }},
      {.id = "japan",
       .ca = other_name("Japan", 4),
       .certificate = extension(fakes::kNameConstraintsOid, true, PermittedCountry("JP"))},
      {.id = "elsewhere",
       .ca = other_name("Elsewhere", 4),
       .certificate = extension(fakes::kNameConstraintsOid, true, PermittedCountry("XX"))},
      {.id = "policy",
       .ca = other_name("Policy", 4),
       .certificate =
           extension(fakes::kCertificatePoliciesOid, false, fakes::PoliciesValue({"2.999.1.31"}))},
      {.id = "explicit",
       .ca = other_name("Explicit", 4),
       .certificate = extension(fakes::kPolicyConstraintsOid, true,
                                der::Sequence({der::ContextPrimitive(0, Bytes{0})}))},
      {.id = "odd",
       .ca = other_name("Odd", 4),
       .certificate = extension("2.999.77", true, der::Null())},
      {.id = "usage",
       .ca = other_name("Usage", 4),
       .certificate = extension(fakes::kExtendedKeyUsageOid, false,
                                fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.1"}))},
      {.id = "sign",
       .ca = other_name("JPKI for digital signature", 1),
       .anchor =
           [](pki::TrustAnchor& anchor) { anchor.role = pki::AnchorRole::kDigitalSignature; }},
      {.id = "test",
       .ca = TestCa({.organization = "JPKI-SIM-TEST", .key_number = 1}),
       .anchor = [](pki::TrustAnchor& anchor) { anchor.environment = pki::Environment::kTest; }},
      {.id = "stranger", .ca = other_name("Stranger", 1), .configured = false},
  };
}

CardValidator MakeValidator(const std::vector<Issuer>& issuers, CardValidator::Paths paths) {
  std::vector<pki::TrustAnchor> anchors;
  for (const Issuer& issuer : issuers) {
    if (!issuer.configured) continue;
    CertificateSpec spec = issuer.ca.AnchorSpec();
    issuer.certificate(spec);
    anchors.push_back(fakes::AnchorOf(fakes::ParseCertificate(issuer.ca.Issue(spec)), issuer.id));
    issuer.anchor(anchors.back());
  }
  Hierarchy hierarchy =
      Hierarchy::Create(pki::Environment::kSim,
                        {{CertificateKind::kUserAuthentication, {"2.999.1.30", "2.999.1.32"}},
                         {CertificateKind::kDigitalSignature, {"2.999.1.20"}},
                         {CertificateKind::kPhone, {"2.999.1.40"}},
                         {CertificateKind::kTest, {"2.999.2.30"}}})
          .value();
  return CardValidator::Create(
             pki::TrustStore::Create(pki::Environment::kSim, std::move(anchors)).value(),
             std::move(hierarchy), {.paths = paths})
      .value();
}

// A question that owns what it asks about.
struct Case {
  std::string what;
  Bytes certificate;
  std::optional<Bytes> signature;
  SignatureAlgorithm algorithm;

  CardQuestion Question() const {
    CardQuestion question{certificate, std::nullopt};
    if (signature) question.proof = Proof{base::AsBytes(kChallenge), *signature, algorithm};
    return question;
  }
};

using Change = std::function<void(CertificateSpec&, Random&)>;

Bytes RandomBytes(size_t size, Random& random) {
  Bytes bytes(size);
  for (uint8_t& octet : bytes) octet = static_cast<uint8_t>(random());
  return bytes;
}

// Names that are the given one, nearly, or not at all.
Bytes SimilarName(const Bytes& name, Random& random) {
  Bytes similar = name;
  for (uint8_t& octet : similar) {
    if (octet >= 'a' && octet <= 'z' && random() % 4 == 0) octet ^= 0x20;
  }
  return random() % 2 == 0 ? similar : fakes::MutateDer(name, random);
}

// By the field that they change.
std::vector<std::pair<std::string, Change>> Changes() {
  static const std::vector<Issuer> issuers = Issuers();
  auto set = [](std::string_view oid, auto value) {
    return [=](CertificateSpec& spec, Random& random) {
      spec.Set(oid, random() % 2 == 0, value(spec, random));
    };
  };
  auto some_ca = [](Random& random) -> const TestCa& { return OneOf(issuers, random).ca; };
  return {
      {"nothing", [](CertificateSpec&, Random&) {}},
      {"version",
       [](CertificateSpec& spec, Random& random) {
         spec.version = OneOf<std::optional<int>>({std::nullopt, 1, 2, 3, 4}, random);
         if (random() % 2 == 0) spec.extensions.clear();
       }},
      {"serial",
       [](CertificateSpec& spec, Random& random) {
         spec.serial =
             random() % 2 == 0
                 ? RandomBytes(random() % 24, random)
                 : OneOf<Bytes>(
                       {{}, {0}, {0x80}, {0, 0x80}, {0, 1}, Bytes(20, 0x7f), Bytes(21, 0x7f)},
                       random);
       }},
      {"issuer",
       [=](CertificateSpec& spec, Random& random) {
         spec.issuer =
             random() % 2 == 0 ? some_ca(random).name() : SimilarName(spec.issuer, random);
       }},
      {"subject",
       [=](CertificateSpec& spec, Random& random) {
         spec.subject =
             OneOf<Bytes>({der::Sequence({}), spec.issuer, SimilarName(spec.issuer, random),
                           fakes::MutateDer(spec.subject, random)},
                          random);
         if (random() % 4 == 0) spec.Remove(fakes::kAuthorityKeyIdentifierOid);
       }},
      {"not before",
       [](CertificateSpec& spec, Random& random) {
         spec.not_before = kNow + absl::Seconds(static_cast<int>(random() % 3) - 1);
       }},
      {"not after",
       [](CertificateSpec& spec, Random& random) {
         spec.not_after = OneOf<absl::Time>(
             {kNow - absl::Seconds(1), kNow, Day(2049, 12, 31), Day(2050, 1, 1), Day(9999, 12, 31)},
             random);
       }},
      {"form of the times",
       [](CertificateSpec& spec, Random& random) {
         auto time = [&](absl::Time at) {
           return random() % 2 == 0 ? der::GeneralizedTime(at) : der::UtcTime(at);
         };
         spec.validity = der::Sequence({time(spec.not_before), time(spec.not_after)});
       }},
      {"key",
       [](CertificateSpec& spec, Random& random) {
         const auto kind = OneOf<KeyKind>(
             {KeyKind::kRsa1024, KeyKind::kRsa2048, KeyKind::kRsa2048Exponent3, KeyKind::kRsa3072,
              KeyKind::kEcP256, KeyKind::kEcP384, KeyKind::kEcP521},
             random);
         spec.spki = TestKey::Get(kind, 10).spki_der();
         // A point off its curve, or another modulus.
         if (random() % 4 == 0) spec.spki.back() ^= 2;
         if (random() % 4 == 0) spec.spki = fakes::MutateDer(spec.spki, random);
       }},
      {"algorithms",
       [](CertificateSpec& spec, Random& random) {
         const Bytes algorithm =
             TestKey::Get(
                 OneOf<KeyKind>({KeyKind::kRsa2048, KeyKind::kEcP256, KeyKind::kEcP384}, random))
                 .CertificateAlgorithmDer();
         if (random() % 2 == 0) spec.inner_algorithm = algorithm;
         if (random() % 2 == 0) spec.outer_algorithm = algorithm;
       }},
      {"keyUsage",
       set(fakes::kKeyUsageOid,
           [](CertificateSpec&, Random& random) {
             return fakes::KeyUsageValue(OneOf<uint16_t>({1, 1, 2, 3, 0x20, 0x81, 0x100}, random));
           })},
      {"extendedKeyUsage",
       set(fakes::kExtendedKeyUsageOid,
           [](CertificateSpec&, Random& random) {
             return OneOf<Bytes>(
                 {fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.2"}),
                  fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}),
                  fakes::ExtendedKeyUsageValue({"2.5.29.37.0"}),
                  fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.9"})},
                 random);
           })},
      {"policies",
       [](CertificateSpec& spec, Random& random) {
         spec.Set(fakes::kCertificatePoliciesOid, random() % 8 != 0,
                  OneOf<Bytes>(
                      {fakes::PoliciesValue({"2.999.1.30"}), fakes::PoliciesValue({"2.999.1.32"}),
                       fakes::PoliciesValue({"2.999.1.32", "2.999.1.30"}),
                       fakes::PoliciesValue({"2.999.1.30", "2.999.1.30"}),
                       fakes::PoliciesValue({"2.999.1.30", "2.999.1.31"}),
                       fakes::PoliciesValue({"2.999.1.30", "2.5.29.32.0"}),
                       fakes::PoliciesValue({"2.999.1.20", "2.999.1.40"}),
                       fakes::PoliciesValue({"2.999.1.40"}), fakes::PoliciesValue({"2.999.2.30"})},
                      random));
       }},
      {"basicConstraints", set(fakes::kBasicConstraintsOid,
                               [](CertificateSpec&, Random& random) {
                                 return fakes::BasicConstraintsValue(
                                     random() % 4 == 0,
                                     random() % 2 == 0 ? std::optional(0) : std::nullopt);
                               })},
      {"authorityKeyIdentifier",
       [=](CertificateSpec& spec, Random& random) {
         const TestCa& ca = some_ca(random);
         auto maybe = [&](const Bytes& part) {
           return random() % 3 == 0 ? std::nullopt : std::optional(part);
         };
         spec.Set(fakes::kAuthorityKeyIdentifierOid, false,
                  fakes::AuthorityKeyIdentifierValue(
                      maybe(ca.key_identifier()),
                      maybe(random() % 4 == 0 ? SimilarName(ca.name(), random) : ca.name()),
                      maybe(ca.serial())));
       }},
      {"an extension less",
       [](CertificateSpec& spec, Random& random) {
         if (spec.extensions.empty()) return;
         spec.extensions.erase(spec.extensions.begin() +
                               static_cast<ptrdiff_t>(random() % spec.extensions.size()));
       }},
      {"an extension more",
       [](CertificateSpec& spec, Random& random) {
         const std::string oid = OneOf<std::string>(
             {"2.999.9", "2.5.29.17", "2.5.29.30", "2.5.29.33", "2.5.29.36", "2.5.29.54",
              "2.5.29.16", "1.3.6.1.5.5.7.1.7", "1.3.6.1.5.5.7.1.14", "1.3.6.1.5.5.7.48.1.5"},
             random);
         const Bytes value = OneOf<Bytes>(
             {der::Null(), der::Integer(0), PermittedCountry("JP"),
              der::Sequence({der::ContextPrimitive(0, Bytes{0})}),
              der::Sequence({der::ContextPrimitive(2, base::AsBytes("card.example"))}),
              der::Sequence({der::Sequence({der::Oid("2.999.1.30"), der::Oid("2.999.1.32")})})},
             random);
         spec.extensions.insert(spec.extensions.begin() +
                                    static_cast<ptrdiff_t>(random() % (spec.extensions.size() + 1)),
                                {oid, random() % 4 == 0, value});
       }},
      {"an extension's value",
       [](CertificateSpec& spec, Random& random) {
         if (spec.extensions.empty()) return;
         auto& extension = spec.extensions[random() % spec.extensions.size()];
         extension.value = fakes::MutateDer(extension.value, random);
       }},
      {"order and criticality",
       [](CertificateSpec& spec, Random& random) {
         std::shuffle(spec.extensions.begin(), spec.extensions.end(), random);
         if (!spec.extensions.empty() && random() % 2 == 0) spec.extensions[0].critical ^= true;
       }},
  };
}

// A certificate again, over other signed octets.
Bytes SignAgain(base::ByteView certificate, const TestKey& signer) {
  pki::DerReader outer(certificate);
  const auto whole = outer.Read();
  if (!whole) return base::ToBytes(certificate);
  pki::DerReader parts(whole->content);
  const auto tbs = parts.Read();
  const auto algorithm = parts.Read();
  if (!tbs || !algorithm) return base::ToBytes(certificate);
  return der::Sequence(
      {tbs->whole, algorithm->whole, der::BitString(signer.SignCertificate(tbs->whole))});
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Case Next() {
    Case next;
    const Issuer& issuer = OneOf(issuers_, random_);
    const KeyKind kind = random_() % 8 == 0 ? KeyKind::kEcP384 : KeyKind::kRsa2048;
    const TestKey& key = TestKey::Get(kind, 10);
    CertificateSpec spec = issuer.ca.CardSpec(key, random_());
    next.what = issuer.id;
    for (uint64_t changes = random_() % 3; changes > 0; --changes) {
      const auto& [what, change] = OneOf(changes_, random_);
      change(spec, random_);
      next.what += ", " + what;
    }
    // Mostly its own; any other makes it a forgery, or the work of a twin.
    const TestKey& signer =
        random_() % 8 == 0 ? OneOf(issuers_, random_).ca.key() : issuer.ca.key();
    next.certificate = fakes::IssueCertificate(spec, signer);
    if (random_() % 3 == 0) Mutate(signer, next);
    AddProof(kind, next);
    return next;
  }

 private:
  void Mutate(const TestKey& signer, Case& next) {
    next.certificate = fakes::MutateDer(next.certificate, random_);
    next.what += ", DER";
    if (random_() % 4 != 0) next.certificate = SignAgain(next.certificate, signer);
    if (random_() % 16 == 0) next.certificate.push_back(0);
    if (random_() % 16 == 0) next.certificate.resize(random_() % (next.certificate.size() + 1));
    if (random_() % 64 == 0) next.certificate.resize(pki::kMaxCertificateSize + random_() % 2);
  }

  void AddProof(KeyKind kind, Case& next) {
    if (random_() % 4 == 0) return;
    const bool ec = kind == KeyKind::kEcP384;
    next.algorithm =
        ec ? SignatureAlgorithm::kEcdsaP384Sha384 : SignatureAlgorithm::kRsaPkcs1Sha256;
    const int signer = random_() % 8 == 0 ? 11 : 10;
    Bytes& signature = proofs_[{kind, signer}];
    if (signature.empty()) {
      signature = TestKey::Get(kind, signer).Sign(next.algorithm, base::AsBytes(kChallenge));
    }
    next.signature = signature;
    if (random_() % 16 == 0) next.signature = RandomBytes(next.signature->size(), random_);
    if (random_() % 16 == 0) next.signature->resize(random_() % 300);
    if (random_() % 16 == 0) {
      next.algorithm = OneOf<SignatureAlgorithm>(
          {SignatureAlgorithm::kRsaPssSha256, SignatureAlgorithm::kRsaPkcs1Sha384,
           SignatureAlgorithm::kEcdsaP384Sha384, SignatureAlgorithm::kRsaPkcs1Sha256},
          random_);
    }
  }

  const std::vector<Issuer> issuers_ = Issuers();
  const std::vector<std::pair<std::string, Change>> changes_ = Changes();
  std::map<std::pair<KeyKind, int>, Bytes> proofs_;  // By signer, since signing takes long.
  Random random_;
};

std::string Text(const CardFinding& finding) {
  const pki::Verdict& verdict = finding.verdict;
  return std::string(pki::Name(verdict.status)) + " " + std::string(pki::Name(verdict.reason)) +
         " " + (verdict.cert_index ? std::to_string(*verdict.cert_index) : "-") + " " +
         std::string(pki::Name(verdict.possession)) + " " +
         (finding.issuer == nullptr ? "-" : finding.issuer->anchor.id);
}

// Both paths on one list of cases; counts the verdicts.
class Comparison {
 public:
  void Compare(std::span<const Case> cases, absl::Time time = kNow) {
    std::vector<CardQuestion> questions;
    for (const Case& one : cases) questions.push_back(one.Question());
    std::vector<CardFinding> fast(cases.size());
    std::vector<CardFinding> slow(cases.size());
    auto verify = [&](auto checks, auto outcomes) { return verifier_->Verify(checks, outcomes); };
    ASSERT_TRUE(automatic_.CheckBatch(questions, time, fast, verify).ok());
    ASSERT_TRUE(slow_only_.CheckBatch(questions, time, slow, VerifyOneByOne).ok());
    for (size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(Text(fast[i]), Text(slow[i]))
          << cases[i].what << "\nslow path: " << slow[i].verdict.diagnostic << "\n"
          << base::Base64Encode(cases[i].certificate);
      ++verdicts_[std::string(pki::Name(fast[i].verdict.reason)) +
                  (fast[i].verdict.cert_index == 1 ? " of the issuer" : "")];
    }
  }

  const std::map<std::string, int>& verdicts() const { return verdicts_; }

 private:
  const CardValidator automatic_ = MakeValidator(Issuers(), CardValidator::Paths::kAuto);
  const CardValidator slow_only_ = MakeValidator(Issuers(), CardValidator::Paths::kSlowOnly);
  const std::unique_ptr<crypto::SignatureVerifier> verifier_ =
      crypto::SignatureVerifier::Create({}).value();
  std::map<std::string, int> verdicts_;
};

TEST(PathsAgree, OnGeneratedChainsWithChangesInEveryField) {
  const int seed = FromEnvironment("MUSUBI_AGREEMENT_SEED", 1);
  const int count = FromEnvironment("MUSUBI_AGREEMENT_CASES", kUsualCases);
  RecordProperty("seed", seed);
  Generator generator(static_cast<uint64_t>(seed));
  Comparison comparison;
  for (int done = 0; done < count && !HasFailure(); done += static_cast<int>(kBatch)) {
    std::vector<Case> cases;
    for (size_t i = 0; i < kBatch; ++i) cases.push_back(generator.Next());
    // Certificates and the slow path count in whole seconds.
    comparison.Compare(cases, kNow + absl::Milliseconds(500) * (done / 40 % 3 - 1));
  }
  for (const auto& [verdict, times] : comparison.verdicts()) {
    std::cout << times << " " << verdict << "\n";
  }
  // Lest it proves nothing: those that it reaches so often that chance cannot miss them.
  for (const char* verdict :
       {"UNSPECIFIED", "MALFORMED", "ALGORITHM_NOT_ALLOWED", "KEY_NOT_ALLOWED",
        "UNKNOWN_CRITICAL_EXTENSION", "TEST_HIERARCHY", "WRONG_KEY_USAGE", "PROFILE_MISMATCH",
        "ISSUER_UNKNOWN", "BAD_ISSUER_SIGNATURE", "EXPIRED of the issuer",
        "ISSUER_NOT_IN_USE of the issuer", "NAME_CONSTRAINTS_VIOLATED", "POSSESSION_FAILED"}) {
    EXPECT_GT(comparison.verdicts().count(verdict), 0u) << verdict;
  }
}

}  // namespace
}  // namespace musubi::jpki
