#include "lib/pki/trust_store.h"

#include <algorithm>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

constexpr int64_t kFileVersion = 1;
constexpr size_t kMaxIdLength = 32;

struct NamedAlgorithm {
  std::string_view name;
  KeyedAlgorithm value;
};
constexpr NamedAlgorithm kNamedAlgorithms[] = {
    {"RSA_2048_SHA256", {crypto::KeyType::kRsa2048, crypto::SignatureAlgorithm::kRsaPkcs1Sha256}},
    {"ECDSA_P384_SHA384", {crypto::KeyType::kEcP384, crypto::SignatureAlgorithm::kEcdsaP384Sha384}},
};

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// RFC 3339 in UTC with whole seconds, in the one form that is written back the same.
std::optional<absl::Time> ParseUtc(const std::string& text) {
  static constexpr char kForm[] = "%Y-%m-%dT%H:%M:%SZ";
  absl::Time time;
  if (!absl::ParseTime(kForm, text, &time, nullptr)) return std::nullopt;
  // Also keeps out "infinite-past", which has a form of its own.
  if (text.size() != 20 || absl::FormatTime(kForm, time, absl::UTCTimeZone()) != text) {
    return std::nullopt;
  }
  return time;
}

bool MayStandIn(Environment anchor, Environment store) {
  return anchor == store || (store == Environment::kSim && anchor == Environment::kTest);
}

// The rules of one anchor: nothing, or what is wrong and the fix.
std::optional<std::string> FindFault(const TrustAnchor& anchor, Environment environment) {
  const Certificate& certificate = anchor.certificate;
  if (!IsId(anchor.id)) return "an id is 1 to 32 characters of a-z, 0-9 and -";
  if (crypto::Sha256(certificate.der()) != anchor.sha256) {
    return "sha256 is not the certificate's (" +
           base::HexEncode(crypto::Sha256(certificate.der())) +
           "): find out which of the two is right";
  }
  if (!MayStandIn(anchor.environment, environment)) {
    return "an anchor of environment " + std::string(Name(anchor.environment)) +
           " must not stand in a file of environment " + std::string(Name(environment)) +
           ": remove it";
  }
  if (certificate.version() != 3 || !certificate.is_ca() ||
      !certificate.HasKeyUsage(KeyUsage::kKeyCertSign)) {
    return "the certificate is not that of a CA (v3, cA TRUE, keyUsage keyCertSign)";
  }
  if (!certificate.key_type()) return "the certificate's key is of no type that we verify with";
  const bool usable = std::any_of(anchor.allowed_algorithms.begin(),
                                  anchor.allowed_algorithms.end(), [&](const auto& allowed) {
                                    return allowed.key == certificate.key_type() &&
                                           crypto::Fits(allowed.algorithm, allowed.key);
                                  });
  if (!usable) {
    return "allowed_algorithms has none that the anchor's key (" +
           std::string(crypto::Name(*certificate.key_type())) + ") makes: name it there";
  }
  if (anchor.rule != AnchorRule::kWholeCertificate) {
    return "an anchor of a trust store is held to its whole certificate";
  }
  if (anchor.distrust_after && *anchor.distrust_after < anchor.not_before_use) {
    return "distrust_after is before not_before_use";
  }
  return std::nullopt;
}

absl::StatusOr<absl::Time> ReadTime(const base::JsonObject& entry, const std::string& key,
                                    const std::string& text) {
  const auto time = ParseUtc(text);
  if (!time) {
    return entry.Invalid("\"" + key + "\" must be a time as in 2026-01-01T00:00:00Z");
  }
  return *time;
}

absl::StatusOr<Certificate> ReadCertificate(base::JsonObject& entry) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, entry.String("certificate"));
  const auto der = base::Base64Decode(text);
  if (!der.ok()) {
    return entry.Invalid("\"certificate\" must be DER in base64 with padding, on one line");
  }
  auto certificate = Certificate::Parse(*der);
  if (!certificate.ok()) return entry.Invalid(base::ToStd(certificate.status().message()));
  return certificate;
}

absl::StatusOr<TrustAnchor> ReadAnchor(base::JsonObject& entry) {
  MUSUBI_ASSIGN_OR_RETURN(std::string id, entry.String("id"));
  MUSUBI_ASSIGN_OR_RETURN(Certificate certificate, ReadCertificate(entry));
  MUSUBI_ASSIGN_OR_RETURN(const std::string pin, entry.String("sha256"));
  const auto pin_octets = base::HexDecode(pin);
  base::Hash256 sha256{};
  if (!pin_octets.ok() || pin_octets->size() != sha256.size()) {
    return entry.Invalid("\"sha256\" must be 64 lower-case hexadecimal digits");
  }
  std::copy(pin_octets->begin(), pin_octets->end(), sha256.begin());
  MUSUBI_ASSIGN_OR_RETURN(const std::string role_name, entry.String("role"));
  const auto role = ParseAnchorRole(role_name);
  if (!role) {
    return entry.Invalid("\"role\" must be \"user_authentication\" or \"digital_signature\"");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string environment_name, entry.String("environment"));
  const auto environment = ParseEnvironment(environment_name);
  if (!environment) {
    return entry.Invalid("\"environment\" must be \"SIM\", \"TEST\" or \"PRODUCTION\"");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string from_text, entry.String("not_before_use"));
  MUSUBI_ASSIGN_OR_RETURN(const absl::Time from, ReadTime(entry, "not_before_use", from_text));
  MUSUBI_ASSIGN_OR_RETURN(const auto until_text, entry.StringOrNull("distrust_after"));
  std::optional<absl::Time> until;
  if (until_text) {
    MUSUBI_ASSIGN_OR_RETURN(until, ReadTime(entry, "distrust_after", *until_text));
  }
  MUSUBI_ASSIGN_OR_RETURN(const auto algorithm_names, entry.Strings("allowed_algorithms"));
  std::vector<KeyedAlgorithm> algorithms;
  for (const std::string& name : algorithm_names) {
    const auto* found = std::find_if(std::begin(kNamedAlgorithms), std::end(kNamedAlgorithms),
                                     [&](const auto& known) { return known.name == name; });
    if (found == std::end(kNamedAlgorithms)) {
      return entry.Invalid("\"allowed_algorithms\" holds \"" + name +
                           "\": it may hold RSA_2048_SHA256 and ECDSA_P384_SHA384");
    }
    algorithms.push_back(found->value);
  }
  MUSUBI_RETURN_IF_ERROR(entry.RefuseOthers());
  return TrustAnchor{std::move(id), std::move(certificate), sha256, *role, *environment, from,
                     until,         std::move(algorithms)};
}

}  // namespace

std::string_view Name(Environment environment) {
  switch (environment) {
    case Environment::kSim:
      return "SIM";
    case Environment::kTest:
      return "TEST";
    case Environment::kProduction:
      return "PRODUCTION";
  }
  return "UNKNOWN";
}

std::string_view Name(AnchorRole role) {
  switch (role) {
    case AnchorRole::kUserAuthentication:
      return "user_authentication";
    case AnchorRole::kDigitalSignature:
      return "digital_signature";
  }
  return "UNKNOWN";
}

std::optional<Environment> ParseEnvironment(std::string_view name) {
  for (const auto environment : {Environment::kSim, Environment::kTest, Environment::kProduction}) {
    if (Name(environment) == name) return environment;
  }
  return std::nullopt;
}

std::optional<AnchorRole> ParseAnchorRole(std::string_view name) {
  for (const auto role : {AnchorRole::kUserAuthentication, AnchorRole::kDigitalSignature}) {
    if (Name(role) == name) return role;
  }
  return std::nullopt;
}

absl::StatusOr<TrustStore> TrustStore::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return Parse(text, path);
}

absl::StatusOr<TrustStore> TrustStore::Parse(std::string_view json, std::string source) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject file, base::JsonObject::Parse(json, source));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, file.Integer("version"));
  if (version != kFileVersion) {
    return file.Invalid("\"version\" is " + std::to_string(version) + ", this program reads 1");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string environment_name, file.String("environment"));
  const auto environment = ParseEnvironment(environment_name);
  if (!environment) {
    return file.Invalid("\"environment\" must be \"SIM\", \"TEST\" or \"PRODUCTION\"");
  }
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::JsonObject> entries, file.Objects("anchors"));
  MUSUBI_RETURN_IF_ERROR(file.RefuseOthers());
  std::vector<TrustAnchor> anchors;
  for (base::JsonObject& entry : entries) {
    MUSUBI_ASSIGN_OR_RETURN(TrustAnchor anchor, ReadAnchor(entry));
    anchors.push_back(std::move(anchor));
  }
  auto store = Create(*environment, std::move(anchors));
  if (!store.ok()) return base::Annotate(store.status(), source);
  return store;
}

absl::StatusOr<TrustStore> TrustStore::Create(Environment environment,
                                              std::vector<TrustAnchor> anchors) {
  if (anchors.empty()) return absl::InvalidArgumentError("no anchor: nothing could be validated");
  for (size_t i = 0; i < anchors.size(); ++i) {
    auto invalid = [&](const std::string& what) {
      return absl::InvalidArgumentError("anchors[" + std::to_string(i) + "] (" + anchors[i].id +
                                        "): " + what);
    };
    if (const auto fault = FindFault(anchors[i], environment)) return invalid(*fault);
    for (size_t j = 0; j < i; ++j) {
      if (anchors[j].id == anchors[i].id) return invalid("this id came before: choose another");
      if (anchors[j].sha256 == anchors[i].sha256) {
        return invalid("this certificate came before, as " + anchors[j].id + ": remove one");
      }
    }
  }
  return TrustStore(std::make_shared<const State>(State{environment, std::move(anchors)}));
}

const TrustAnchor* TrustStore::Find(std::string_view id) const {
  for (const TrustAnchor& anchor : anchors()) {
    if (anchor.id == id) return &anchor;
  }
  return nullptr;
}

std::vector<const TrustAnchor*> TrustStore::FindBySubject(base::ByteView name_der) const {
  std::vector<const TrustAnchor*> found;
  for (const TrustAnchor& anchor : anchors()) {
    if (SameName(anchor.certificate.subject_der(), name_der)) found.push_back(&anchor);
  }
  return found;
}

}  // namespace musubi::pki
