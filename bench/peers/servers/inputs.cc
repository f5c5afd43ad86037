#include "bench/peers/servers/inputs.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "sandbox/crl_publisher.h"
#include "sandbox/municipality.h"
#include "sandbox/tls_files.h"
#include "sandbox/world.h"

namespace musubi::bench {
namespace {

namespace fs = std::filesystem;
using sandbox::PrivateKey;

constexpr sandbox::Role kRole = sandbox::Role::kUserAuthentication;
constexpr size_t kMessageSize = 256;
constexpr uint64_t kFirstSerial = 120'000'000;
// Good serials are even, revoked ones odd, and lie among them.
constexpr uint64_t kSerialStep = 2;
// Of so many cards in a row there is one of each other Finding.
constexpr size_t kCardsOfEachFinding = 20;

constexpr size_t Entries(CrlSize size) { return size == CrlSize::k1m ? 1'000'000 : kCrlEntries; }

Finding FindingOf(size_t card) {
  switch (card % kCardsOfEachFinding) {
    case 3:
      return Finding::kPhone;
    case 7:
      return Finding::kRevocation;
    case 11:
      return Finding::kExpiry;
    case 17:
      return Finding::kForgedProof;
    default:
      return Finding::kNothing;
  }
}

std::string Pem(const char* label, base::ByteView der) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  MUSUBI_CHECK(PEM_write_bio(bio.get(), label, "", der.data(),
                             static_cast<long>(der.size())) > 0,  // NOLINT(runtime/int)
               "cannot write PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);  // NOLINT(runtime/int)
  return std::string(text, static_cast<size_t>(size));
}

absl::Status Write(const std::string& path, std::string_view content) {
  return base::WriteFileAtomically(path, content, 0644);
}

absl::StatusOr<std::vector<PeerCard>> MakeCards(const sandbox::Issuer& issuer,
                                                const sandbox::Municipality& municipality,
                                                absl::Time now, size_t cards, size_t keys) {
  base::SystemRandom random;
  std::vector<PrivateKey> pool;
  for (size_t i = 0; i < keys; ++i) {
    pool.push_back(PrivateKey::Generate(sandbox::KeyType::kRsa2048));
  }
  std::vector<PeerCard> made;
  for (size_t i = 0; i < cards; ++i) {
    const PrivateKey& key = pool[i % keys];
    const Finding finding = FindingOf(i);
    const sandbox::CardKind kind = finding == Finding::kPhone
                                       ? sandbox::CardKind::kPhone
                                       : sandbox::CardKind::kUserAuthentication;
    const absl::Time issued_at = now - absl::Hours(24 * (2 + random.Uniform(365)));
    MUSUBI_ASSIGN_OR_RETURN(
        sandbox::CertificateFields fields,
        sandbox::FillCardCertificate(
            issuer, {.kind = kind,
                     .serial = kFirstSerial + i * kSerialStep + (finding == Finding::kRevocation),
                     .issued_at = issued_at,
                     .birth_month = 1 + static_cast<int>(random.Uniform(12)),
                     .birth_day = 1 + static_cast<int>(random.Uniform(28)),
                     .municipality = municipality,
                     .common_name = sandbox::MakeCommonName(kind, municipality, issued_at, random),
                     .public_key = key.Public()}));
    if (finding == Finding::kExpiry) fields.not_after = now - absl::Hours(24);
    base::Bytes message(kMessageSize);
    random.Fill(message);
    base::Bytes signature = key.Sign(message);
    if (finding == Finding::kForgedProof) message[0] ^= 1;
    made.push_back({.signed_card = {sandbox::SignCertificate(fields, issuer.key),
                                    std::move(message), std::move(signature)},
                    .key = key,
                    .finding = finding});
  }
  return made;
}

absl::Status WriteCrls(const ServerInputs& inputs, const sandbox::Issuer& issuer,
                       const sandbox::Municipality& municipality, absl::Time now) {
  const absl::Time this_update = now - absl::Hours(1);
  const base::Bytes own = sandbox::MakeCrl(
      issuer,
      {.number = 1, .this_update = this_update, .distribution_point_name = sandbox::CaName(kRole)});
  const base::Bytes name = sandbox::DistributionPointName(kRole, municipality);
  for (const CrlSize size : {CrlSize::k5300, CrlSize::k1m}) {
    std::vector<sandbox::RevokedCertificate> revoked;
    for (size_t i = 0; i < Entries(size); ++i) {
      revoked.push_back({.serial = kFirstSerial + i * kSerialStep + 1,
                         .revoked_at = now - absl::Hours(24 * (1 + i % 365)),
                         .reason = sandbox::RevocationReason::kSuperseded});
    }
    const base::Bytes crl = sandbox::MakeCrl(issuer, {.number = 1,
                                                      .this_update = this_update,
                                                      .distribution_point_name = name,
                                                      .revoked = revoked});
    std::error_code error;
    fs::create_directory(inputs.crl_directory(size), error);
    if (error) return absl::ErrnoToStatus(error.value(), "cannot make the folder of a CRL");
    MUSUBI_RETURN_IF_ERROR(Write(inputs.crl_der(size), base::AsText(crl)));
    MUSUBI_RETURN_IF_ERROR(
        Write(inputs.crl_pem(size), Pem(PEM_STRING_X509_CRL, crl) + Pem(PEM_STRING_X509_CRL, own)));
    MUSUBI_RETURN_IF_ERROR(Write(
        inputs.crl_directory(size) + "/scopes.json",
        absl::StrCat(R"({"version": 1, "scopes": [{"anchor": ")",
                     sandbox::AnchorId(kRole, issuer.generation), R"(", "distribution_point": ")",
                     base::Base64Encode(name), R"(", "file": "part.crl"}]})", "\n")));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(CrlSize size) {
  switch (size) {
    case CrlSize::kNone:
      return "no_crl";
    case CrlSize::k5300:
      return "crl_5300";
    case CrlSize::k1m:
      break;
  }
  return "crl_1m";
}

std::string_view Name(Finding finding) {
  switch (finding) {
    case Finding::kNothing:
      return "valid";
    case Finding::kRevocation:
      return "revoked";
    case Finding::kExpiry:
      return "expired";
    case Finding::kForgedProof:
      return "of a forged proof";
    case Finding::kPhone:
      break;
  }
  return "a phone's";
}

std::string ServerInputs::crl_directory(CrlSize size) const {
  return absl::StrCat(directory, "/",
                      base::ToAbsl(Name(size == CrlSize::k1m ? size : CrlSize::k5300)));
}

std::string ServerInputs::crl_der(CrlSize size) const {
  return size == CrlSize::kNone ? "" : crl_directory(size) + "/part.crl";
}

std::string ServerInputs::crl_pem(CrlSize size) const {
  return size == CrlSize::kNone ? "" : crl_directory(size) + ".pem";
}

absl::StatusOr<ServerInputs> MakeServerInputs(const base::Clock& clock,
                                              const std::string& directory, size_t cards,
                                              size_t keys) {
  std::error_code error;
  ServerInputs inputs{.directory = fs::absolute(directory, error).string()};
  fs::remove_all(inputs.directory, error);
  fs::create_directories(inputs.directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + inputs.directory);
  base::SystemRandom random;
  MUSUBI_ASSIGN_OR_RETURN(
      const auto world,
      sandbox::World::Create({.clock = clock, .random = random}, {.directory = inputs.world()}));
  MUSUBI_RETURN_IF_ERROR(sandbox::WriteTlsFiles(inputs.directory, clock.Now()));
  const sandbox::Issuer* issuer = nullptr;
  for (const sandbox::Issuer& candidate : world->issuers()) {
    if (candidate.role == kRole && candidate.generation.id == "03") issuer = &candidate;
  }
  MUSUBI_CHECK(issuer != nullptr, "the world lacks the CA of today's cards");
  const base::Bytes certificate = sandbox::MakeCaCertificate(*issuer);
  MUSUBI_RETURN_IF_ERROR(Write(inputs.issuer_der(), base::AsText(certificate)));
  MUSUBI_RETURN_IF_ERROR(Write(inputs.issuer_pem(), Pem(PEM_STRING_X509, certificate)));
  const sandbox::Municipality& municipality = sandbox::Municipalities().front();
  MUSUBI_RETURN_IF_ERROR(WriteCrls(inputs, *issuer, municipality, clock.Now()));
  MUSUBI_ASSIGN_OR_RETURN(inputs.cards, MakeCards(*issuer, municipality, clock.Now(), cards, keys));
  return inputs;
}

}  // namespace musubi::bench
