#include "bench/validation_workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/crl_publisher.h"
#include "sandbox/der_writer.h"
#include "sandbox/municipality.h"
#include "sandbox/private_key.h"

namespace musubi::bench {
namespace {

using sandbox::PrivateKey;

constexpr sandbox::Role kRole = sandbox::Role::kUserAuthentication;
// As long as an encoded challenge with a short origin.
constexpr size_t kMessageSize = 256;
constexpr uint64_t kFirstSerial = 120'000'000;
// Revoked serials have another parity than good ones, and lie among them.
constexpr uint64_t kSerialStep = 2;

const absl::Time kValidationTime = absl::FromCivil(absl::CivilDay(2026, 6, 1), absl::UTCTimeZone());

// Maker signs cards of one CA.
class Maker {
 public:
  Maker()
      : issuer_{kRole, sandbox::FindGeneration("03").value(),
                PrivateKey::Generate(sandbox::KeyType::kRsa2048)},
        municipality_(sandbox::Municipalities().front()) {}

  const sandbox::Issuer& issuer() const { return issuer_; }
  base::Bytes distribution_point() const {
    return sandbox::DistributionPointName(kRole, municipality_);
  }

  sandbox::CertificateFields Fields(
      uint64_t serial, const PrivateKey& key,
      sandbox::CardKind kind = sandbox::CardKind::kUserAuthentication) {
    const absl::Time issued_at = kValidationTime - absl::Hours(24 * (1 + random_.Uniform(365)));
    return sandbox::FillCardCertificate(
               issuer_,
               {.kind = kind,
                .serial = serial,
                .issued_at = issued_at,
                .birth_month = 1 + static_cast<int>(random_.Uniform(12)),
                .birth_day = 1 + static_cast<int>(random_.Uniform(28)),
                .municipality = municipality_,
                .common_name = sandbox::MakeCommonName(kind, municipality_, issued_at, random_),
                .public_key = key.Public()})
        .value();
  }

  // The proof is by `key`, whatever the certificate says.
  SignedCard Sign(const sandbox::CertificateFields& fields, const PrivateKey& key,
                  const PrivateKey& issuer_key) {
    base::Bytes message(kMessageSize);
    random_.Fill(message);
    base::Bytes signature = key.Sign(message);
    return {sandbox::SignCertificate(fields, issuer_key), std::move(message), std::move(signature)};
  }
  SignedCard Sign(const sandbox::CertificateFields& fields, const PrivateKey& key) {
    return Sign(fields, key, issuer_.key);
  }

 private:
  base::SystemRandom random_;
  const sandbox::Issuer issuer_;
  const sandbox::Municipality municipality_;
};

std::vector<BadCard> MakeBadCards(Maker& maker, uint64_t revoked_serial, const PrivateKey& key,
                                  const PrivateKey& other_key) {
  const uint64_t serial = kFirstSerial - kSerialStep;
  const sandbox::CertificateFields good = maker.Fields(serial, key);
  std::vector<BadCard> bad;

  SignedCard forged = maker.Sign(good, key);
  // The CN is printable in any case, so that no parser can refuse it instead of the signature.
  const auto name = std::search(forged.certificate.begin(), forged.certificate.end(),
                                good.subject_name.begin(), good.subject_name.end());
  MUSUBI_CHECK(name != forged.certificate.end(), "the certificate lacks its subject");
  uint8_t& last = *(name + static_cast<ptrdiff_t>(good.subject_name.size()) - 1);
  last = last == 'A' ? 'B' : 'A';
  bad.push_back({"forged_certificate", std::move(forged)});

  bad.push_back({"signed_by_another_key", maker.Sign(good, key, other_key)});

  SignedCard forged_proof = maker.Sign(good, key);
  forged_proof.signature = other_key.Sign(forged_proof.message);
  bad.push_back({"proof_of_another_key", std::move(forged_proof)});

  SignedCard other_message = maker.Sign(good, key);
  other_message.message[0] ^= 1;
  bad.push_back({"proof_over_another_message", std::move(other_message)});

  sandbox::CertificateFields fields = good;
  fields.not_after = kValidationTime - absl::Seconds(1);
  bad.push_back({"expired", maker.Sign(fields, key)});

  fields = good;
  fields.not_before = kValidationTime + absl::Seconds(1);
  bad.push_back({"not_yet_valid", maker.Sign(fields, key)});

  fields = good;
  const base::Bytes client_auth = sandbox::DerOid("1.3.6.1.5.5.7.3.2");
  const auto usage = std::search(fields.extensions.begin(), fields.extensions.end(),
                                 client_auth.begin(), client_auth.end());
  MUSUBI_CHECK(usage != fields.extensions.end(), "the layout has no extendedKeyUsage");
  *(usage + static_cast<ptrdiff_t>(client_auth.size()) - 1) = 1;  // serverAuth
  bad.push_back({"wrong_extended_key_usage", maker.Sign(fields, key)});

  bad.push_back(
      {kWrongPolicy, maker.Sign(maker.Fields(serial, key, sandbox::CardKind::kPhone), key)});
  bad.push_back({kRevoked, maker.Sign(maker.Fields(revoked_serial, key), key)});
  return bad;
}

void AppendNumber(base::Bytes& out, int64_t number) {
  base::AppendField(out, base::AsBytes(std::to_string(number)));
}

void AppendCard(base::Bytes& out, const SignedCard& card) {
  base::AppendField(out, card.certificate);
  base::AppendField(out, card.message);
  base::AppendField(out, card.signature);
}

class Reader {
 public:
  explicit Reader(base::ByteView rest) : rest_(rest) {}

  bool good() const { return good_; }
  bool at_end() const { return good_ && rest_.empty(); }

  // Empty once anything was wrong.
  base::Bytes Field() {
    size_t size = 0;
    if (rest_.size() >= 4) {
      for (size_t i = 0; i < 4; ++i) size = size << 8 | rest_[i];
    }
    if (rest_.size() < 4 || rest_.size() - 4 < size) {
      good_ = false;
      return {};
    }
    base::Bytes field = base::ToBytes(rest_.subspan(4, size));
    rest_ = rest_.subspan(4 + size);
    return field;
  }
  int64_t Number() {
    int64_t number = 0;
    if (!absl::SimpleAtoi(base::ToString(Field()), &number)) good_ = false;
    return number;
  }
  SignedCard Card() {
    SignedCard card;
    card.certificate = Field();
    card.message = Field();
    card.signature = Field();
    return card;
  }

 private:
  base::ByteView rest_;
  bool good_ = true;
};

}  // namespace

Workload MakeWorkload(size_t cards, size_t keys) {
  Maker maker;
  std::vector<PrivateKey> pool;
  for (size_t i = 0; i < keys; ++i) {
    pool.push_back(PrivateKey::Generate(sandbox::KeyType::kRsa2048));
  }
  Workload workload{.validation_time = kValidationTime,
                    .issuer_certificate = sandbox::MakeCaCertificate(maker.issuer()),
                    .distribution_point = maker.distribution_point()};
  for (size_t i = 0; i < cards; ++i) {
    const PrivateKey& key = pool[i % keys];
    workload.cards.push_back(maker.Sign(maker.Fields(kFirstSerial + i * kSerialStep, key), key));
  }
  std::vector<sandbox::RevokedCertificate> revoked;
  for (size_t i = 0; i < kCrlEntries; ++i) {
    revoked.push_back({.serial = kFirstSerial + 1 + i * kSerialStep,
                       .revoked_at = kValidationTime - absl::Hours(24 * (1 + i % 365))});
  }
  workload.crl =
      sandbox::MakeCrl(maker.issuer(), {.number = 1,
                                        .this_update = kValidationTime - absl::Hours(1),
                                        .distribution_point_name = workload.distribution_point,
                                        .revoked = revoked});
  workload.bad_cards = MakeBadCards(maker, revoked[kCrlEntries / 2].serial, pool.front(),
                                    PrivateKey::Generate(sandbox::KeyType::kRsa2048));
  return workload;
}

base::Bytes EncodeWorkload(const Workload& workload) {
  base::Bytes out;
  base::AppendField(out, base::AsBytes(kWorkloadMagic));
  AppendNumber(out, absl::ToUnixSeconds(workload.validation_time));
  base::AppendField(out, workload.issuer_certificate);
  base::AppendField(out, workload.distribution_point);
  base::AppendField(out, workload.crl);
  AppendNumber(out, static_cast<int64_t>(workload.cards.size()));
  for (const SignedCard& card : workload.cards) AppendCard(out, card);
  AppendNumber(out, static_cast<int64_t>(workload.bad_cards.size()));
  for (const BadCard& bad : workload.bad_cards) {
    base::AppendField(out, base::AsBytes(bad.why));
    AppendCard(out, bad.card);
  }
  return out;
}

absl::StatusOr<Workload> DecodeWorkload(base::ByteView encoded) {
  Reader reader(encoded);
  if (base::ToString(reader.Field()) != kWorkloadMagic) {
    return absl::InvalidArgumentError("not a workload of this version");
  }
  Workload workload;
  workload.validation_time = absl::FromUnixSeconds(reader.Number());
  workload.issuer_certificate = reader.Field();
  workload.distribution_point = reader.Field();
  workload.crl = reader.Field();
  for (int64_t left = reader.Number(); left > 0 && reader.good(); --left) {
    workload.cards.push_back(reader.Card());
  }
  for (int64_t left = reader.Number(); left > 0 && reader.good(); --left) {
    std::string why = base::ToString(reader.Field());
    workload.bad_cards.push_back({std::move(why), reader.Card()});
  }
  if (!reader.at_end()) return absl::InvalidArgumentError("a workload that is cut or too long");
  return workload;
}

}  // namespace musubi::bench
