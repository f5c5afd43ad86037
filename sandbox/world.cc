#include "sandbox/world.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "sandbox/file_lock.h"
#include "sandbox/json.h"
#include "sandbox/municipality.h"
#include "sandbox/register.h"
#include "sandbox/virtual_card.h"

namespace musubi::sandbox {
namespace {

constexpr std::string_view kNameIssuerId = "sim-1";

std::string NameIssuerKeyPath(const std::string& directory) {
  return absl::StrCat(directory, "/keys/name-issuer-", base::ToAbsl(kNameIssuerId), ".pem");
}

absl::Status WriteKey(const std::string& path, const PrivateKey& key) {
  return base::WriteFileAtomically(path, key.Pem().Reveal(), 0600);
}

absl::StatusOr<PrivateKey> ReadKey(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string pem, base::ReadSecretFile(path));
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(pem);
  if (!key.ok()) return base::Annotate(key.status(), path);
  return key;
}

absl::Status WriteJson(const std::string& path, const Json& json) {
  return base::WriteFileAtomically(path, json.dump(2) + "\n", 0644);
}

// Absent is as good as removed.
absl::Status RemoveFile(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot remove " + path);
  return absl::OkStatus();
}

absl::Status MakeDirectories(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(directory, error) && !fs::is_empty(directory, error)) {
    return absl::AlreadyExistsError(directory +
                                    " is not empty: give a new directory, or remove this one");
  }
  for (const char* name : {"", "/keys", "/certificates", "/crl", "/cards"}) {
    fs::create_directories(directory + name, error);
    if (error) {
      return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", directory, name));
    }
  }
  fs::permissions(directory, fs::perms::owner_all, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot chmod " + directory);
  return absl::OkStatus();
}

}  // namespace

std::string World::RegisterPath(const std::string& directory) {
  return directory + "/register.jsonl";
}
std::string World::CaKeyPath(const std::string& directory, const std::string& anchor) {
  return directory + "/keys/" + anchor + ".pem";
}
std::string World::CaCertificatePath(const std::string& directory, const std::string& anchor) {
  return directory + "/certificates/" + anchor + ".der";
}
std::string World::ResponderCertificatePath(const std::string& directory,
                                            const std::string& anchor) {
  return directory + "/certificates/ocsp-" + anchor + ".der";
}
std::string World::ResponderKeyPath(const std::string& directory, const std::string& anchor) {
  return directory + "/keys/ocsp-" + anchor + ".pem";
}

absl::StatusOr<std::unique_ptr<World>> World::Create(Dependencies dependencies, Options options) {
  MUSUBI_RETURN_IF_ERROR(MakeDirectories(options.directory));
  std::vector<Issuer> issuers;
  for (const Role role : kRoles) {
    for (const Generation& generation : Generations()) {
      issuers.push_back({.role = role,
                         .generation = generation,
                         .key = PrivateKey::Generate(generation.key_type)});
    }
  }
  NameIssuer name_issuer = {.id = std::string(kNameIssuerId),
                            .key = PrivateKey::Generate(KeyType::kEd25519)};
  std::unique_ptr<World> world(
      new World(dependencies, std::move(options), std::move(issuers), std::move(name_issuer)));
  MUSUBI_RETURN_IF_ERROR(world->WriteNewWorld());
  MUSUBI_RETURN_IF_ERROR(world->PublishCrls().status());
  return world;
}

absl::Status World::WriteNewWorld() {
  State state;
  for (const Role role : kRoles) {
    for (const Generation& generation : Generations()) {
      state.next_serial[role] = generation.serial(role) + 1;
    }
  }
  for (const Issuer& issuer : issuers_) {
    const std::string anchor = AnchorId(issuer.role, issuer.generation);
    MUSUBI_RETURN_IF_ERROR(WriteKey(CaKeyPath(directory_, anchor), issuer.key));
    MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(
        CaCertificatePath(directory_, anchor), base::AsText(MakeCaCertificate(issuer)), 0644));
    const PrivateKey responder_key = PrivateKey::Generate(issuer.generation.key_type);
    const base::Bytes responder_certificate = MakeOcspResponderCertificate(
        issuer, state.next_serial[issuer.role]++, responder_key.Public());
    MUSUBI_RETURN_IF_ERROR(WriteKey(ResponderKeyPath(directory_, anchor), responder_key));
    MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(ResponderCertificatePath(directory_, anchor),
                                                     base::AsText(responder_certificate), 0644));
  }
  MUSUBI_RETURN_IF_ERROR(WriteKey(NameIssuerKeyPath(directory_), name_issuer_.key));
  MUSUBI_RETURN_IF_ERROR(Register().Save(RegisterPath(directory_)));
  MUSUBI_RETURN_IF_ERROR(WriteTrustFiles());
  // Last, since its presence is what makes this directory a world.
  return SaveState(state);
}

absl::Status World::WriteTrustFiles() const {
  Json anchors = Json::array();
  for (const Issuer& issuer : issuers_) {
    const std::string id = AnchorId(issuer.role, issuer.generation);
    MUSUBI_ASSIGN_OR_RETURN(const std::string der,
                            base::ReadFile(CaCertificatePath(directory_, id)));
    const bool rsa = issuer.generation.key_type == KeyType::kRsa2048;
    anchors.push_back(
        {{"id", id},
         {"certificate", base::Base64Encode(base::AsBytes(der))},
         {"sha256", base::HexEncode(crypto::Sha256(base::AsBytes(der)))},
         {"role", std::string(Name(issuer.role))},
         {"environment", "SIM"},
         {"not_before_use", FormatRfc3339(issuer.generation.not_before)},
         {"distrust_after", nullptr},
         {"allowed_algorithms", Json::array({rsa ? "RSA_2048_SHA256" : "ECDSA_P384_SHA384"})}});
  }
  MUSUBI_RETURN_IF_ERROR(WriteJson(Path("anchors.json"),
                                   {{"version", 1}, {"environment", "SIM"}, {"anchors", anchors}}));

  auto policy = [](CardKind kind) { return Json::array({std::string(PolicyOid(kind))}); };
  Json policies;
  policies["user_authentication"] = policy(CardKind::kUserAuthentication);
  policies["digital_signature"] = policy(CardKind::kSignature);
  policies["phone"] = policy(CardKind::kPhone);
  policies["test"] = policy(CardKind::kTest);
  MUSUBI_RETURN_IF_ERROR(WriteJson(
      Path("hierarchy.json"), {{"version", 1}, {"environment", "SIM"}, {"policies", policies}}));

  Json name_issuer;
  name_issuer["id"] = name_issuer_.id;
  name_issuer["ed25519_public_key"] = base::Base64UrlEncode(name_issuer_.key.PublicKeyBits());
  return WriteJson(Path("name-issuers.json"),
                   {{"version", 1}, {"issuers", Json::array({name_issuer})}});
}

absl::StatusOr<std::unique_ptr<World>> World::Open(Dependencies dependencies, Options options) {
  std::vector<Issuer> issuers;
  for (const Role role : kRoles) {
    for (const Generation& generation : Generations()) {
      MUSUBI_ASSIGN_OR_RETURN(PrivateKey key,
                              ReadKey(CaKeyPath(options.directory, AnchorId(role, generation))));
      issuers.push_back({.role = role, .generation = generation, .key = std::move(key)});
    }
  }
  MUSUBI_ASSIGN_OR_RETURN(PrivateKey name_key, ReadKey(NameIssuerKeyPath(options.directory)));
  std::unique_ptr<World> world(
      new World(dependencies, std::move(options), std::move(issuers),
                {.id = std::string(kNameIssuerId), .key = std::move(name_key)}));
  MUSUBI_RETURN_IF_ERROR(world->LoadState().status());
  return world;
}

absl::StatusOr<std::vector<std::string>> World::IssueCards(const CardOptions& options) {
  if (options.count < 1 || options.count > kMaxCardsPerCall) {
    return absl::InvalidArgumentError(
        absl::StrCat("count ", options.count, " is not in 1..", kMaxCardsPerCall));
  }
  MUSUBI_RETURN_IF_ERROR(VirtualCard::CheckPin(Pin::kAuthentication, options.authentication_pin));
  MUSUBI_RETURN_IF_ERROR(VirtualCard::CheckPin(Pin::kCardInfo, options.card_info_pin));
  if (options.key_pool < 0) return absl::InvalidArgumentError("key_pool is negative");
  MUSUBI_ASSIGN_OR_RETURN(const Municipality municipality, FindMunicipality(options.municipality));
  MUSUBI_ASSIGN_OR_RETURN(const Generation generation, FindGeneration(options.generation));
  const Role role = RoleOf(options.kind);
  const Issuer& issuer = IssuerOf(role, generation.id);

  const int key_count =
      options.key_pool == 0 ? options.count : std::min(options.key_pool, options.count);
  std::vector<PrivateKey> keys;
  for (int i = 0; i < key_count; ++i) keys.push_back(PrivateKey::Generate(generation.key_type));

  MUSUBI_ASSIGN_OR_RETURN(const auto lock, FileLock::Acquire(Path("world.lock")));
  MUSUBI_ASSIGN_OR_RETURN(State state, LoadState());
  MUSUBI_ASSIGN_OR_RETURN(Register issued, Register::Load(RegisterPath(directory_)));
  const absl::Time now = clock_.Now();
  std::vector<std::pair<std::string, VirtualCard::Contents>> cards;
  for (int i = 0; i < options.count; ++i) {
    const PrivateKey& key = keys[static_cast<size_t>(i % key_count)];
    const uint64_t serial = state.next_serial[role]++;
    const uint64_t number = state.next_card++;
    const CardFields fields = {
        .kind = options.kind,
        .serial = serial,
        .issued_at = now,
        .birth_month = static_cast<int>(1 + random_.Uniform(12)),
        .birth_day = static_cast<int>(1 + random_.Uniform(28)),
        .municipality = municipality,
        .common_name = MakeCommonName(options.kind, municipality, now, random_),
        .holder_name = HolderName(number),
        .public_key = key.Public()};
    MUSUBI_ASSIGN_OR_RETURN(base::Bytes certificate,
                            options.forgery ? ForgeCardCertificate(issuer, fields, *options.forgery)
                                            : MakeCardCertificate(issuer, fields));
    if (options.forgery != Forgery::kUnknownToRegister) {
      issued.Add({.role = role,
                  .serial = serial,
                  .generation = options.generation,
                  .municipality = options.municipality,
                  .revocation = std::nullopt});
    }
    cards.emplace_back(
        Path(absl::StrCat("cards/", number, ".card.json")),
        VirtualCard::Contents{
            .kind = options.kind,
            .certificate = std::move(certificate),
            .key = key,
            .holder_name = HolderName(number),
            .authentication_pin = base::Secret<std::string>(options.authentication_pin),
            .card_info_pin = base::Secret<std::string>(options.card_info_pin),
            .name_issuer = name_issuer_});
  }

  // Numbers are spent before a card exists: after a crash some are missing, none is used twice.
  MUSUBI_RETURN_IF_ERROR(SaveState(state));
  MUSUBI_RETURN_IF_ERROR(issued.Save(RegisterPath(directory_)));
  std::vector<std::string> paths;
  for (const auto& [path, contents] : cards) {
    MUSUBI_RETURN_IF_ERROR(VirtualCard::Write(path, contents));
    paths.push_back(path);
  }
  return paths;
}

absl::StatusOr<std::string> World::IssueForgedCard(Forgery forgery) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> paths, IssueCards({.forgery = forgery}));
  return paths.front();
}

absl::Status World::Revoke(Role role, uint64_t serial, RevocationReason reason) {
  MUSUBI_ASSIGN_OR_RETURN(const auto lock, FileLock::Acquire(Path("world.lock")));
  MUSUBI_ASSIGN_OR_RETURN(Register issued, Register::Load(RegisterPath(directory_)));
  MUSUBI_RETURN_IF_ERROR(issued.Revoke(role, serial, {.at = clock_.Now(), .reason = reason}));
  return issued.Save(RegisterPath(directory_));
}

absl::Status World::RevokeCard(const std::string& path, RevocationReason reason) {
  MUSUBI_ASSIGN_OR_RETURN(const auto card, VirtualCard::Load(path));
  const absl::StatusOr<uint64_t> serial = SerialOf(card->ReadCertificate());
  if (!serial.ok()) return base::Annotate(serial.status(), path);
  return Revoke(RoleOf(card->kind()), *serial, reason);
}

absl::StatusOr<int> World::PublishCrls(CrlMisbehaviour misbehaviour) {
  MUSUBI_ASSIGN_OR_RETURN(const auto lock, FileLock::Acquire(Path("world.lock")));
  MUSUBI_ASSIGN_OR_RETURN(State state, LoadState());
  MUSUBI_ASSIGN_OR_RETURN(const Register issued, Register::Load(RegisterPath(directory_)));
  const absl::Time now = clock_.Now();
  const uint64_t number = ++state.crl_number;
  // Spent before it is seen: no two CRLs of a scope ever share a number.
  MUSUBI_RETURN_IF_ERROR(SaveState(state));

  const bool missing = misbehaviour == CrlMisbehaviour::kMissingPartition;
  Json scopes = Json::array();
  auto publish = [&](const Issuer& issuer, const Municipality* municipality) -> absl::Status {
    const std::string anchor = AnchorId(issuer.role, issuer.generation);
    const std::string_view scope = municipality == nullptr ? "full" : municipality->code;
    const std::string file = absl::StrCat(anchor, "-", base::ToAbsl(scope), ".crl");
    std::optional<base::Bytes> name;
    if (municipality != nullptr) name = DistributionPointName(issuer.role, *municipality);
    if (name || !missing) {
      scopes.push_back({{"anchor", anchor},
                        {"distribution_point", name ? base::Base64Encode(*name) : "full"},
                        {"file", file}});
    }
    const std::string path = Path("crl/" + file);
    if (missing) return RemoveFile(path);
    const std::vector<RevokedCertificate> revoked =
        issued.Revoked(issuer.role, issuer.generation.id,
                       municipality == nullptr ? std::string_view() : municipality->code);
    const Issuer& other = IssuerOf(issuer.role, issuer.generation.id == "03" ? "02" : "03");
    const base::Bytes crl = MakeMisbehavingCrl(
        issuer, other,
        {.number = number, .this_update = now, .distribution_point_name = name, .revoked = revoked},
        misbehaviour);
    return base::WriteFileAtomically(path, base::AsText(crl), 0644);
  };
  for (const Issuer& issuer : issuers_) {
    if (now < issuer.generation.not_before || now > issuer.generation.not_after) continue;
    for (const Municipality& municipality : Municipalities()) {
      MUSUBI_RETURN_IF_ERROR(publish(issuer, &municipality));
    }
    MUSUBI_RETURN_IF_ERROR(publish(issuer, nullptr));
  }
  const int count = static_cast<int>(scopes.size());
  MUSUBI_RETURN_IF_ERROR(
      WriteJson(Path("crl/scopes.json"), {{"version", 1}, {"scopes", std::move(scopes)}}));
  return count;
}

absl::StatusOr<World::State> World::LoadState() const {
  const std::string path = Path("world.json");
  const auto parse = [&]() -> absl::StatusOr<State> {
    MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadSecretFile(path));
    MUSUBI_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
    State state;
    for (const Role role : kRoles) {
      const std::string member = absl::StrCat("next_serial_", base::ToAbsl(Name(role)));
      MUSUBI_ASSIGN_OR_RETURN(state.next_serial[role], Field<uint64_t>(json, member.c_str()));
    }
    MUSUBI_ASSIGN_OR_RETURN(state.next_card, Field<uint64_t>(json, "next_card"));
    MUSUBI_ASSIGN_OR_RETURN(state.crl_number, Field<uint64_t>(json, "crl_number"));
    return state;
  };
  absl::StatusOr<State> state = parse();
  if (!state.ok()) {
    return base::Annotate(state.status(), path + " (made by musubi-sandbox init) cannot be used");
  }
  return state;
}

absl::Status World::SaveState(const State& state) const {
  Json json;
  json["version"] = 1;
  json["environment"] = "SIM";
  for (const auto& [role, serial] : state.next_serial) {
    json[absl::StrCat("next_serial_", base::ToAbsl(Name(role)))] = serial;
  }
  json["next_card"] = state.next_card;
  json["crl_number"] = state.crl_number;
  return base::WriteFileAtomically(Path("world.json"), json.dump(2) + "\n", 0600);
}

const Issuer& World::IssuerOf(Role role, std::string_view generation) const {
  const auto it = std::find_if(issuers_.begin(), issuers_.end(), [&](const Issuer& issuer) {
    return issuer.role == role && issuer.generation.id == generation;
  });
  MUSUBI_CHECK(it != issuers_.end(), "every role has every generation");
  return *it;
}

std::string World::Path(std::string_view name) const {
  return absl::StrCat(directory_, "/", base::ToAbsl(name));
}

std::string HolderName(uint64_t number) {
  static constexpr std::string_view kDigits[] = {"〇", "一", "二", "三", "四",
                                                 "五", "六", "七", "八", "九"};
  std::string digits;
  for (const char c : absl::StrCat(number)) digits += kDigits[c - '0'];
  return "試験\u3000" + digits + "号";
}

}  // namespace musubi::sandbox
