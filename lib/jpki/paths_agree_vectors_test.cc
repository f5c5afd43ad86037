// The fast and the slow path of CardValidator give one verdict over certificates of others: as they
// are, and as cards that carry their names, serials, times and extensions, under an anchor of their
// issuer's name.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lib/jpki/card_validator.h"
#include "tests/conformance/vectors.h"
#include "tests/fakes/test_ca.h"

namespace musubi::jpki {
namespace {

using base::Bytes;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;

// Most of the vectors are valid then, and the anchor is in use.
const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone());

std::string Text(const CardFinding& finding) {
  const pki::Verdict& verdict = finding.verdict;
  return std::string(pki::Name(verdict.reason)) + " " +
         (verdict.cert_index ? std::to_string(*verdict.cert_index) : "-");
}

// Nothing if the name can be no anchor's.
std::optional<CardValidator> MakeValidator(const TestCa& ca, base::ByteView name,
                                           CardValidator::Paths paths) {
  CertificateSpec spec = ca.AnchorSpec();
  spec.issuer = spec.subject = base::ToBytes(name);
  const auto certificate = pki::Certificate::Parse(ca.Issue(spec));
  if (!certificate.ok()) return std::nullopt;
  auto store =
      pki::TrustStore::Create(pki::Environment::kSim, {fakes::AnchorOf(*certificate, "auth-01")});
  if (!store.ok()) return std::nullopt;
  return CardValidator::Create(
             *store,
             Hierarchy::Create(pki::Environment::kSim,
                               {{CertificateKind::kUserAuthentication, {"2.999.1.30"}}})
                 .value(),
             {.paths = paths})
      .value();
}

// The certificate, a card with its names, serial and times, and one with its other extensions too.
std::vector<Bytes> Cards(const TestCa& ca, const pki::CertificateView& vector) {
  CertificateSpec spec = ca.CardSpec(TestKey::Get(KeyKind::kRsa2048, 10));
  spec.serial = base::ToBytes(vector.serial);
  spec.issuer = base::ToBytes(vector.issuer);
  spec.subject = base::ToBytes(vector.subject);
  spec.not_before = vector.not_before;
  spec.not_after = vector.not_after;
  spec.Remove(fakes::kAuthorityKeyIdentifierOid);
  std::vector<Bytes> cards{base::ToBytes(vector.der), ca.Issue(spec)};
  pki::ExtensionCursor extensions = vector.Extensions();
  while (const auto extension = extensions.Next()) {
    const std::string oid = pki::OidText(extension->oid).value();
    if (oid == fakes::kKeyUsageOid || oid == fakes::kExtendedKeyUsageOid ||
        oid == fakes::kCertificatePoliciesOid || oid == fakes::kBasicConstraintsOid) {
      continue;
    }
    spec.Set(oid, extension->critical, base::ToBytes(extension->value));
  }
  cards.push_back(ca.Issue(spec));
  return cards;
}

TEST(PathsAgree, OnCertificatesOfOthersAndOnCardsLikeThem) {
  const TestCa ca;
  size_t certificates = 0;
  size_t valid = 0;
  for (const char* name : {"pkits/certs", "corpora/bssl-cert", "corpora/bssl-parse-certificate"}) {
    const auto folder = conformance::VectorFile(name);
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
      const Bytes file = conformance::ReadVector(entry.path());
      pki::CertificateView vector;
      if (!pki::ParseCertificateView(file, vector).ok()) continue;
      const auto fast = MakeValidator(ca, vector.issuer, CardValidator::Paths::kAuto);
      const auto slow = MakeValidator(ca, vector.issuer, CardValidator::Paths::kSlowOnly);
      if (!fast) continue;
      ++certificates;
      const std::vector<Bytes> cards = Cards(ca, vector);
      std::vector<CardQuestion> questions;
      for (const Bytes& card : cards) questions.push_back({card, std::nullopt});
      std::vector<CardFinding> by_fast(cards.size());
      std::vector<CardFinding> by_slow(cards.size());
      ASSERT_TRUE(fast->CheckBatch(questions, kNow, by_fast, VerifyOneByOne).ok());
      ASSERT_TRUE(slow->CheckBatch(questions, kNow, by_slow, VerifyOneByOne).ok());
      for (size_t i = 0; i < cards.size(); ++i) {
        EXPECT_EQ(Text(by_fast[i]), Text(by_slow[i])) << entry.path() << " as card " << i;
        valid += by_fast[i].verdict.valid() ? 1 : 0;
      }
    }
  }
  std::cout << certificates << " certificates, " << valid << " cards like them valid\n";
  EXPECT_GT(certificates, 200u);
  EXPECT_GT(valid, 200u);
}

}  // namespace
}  // namespace musubi::jpki
