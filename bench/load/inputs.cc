#include "bench/load/inputs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/question.pb.h"
#include "bench/load/question_file.h"
#include "lib/base/bytes.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/crl_publisher.h"
#include "sandbox/forged_card.h"
#include "sandbox/json.h"
#include "sandbox/municipality.h"
#include "sandbox/ocsp_server.h"
#include "sandbox/private_key.h"
#include "sandbox/register.h"
#include "sandbox/stage/server_files.h"
#include "sandbox/tls_files.h"
#include "sandbox/world.h"

namespace musubi::bench {
namespace {

namespace fs = std::filesystem;
using sandbox::PrivateKey;

constexpr sandbox::Role kRole = sandbox::Role::kUserAuthentication;
constexpr char kGeneration[] = "03";
// Above the CA's own number, below the next generation's.
constexpr uint64_t kFirstSerial = 114'001'000;
// As long as an encoded challenge with a short origin.
constexpr size_t kMessageSize = 256;
// Cards are up to so many days old: each is good for a year and more.
constexpr uint32_t kMaxAgeDays = 900;
// Raised when the directory is laid out in another way.
constexpr int kLayout = 2;

enum class Kind : uint8_t {
  kGood,
  kRevoked,
  kExpired,
  // Forged, in turn: the CA's signature on the certificate, then the card's on the message.
  kFlippedBit,
  kSignedByAnotherKey,
  kProofByAnotherKey,
  kProofOverAnotherMessage,
};
constexpr std::array kForgedKinds = {Kind::kFlippedBit, Kind::kSignedByAnotherKey,
                                     Kind::kProofByAnotherKey, Kind::kProofOverAnotherMessage};

musubi::v1::VerdictReason ReasonOf(Kind kind) {
  switch (kind) {
    case Kind::kGood:
      break;
    case Kind::kRevoked:
      return musubi::v1::VERDICT_REASON_REVOKED;
    case Kind::kExpired:
      return musubi::v1::VERDICT_REASON_EXPIRED;
    case Kind::kFlippedBit:
    case Kind::kSignedByAnotherKey:
      return musubi::v1::VERDICT_REASON_BAD_ISSUER_SIGNATURE;
    case Kind::kProofByAnotherKey:
    case Kind::kProofOverAnotherMessage:
      return musubi::v1::VERDICT_REASON_POSSESSION_FAILED;
  }
  return musubi::v1::VERDICT_REASON_UNSPECIFIED;
}

// SeededRandom draws the same again from the same seed and stream (splitmix64). Nothing here is a
// secret. For one thread.
class SeededRandom final : public base::SecureRandom {
 public:
  SeededRandom(uint64_t seed, uint64_t stream) : state_(seed) { state_ = Next() + stream; }
  void Fill(std::span<uint8_t> out) override {
    for (size_t i = 0; i < out.size(); i += sizeof(uint64_t)) {
      const uint64_t drawn = Next();
      std::memcpy(&out[i], &drawn, std::min(sizeof(drawn), out.size() - i));
    }
  }

 private:
  uint64_t Next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }

  uint64_t state_;
};
// A stream of its own for what is no card.
constexpr uint64_t kPlanStream = ~uint64_t{0};

// Runs `job` for each number below `count`, on so many threads.
void ForEach(size_t count, int threads, const std::function<void(size_t)>& job) {
  std::atomic<size_t> next = 0;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      for (size_t number = next++; number < count; number = next++) job(number);
    });
  }
  for (std::thread& thread : running) thread.join();
}

size_t ShareOf(double share, size_t cards) {
  return static_cast<size_t>(std::llround(share * static_cast<double>(cards)));
}

absl::Status CheckOptions(const InputsOptions& options) {
  if (options.directory.empty()) return absl::InvalidArgumentError("no directory is given");
  if (options.cards < 1 || options.cards > kMaxLoadCards || options.keys < 2 ||
      options.threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("1 to ", kMaxLoadCards, " cards, of at least 2 keys, on at least 1 thread"));
  }
  for (const double share : {options.revoked, options.expired, options.forged}) {
    if (!(share >= 0 && share <= 1)) {
      return absl::InvalidArgumentError("a share of the cards is 0 to 1");
    }
  }
  const size_t revoked = ShareOf(options.revoked, options.cards);
  if (revoked + ShareOf(options.expired, options.cards) + ShareOf(options.forged, options.cards) >
      options.cards) {
    return absl::InvalidArgumentError(
        "revoked, expired and forged exclude each other: their "
        "shares are 1 at most, together");
  }
  if (options.crl_entries < revoked) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.crl_entries, " entries of the CRL are too few: ", revoked, " cards are revoked"));
  }
  if (options.swap_crl_entries != 0 && options.swap_crl_entries < options.crl_entries) {
    return absl::InvalidArgumentError(
        "nothing un-revokes: the list to swap has at least the entries of the other");
  }
  if (options.cards + std::max(options.crl_entries, options.swap_crl_entries) > kLoadSerials) {
    return absl::InvalidArgumentError(
        absl::StrCat("cards and entries are more than the generation has serials, ", kLoadSerials));
  }
  if (options.ocsp_port < 0 || options.ocsp_port > 65535) {
    return absl::InvalidArgumentError("the responder's port is 0 to 65535");
  }
  return absl::OkStatus();
}

// inputs.json without the time.
sandbox::Json Describe(const InputsOptions& options) {
  return {{"layout", kLayout},
          {"cards", options.cards},
          {"keys", options.keys},
          {"revoked", options.revoked},
          {"expired", options.expired},
          {"forged", options.forged},
          {"crl_entries", options.crl_entries},
          {"swap_crl_entries", options.swap_crl_entries},
          {"ocsp_port", options.ocsp_port},
          {"seed", options.seed}};
}

std::string Path(const InputsOptions& options, std::string_view name) {
  return absl::StrCat(options.directory, "/", base::ToAbsl(name));
}
std::string DescriptionPath(const InputsOptions& options) { return Path(options, "inputs.json"); }

// Why it cannot be used as it is; empty: it can.
std::string WhyNot(const base::Clock& clock, const InputsOptions& options) {
  const auto text = base::ReadFile(DescriptionPath(options));
  if (!text.ok()) return "there is none";
  auto described = sandbox::ParseJson(*text);
  if (!described.ok() || !described->is_object()) return "it is damaged";
  const auto made = sandbox::Field<std::string>(*described, "made");
  if (!made.ok()) return "it was left half made";
  described->erase("made");
  if (*described != Describe(options)) return "it was made with other options";
  const auto at = sandbox::ParseRfc3339(*made);
  if (!at.ok()) return "it is damaged";
  const absl::Duration age = clock.Now() - *at;
  if (age > kMaxInputsAge) return "it is stale: its CRLs are more than a day old";
  if (age < absl::ZeroDuration()) return "it was made in the future";
  return "";
}

// An empty directory that is ours, but for the keys of cards.
absl::Status MakeRoom(const InputsOptions& options) {
  std::error_code error;
  fs::create_directories(options.directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + options.directory);
  if (!fs::exists(DescriptionPath(options)) && !fs::is_empty(options.directory)) {
    return absl::FailedPreconditionError(
        options.directory + " holds something, but no inputs.json: give a new directory");
  }
  MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(DescriptionPath(options), "{}\n", 0644));
  for (const char* name :
       {"questions.bin", "questions-ocsp.bin", "musubid.flags", "world", "server", "tls", "swap"}) {
    fs::remove_all(Path(options, name), error);
    if (error) return absl::ErrnoToStatus(error.value(), "cannot remove " + Path(options, name));
  }
  for (const char* name : {"keys", "server", "swap"}) {
    fs::create_directory(Path(options, name), error);
    if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + Path(options, name));
  }
  fs::permissions(options.directory, fs::perms::owner_all, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot chmod " + options.directory);
  return absl::OkStatus();
}

absl::StatusOr<PrivateKey> ReadOrMakeKey(const std::string& path) {
  const auto pem = base::ReadSecretFile(path);
  if (pem.ok()) return PrivateKey::FromPem(*pem);
  if (!absl::IsNotFound(pem.status())) return pem.status();
  PrivateKey key = PrivateKey::Generate(sandbox::KeyType::kRsa2048);
  MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(path, key.Pem().Reveal(), 0600));
  return key;
}

absl::StatusOr<std::vector<PrivateKey>> ReadOrMakeKeys(const InputsOptions& options) {
  std::vector<absl::StatusOr<PrivateKey>> found(options.keys, absl::UnknownError(""));
  ForEach(options.keys, options.threads, [&](size_t i) {
    found[i] = ReadOrMakeKey(Path(options, absl::StrCat("keys/", i, ".pem")));
  });
  std::vector<PrivateKey> keys;
  for (auto& key : found) {
    if (!key.ok()) return key.status();
    keys.push_back(*std::move(key));
  }
  return keys;
}

// Who is what, and who has which serial.
class Plan {
 public:
  explicit Plan(const InputsOptions& options)
      : revoked_(ShareOf(options.revoked, options.cards)), kinds_(options.cards, Kind::kGood) {
    const size_t expired = ShareOf(options.expired, options.cards);
    const size_t forged = ShareOf(options.forged, options.cards);
    auto at = std::fill_n(kinds_.begin(), revoked_, Kind::kRevoked);
    at = std::fill_n(at, expired, Kind::kExpired);
    for (size_t i = 0; i < forged; ++i) *at++ = kForgedKinds[i % kForgedKinds.size()];
    SeededRandom random(options.seed, kPlanStream);
    for (size_t left = kinds_.size(); left > 1; --left) {
      std::swap(kinds_[left - 1], kinds_[random.Uniform(static_cast<uint32_t>(left))]);
    }
    step_ = 1 + random.Uniform(kLoadSerials - 1);
  }

  Kind kind(size_t card) const { return kinds_[card]; }
  size_t revoked() const { return revoked_; }
  // Of a number: cards come first. All are different, and in no order.
  uint64_t Serial(size_t number) const { return kFirstSerial + number * step_ % kLoadSerials; }

 private:
  const size_t revoked_;
  std::vector<Kind> kinds_;
  uint64_t step_ = 1;
};

// When number n was revoked: within the year before `now`, at different seconds.
absl::Time RevokedAt(absl::Time now, size_t number) {
  return now - absl::Hours(24) - absl::Seconds(number * 7919 % (365 * 24 * 3600));
}

// Maker makes questions; thread-safe.
class Maker {
 public:
  Maker(const InputsOptions& options, const Plan& plan, const sandbox::Issuer& issuer,
        std::span<const PrivateKey> keys, absl::Time now)
      : options_(options), plan_(plan), issuer_(issuer), keys_(keys), now_(now) {
    for (const PrivateKey& key : keys) public_keys_.push_back(key.Public());
  }

  absl::StatusOr<v1::LoadQuestion> Make(size_t card) const {
    SeededRandom random(options_.seed, card);
    const Kind kind = plan_.kind(card);
    const PrivateKey& key = keys_[card % keys_.size()];
    const PrivateKey& other = keys_[(card + 1) % keys_.size()];
    MUSUBI_ASSIGN_OR_RETURN(const base::Bytes certificate, Certificate(card, kind, other, random));
    base::Bytes message = Message(random);
    const base::Bytes signature = (kind == Kind::kProofByAnotherKey ? other : key).Sign(message);
    if (kind == Kind::kProofOverAnotherMessage) message[0] ^= 1;  // Another letter.

    v1::LoadQuestion question;
    musubi::v1::CertificateQuery& query = *question.mutable_query();
    query.set_certificate(base::ToString(certificate));
    query.mutable_proof()->set_message(base::ToString(message));
    query.mutable_proof()->set_signature(base::ToString(signature));
    query.mutable_proof()->set_algorithm(musubi::v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
    query.set_revocation_mode(musubi::v1::REVOCATION_MODE_CRL_ONLY);
    query.set_purpose(musubi::v1::CHECK_PURPOSE_SERVICE_TEST);
    question.set_status(kind == Kind::kGood ? musubi::v1::VERDICT_STATUS_VALID
                                            : musubi::v1::VERDICT_STATUS_INVALID);
    question.set_reason(ReasonOf(kind));
    return question;
  }

 private:
  absl::StatusOr<base::Bytes> Certificate(size_t card, Kind kind, const PrivateKey& other,
                                          SeededRandom& random) const {
    // That of an expired one ended a day before it was issued: see sandbox::Forgery.
    const absl::Time issued_at =
        kind == Kind::kExpired ? now_ : now_ - absl::Hours(24 * (1 + random.Uniform(kMaxAgeDays)));
    const sandbox::Municipality& municipality = sandbox::Municipalities().front();
    const sandbox::CardFields fields = {
        .serial = plan_.Serial(card),
        .issued_at = issued_at,
        .birth_month = static_cast<int>(1 + random.Uniform(12)),
        .birth_day = static_cast<int>(1 + random.Uniform(28)),
        .municipality = municipality,
        .common_name = sandbox::MakeCommonName(sandbox::CardKind::kUserAuthentication, municipality,
                                               issued_at, random),
        .public_key = public_keys_[card % keys_.size()]};
    switch (kind) {
      case Kind::kExpired:
        return sandbox::ForgeCardCertificate(issuer_, fields, sandbox::Forgery::kExpired);
      case Kind::kFlippedBit:
        return sandbox::ForgeCardCertificate(issuer_, fields, sandbox::Forgery::kBadSignature);
      case Kind::kSignedByAnotherKey: {
        MUSUBI_ASSIGN_OR_RETURN(const sandbox::CertificateFields filled,
                                sandbox::FillCardCertificate(issuer_, fields));
        return sandbox::SignCertificate(filled, other);
      }
      default:
        return sandbox::MakeCardCertificate(issuer_, fields);
    }
  }

  // Letters alone: whoever checks for My Number data finds no digits and no tags of a card.
  static base::Bytes Message(SeededRandom& random) {
    base::Bytes message(kMessageSize);
    random.Fill(message);
    for (uint8_t& octet : message) octet = static_cast<uint8_t>('a' + octet % 16);
    return message;
  }

  const InputsOptions& options_;
  const Plan& plan_;
  const sandbox::Issuer& issuer_;
  const std::span<const PrivateKey> keys_;
  std::vector<sandbox::PublicKey> public_keys_;
  const absl::Time now_;
};

absl::Status WriteQuestions(const InputsOptions& options, const Maker& maker) {
  std::vector<absl::StatusOr<std::string>> by_crl(options.cards, absl::UnknownError(""));
  std::vector<std::string> by_ocsp(options.ocsp_port == 0 ? 0 : options.cards);
  ForEach(options.cards, options.threads, [&](size_t card) {
    auto question = maker.Make(card);
    if (!question.ok()) {
      by_crl[card] = question.status();
      return;
    }
    by_crl[card] = Delimited(*question);
    if (by_ocsp.empty()) return;
    question->mutable_query()->set_revocation_mode(musubi::v1::REVOCATION_MODE_OCSP_THEN_CRL);
    by_ocsp[card] = Delimited(*question);
  });
  std::string all;
  for (const auto& question : by_crl) {
    MUSUBI_RETURN_IF_ERROR(question.status());
    all += *question;
  }
  MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(QuestionsPath(options.directory), all, 0644));
  if (by_ocsp.empty()) return absl::OkStatus();
  all.clear();
  for (const std::string& question : by_ocsp) all += question;
  return base::WriteFileAtomically(Path(options, "questions-ocsp.bin"), all, 0644);
}

// Every card is in the register, and as many revoked certificates that no question is about as the
// list still needs.
absl::Status WriteRegister(const InputsOptions& options, const Plan& plan,
                           const std::string& world_directory, absl::Time now) {
  sandbox::Register issued;
  const size_t others = options.crl_entries - plan.revoked();
  for (size_t number = 0; number < options.cards + others; ++number) {
    sandbox::IssuedCertificate certificate = {
        .role = kRole,
        .serial = plan.Serial(number),
        .generation = kGeneration,
        .municipality = std::string(sandbox::Municipalities().front().code)};
    if (number >= options.cards || plan.kind(number) == Kind::kRevoked) {
      certificate.revocation = {.at = RevokedAt(now, number),
                                .reason = sandbox::RevocationReason::kSuperseded};
    }
    issued.Add(std::move(certificate));
  }
  return issued.Save(sandbox::World::RegisterPath(world_directory));
}

// `now` is not before the time of the lists in world/crl: it would be refused as an older one.
absl::Status WriteSwap(const InputsOptions& options, const Plan& plan,
                       const sandbox::Issuer& issuer, const std::string& world_directory,
                       absl::Time now) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string state, base::ReadFile(world_directory + "/world.json"));
  MUSUBI_ASSIGN_OR_RETURN(const sandbox::Json json, sandbox::ParseJson(state));
  MUSUBI_ASSIGN_OR_RETURN(const uint64_t number, sandbox::Field<uint64_t>(json, "crl_number"));
  std::vector<sandbox::RevokedCertificate> revoked;
  revoked.reserve(options.swap_crl_entries);
  for (size_t i = 0; revoked.size() < options.swap_crl_entries; ++i) {
    if (i < options.cards && plan.kind(i) != Kind::kRevoked) continue;
    revoked.push_back({.serial = plan.Serial(i),
                       .revoked_at = RevokedAt(now, i),
                       .reason = sandbox::RevocationReason::kSuperseded});
  }
  return base::WriteFileAtomically(
      SwapPath(options.directory),
      base::AsText(
          sandbox::MakeCrl(issuer, {.number = number + 1, .this_update = now, .revoked = revoked})),
      0644);
}

absl::Status WriteServerFlags(const InputsOptions& options, const std::string& world_directory,
                              base::SecureRandom& random) {
  MUSUBI_ASSIGN_OR_RETURN(
      sandbox::ServerFlags flags,
      sandbox::WriteServerFiles(world_directory, Path(options, "server"), random));
  flags.insert({{"listen", "127.0.0.1:0"},
                {"insecure_loopback_roles",
                 absl::StrCat("front,platform,operator,relying-party/", sandbox::kDemoRelyingParty,
                              ",relying-party/", sandbox::kCardFirstRelyingParty)},
                {"responders", world_directory + "/responders.json"}});
  std::string text;
  for (const auto& [name, value] : flags) absl::StrAppend(&text, "--", name, "=", value, "\n");
  return base::WriteFileAtomically(Path(options, "musubid.flags"), text, 0644);
}

absl::Status Make(const base::Clock& clock, const InputsOptions& options) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<PrivateKey> keys, ReadOrMakeKeys(options));
  base::SystemRandom random;
  const std::string directory = Path(options, "world");
  MUSUBI_ASSIGN_OR_RETURN(
      const auto world,
      sandbox::World::Create({.clock = clock, .random = random}, {.directory = directory}));
  const auto& issuers = world->issuers();
  const auto issuer = std::ranges::find_if(issuers, [](const sandbox::Issuer& candidate) {
    return candidate.role == kRole && candidate.generation.id == kGeneration;
  });
  MUSUBI_CHECK(issuer != issuers.end(), "every role has every generation");
  const Plan plan(options);
  const absl::Time now = clock.Now();
  MUSUBI_RETURN_IF_ERROR(WriteRegister(options, plan, directory, now));
  MUSUBI_RETURN_IF_ERROR(world->PublishCrls().status());
  std::vector<std::string> anchors;
  if (options.ocsp_port != 0) {
    for (const sandbox::Issuer& each : issuers) {
      anchors.push_back(sandbox::AnchorId(each.role, each.generation));
    }
  }
  MUSUBI_RETURN_IF_ERROR(sandbox::WriteRespondersFile(directory, anchors, options.ocsp_port));
  if (options.swap_crl_entries != 0) {
    MUSUBI_RETURN_IF_ERROR(WriteSwap(options, plan, *issuer, directory, clock.Now()));
  }
  MUSUBI_RETURN_IF_ERROR(WriteServerFlags(options, directory, random));
  MUSUBI_RETURN_IF_ERROR(sandbox::WriteTlsFiles(options.directory, now));
  return WriteQuestions(options, Maker(options, plan, *issuer, keys, now));
}

}  // namespace

std::string QuestionsPath(const std::string& directory) { return directory + "/questions.bin"; }
std::string SwapPath(const std::string& directory) { return directory + "/swap/auth-03-full.crl"; }

absl::Status MakeInputs(const base::Clock& clock, const InputsOptions& given,
                        const std::function<void(std::string_view)>& say) {
  MUSUBI_RETURN_IF_ERROR(CheckOptions(given));
  InputsOptions options = given;
  // Into the flags of a server that runs elsewhere.
  options.directory = fs::absolute(given.directory).lexically_normal();
  const std::string why = WhyNot(clock, options);
  if (why.empty()) {
    say(options.directory + " is complete");
    return absl::OkStatus();
  }
  say("making " + options.directory + ": " + why);
  MUSUBI_RETURN_IF_ERROR(MakeRoom(options));
  sandbox::Json described = Describe(options);
  described["made"] = sandbox::FormatRfc3339(clock.Now());
  MUSUBI_RETURN_IF_ERROR(Make(clock, options));
  // Last, since it is what makes the directory complete.
  return base::WriteFileAtomically(DescriptionPath(options), described.dump(2) + "\n", 0644);
}

}  // namespace musubi::bench
