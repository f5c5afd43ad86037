#include "sandbox/virtual_card.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <string>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi::sandbox {
namespace {

using absl::StatusCode;
using base::AsBytes;

// VerifiesWith checks with the public key in `certificate`.
bool VerifiesWith(const base::Bytes& certificate, const EVP_MD* digest, base::ByteView message,
                  const base::Bytes& signature) {
  const unsigned char* at = certificate.data();
  X509* parsed =
      d2i_X509(nullptr, &at, static_cast<long>(certificate.size()));  // NOLINT(runtime/int)
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, digest, nullptr, X509_get0_pubkey(parsed)) == 1 &&
      EVP_DigestVerify(context, signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  EVP_MD_CTX_free(context);
  X509_free(parsed);
  return good;
}

TEST(VirtualCard, SignsWithTheKeyOfItsCertificate) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  for (const auto& [generation, digest] :
       {std::pair("03", EVP_sha256()), std::pair("04", EVP_sha384())}) {
    const auto card = shared.Load(shared.NewCard({.generation = generation}));
    const auto signature = card->Sign("1234", AsBytes("challenge"));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(VerifiesWith(card->ReadCertificate(), digest, AsBytes("challenge"), *signature));
    EXPECT_FALSE(VerifiesWith(card->ReadCertificate(), digest, AsBytes("other"), *signature));
  }
}

TEST(VirtualCard, LocksAfterTheThirdWrongPin) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const std::string path = shared.NewCard();
  const auto card = shared.Load(path);
  for (const int left : {2, 1, 0}) {
    EXPECT_EQ(card->Sign("0000", {}).status().code(), StatusCode::kPermissionDenied);
    EXPECT_EQ(*card->TriesLeft(Pin::kAuthentication), left);
  }
  EXPECT_EQ(card->Sign("1234", {}).status().code(), StatusCode::kFailedPrecondition);
  // The counter is the card's, not the process's; the other PIN has its own.
  const auto again = shared.Load(path);
  EXPECT_EQ(again->Sign("1234", {}).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(again->ReadName("5678", {}).ok());
}

TEST(VirtualCard, GivesTriesBackOnTheRightPin) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto card = shared.Load(shared.NewCard());
  EXPECT_EQ(card->ReadName("0000", {}).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(*card->TriesLeft(Pin::kCardInfo), 2);
  EXPECT_TRUE(card->ReadName("5678", {}).ok());
  EXPECT_EQ(*card->TriesLeft(Pin::kCardInfo), kPinTries);
}

TEST(VirtualCard, AnswersNothingIfTheTryCannotBeWrittenDown) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto card = shared.Load(shared.NewCard());
  // No file may grow: the write fails, and with it the right PIN.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit no_growth = {.rlim_cur = 0, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &no_growth), 0);
  const absl::Status status = card->Sign("1234", {}).status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), StatusCode::kOutOfRange) << status;  // EFBIG
  EXPECT_TRUE(card->Sign("1234", {}).ok());
}

TEST(VirtualCard, TakesNoTryForWhatIsNotAPin) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto card = shared.Load(shared.NewCard());
  for (const char* pin : {"", "123", "12345", "12a4"}) {
    EXPECT_EQ(card->Sign(pin, {}).status().code(), StatusCode::kInvalidArgument) << pin;
  }
  EXPECT_EQ(*card->TriesLeft(Pin::kAuthentication), kPinTries);
}

TEST(VirtualCard, RefusesAFileThatOthersMayOpen) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const std::string path = shared.NewCard();
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(VirtualCard::Load(path).status().code(), StatusCode::kFailedPrecondition);
}

TEST(VirtualCard, RefusesACounterAboveThree) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const std::string path = shared.NewCard();
  std::string text = *base::ReadFile(path);
  const std::string member = "\"authentication_tries_left\": 3";
  text.replace(text.find(member), member.size(), "\"authentication_tries_left\": 4");
  ASSERT_TRUE(base::WriteFileAtomically(path, text, 0600).ok());
  EXPECT_EQ(VirtualCard::Load(path).status().code(), StatusCode::kInvalidArgument);
}

TEST(NameStatement, CoversNameChallengeAndCertificate) {
  const base::Hash256 challenge = crypto::Sha256(AsBytes("challenge"));
  const base::Hash256 certificate = crypto::Sha256(AsBytes("certificate"));
  EXPECT_EQ(base::HexEncode(NameStatementOctets("試験\u3000一号", challenge, certificate)),
            base::HexEncode(AsBytes("MUSUBI-NAME-STATEMENT")) + "01" + "0000000f" +
                base::HexEncode(AsBytes("試験\u3000一号")) + "00000020" +
                base::HexEncode(challenge) + "00000020" + base::HexEncode(certificate));
}

TEST(NameStatement, VerifiesWithThePublishedKey) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto card = shared.Load(shared.NewCard());
  const auto statement = card->ReadName("5678", AsBytes("challenge"));
  ASSERT_TRUE(statement.ok()) << statement.status();
  EXPECT_EQ(statement->issuer_id, "sim-1");
  const std::string issuers = *base::ReadFile(shared.directory + "/name-issuers.json");
  const std::string member = "\"ed25519_public_key\": \"";
  const auto key = base::Base64UrlDecode(issuers.substr(issuers.find(member) + member.size(), 43));
  ASSERT_TRUE(key.ok());
  EVP_PKEY* public_key =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key->data(), key->size());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ASSERT_EQ(EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, public_key), 1);
  const base::Bytes octets =
      NameStatementOctets(statement->name, crypto::Sha256(AsBytes("challenge")),
                          crypto::Sha256(card->ReadCertificate()));
  EXPECT_EQ(EVP_DigestVerify(context, statement->signature.data(), statement->signature.size(),
                             octets.data(), octets.size()),
            1);
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(public_key);
}

}  // namespace
}  // namespace musubi::sandbox
