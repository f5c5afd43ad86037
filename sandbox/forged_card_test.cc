#include "sandbox/forged_card.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <map>
#include <memory>
#include <string>

#include "lib/base/file.h"
#include "lib/pki/certificate.h"
#include "sandbox/register.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi::sandbox {
namespace {

using absl::StatusCode;
using X509Pointer = std::unique_ptr<X509, decltype(&X509_free)>;

class ForgedCardTest : public testing::Test {
 protected:
  // One card of each forgery for all tests: RSA keys take their time.
  const std::string& Forged(Forgery forgery) {
    static std::map<Forgery, std::string> cards;
    std::string& card = cards[forgery];
    if (card.empty()) {
      const auto path = shared_.world->IssueForgedCard(forgery);
      EXPECT_TRUE(path.ok()) << Name(forgery) << ": " << path.status();
      card = path.value_or("");
    }
    return card;
  }
  base::Bytes CertificateOf(Forgery forgery) {
    return shared_.Load(Forged(forgery))->ReadCertificate();
  }
  pki::Certificate Parsed(Forgery forgery) {
    return *pki::Certificate::Parse(CertificateOf(forgery));
  }
  // The card certificate signed by auth-03 by OpenSSL's word.
  bool IsSignedByTheCa(const base::Bytes& certificate) {
    const std::string ca = *base::ReadFile(World::CaCertificatePath(shared_.directory, "auth-03"));
    const X509Pointer issuer = FromDer(base::AsBytes(ca));
    const X509Pointer subject = FromDer(certificate);
    return X509_verify(subject.get(), X509_get0_pubkey(issuer.get())) == 1;
  }
  static X509Pointer FromDer(base::ByteView der) {
    const unsigned char* at = der.data();
    X509Pointer parsed(
        d2i_X509(nullptr, &at, static_cast<long>(der.size())),  // NOLINT(runtime/int)
        X509_free);
    EXPECT_NE(parsed, nullptr);
    return parsed;
  }

  fakes::SandboxWorld& shared_ = fakes::SandboxWorld::Get();
};

TEST_F(ForgedCardTest, OnlyTheSignatureForgeriesAreNotSignedByTheCa) {
  for (const Forgery forgery : kForgeries) {
    if (forgery == Forgery::kTruncated) continue;  // No certificate to OpenSSL either.
    const bool forged_signature = forgery == Forgery::kSelfMadeCa ||
                                  forgery == Forgery::kEvilTwin ||
                                  forgery == Forgery::kBadSignature;
    EXPECT_EQ(IsSignedByTheCa(CertificateOf(forgery)), !forged_signature) << Name(forgery);
  }
}

TEST_F(ForgedCardTest, OneThingIsWrongInEach) {
  const absl::Time now = shared_.clock.Now();
  EXPECT_EQ(Parsed(Forgery::kExpired).not_after(), now - absl::Hours(24));
  EXPECT_EQ(Parsed(Forgery::kNotYetValid).not_before(), now + absl::Hours(24));
  EXPECT_EQ(Parsed(Forgery::kUnknownPolicy).policies(), std::vector<std::string>{"2.999.9.30"});
  EXPECT_NE(base::ToBytes(Parsed(Forgery::kSelfMadeCa).issuer_der()),
            CaName(Role::kUserAuthentication));
  EXPECT_EQ(Parsed(Forgery::kUnknownCriticalExtension).critical_extensions(),
            (std::vector<std::string>{"2.5.29.15", "2.5.29.32", "2.999.9.1"}));
  EXPECT_EQ(Parsed(Forgery::kWrongAlgorithm).signature_algorithm(), std::nullopt);

  const pki::Certificate twin = Parsed(Forgery::kEvilTwin);
  const pki::Certificate ca = *pki::Certificate::Parse(
      base::AsBytes(*base::ReadFile(World::CaCertificatePath(shared_.directory, "auth-03"))));
  EXPECT_EQ(base::ToBytes(twin.issuer_der()), base::ToBytes(ca.subject_der()));
  EXPECT_EQ(twin.authority_key_identifier()->key_identifier, ca.subject_key_identifier());
}

TEST_F(ForgedCardTest, SomeAreNoCertificateToAStrictParser) {
  auto code = [&](Forgery forgery) {
    return pki::Certificate::Parse(CertificateOf(forgery)).status().code();
  };
  EXPECT_GT(CertificateOf(Forgery::kOversized).size(), pki::kMaxCertificateSize);
  EXPECT_EQ(code(Forgery::kOversized), StatusCode::kResourceExhausted);
  EXPECT_EQ(code(Forgery::kTruncated), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Forgery::kTrailingBytes), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Forgery::kNonDer), StatusCode::kInvalidArgument);
}

TEST_F(ForgedCardTest, AllProvePossessionAndReadTheirName) {
  for (const Forgery forgery : kForgeries) {
    const auto card = shared_.Load(Forged(forgery));
    EXPECT_TRUE(card->Sign("1234", base::AsBytes("challenge")).ok()) << Name(forgery);
    EXPECT_TRUE(card->ReadName("5678", base::AsBytes("challenge")).ok()) << Name(forgery);
  }
}

TEST_F(ForgedCardTest, AllButOneAreInTheRegisterAndMayBeRevoked) {
  for (const Forgery forgery : kForgeries) {
    const StatusCode expected = forgery == Forgery::kUnknownToRegister ? StatusCode::kNotFound
                                : forgery == Forgery::kTruncated ? StatusCode::kInvalidArgument
                                                                 : StatusCode::kOk;
    // Of its own, since it ends revoked; of a generation whose keys are made fast.
    const std::string card = shared_.NewCard({.generation = "04", .forgery = forgery});
    EXPECT_EQ(shared_.world->RevokeCard(card, RevocationReason::kKeyCompromise).code(), expected)
        << Name(forgery);
  }
}

TEST_F(ForgedCardTest, EveryKindAndGenerationCanBeForged) {
  const auto paths = shared_.world->IssueCards(
      {.count = 2, .generation = "04", .key_pool = 1, .forgery = Forgery::kWrongAlgorithm});
  ASSERT_TRUE(paths.ok()) << paths.status();
  ASSERT_EQ(paths->size(), 2u);
  const auto certificate = pki::Certificate::Parse(shared_.Load(paths->at(1))->ReadCertificate());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(certificate->signature_algorithm(), std::nullopt);
}

TEST(Forgery, IsReadBackByItsName) {
  for (const Forgery forgery : kForgeries) EXPECT_EQ(*ParseForgery(Name(forgery)), forgery);
  const absl::Status status = ParseForgery("perfect").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("evil-twin"), absl::string_view::npos);
}

}  // namespace
}  // namespace musubi::sandbox
