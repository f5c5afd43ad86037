#include "services/musubictl/validate_question.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "services/musubictl/pem.h"

namespace musubi::services::musubictl {

using Json = nlohmann::json;

// A member of the question or, where that lacks it, of the defaults.
class Members {
 public:
  Members(const Json& own, const Json& defaults) : own_(own), defaults_(defaults) {}

  // Null if neither has it.
  const Json& operator[](const char* name) const {
    static const Json kNull;
    if (const auto found = own_.find(name); found != own_.end()) return *found;
    if (const auto found = defaults_.find(name); found != defaults_.end()) return *found;
    return kNull;
  }

  absl::StatusOr<std::string> Text(const char* name, std::string fallback = {}) const {
    const Json& member = (*this)[name];
    if (member.is_null()) return fallback;
    if (member.is_string()) return member.get<std::string>();
    return Wrong(name, "a string");
  }
  absl::StatusOr<bool> Flag(const char* name) const {
    const Json& member = (*this)[name];
    if (member.is_null()) return false;
    if (member.is_boolean()) return member.get<bool>();
    return Wrong(name, "true or false");
  }
  // A string stands for a list of one.
  absl::StatusOr<std::vector<std::string>> Texts(const char* name) const {
    const Json& member = (*this)[name];
    std::vector<std::string> texts;
    if (member.is_null()) return texts;
    if (member.is_string()) return std::vector<std::string>{member.get<std::string>()};
    if (!member.is_array()) return Wrong(name, "a list of strings");
    for (const Json& item : member) {
      if (!item.is_string()) return Wrong(name, "a list of strings");
      texts.push_back(item.get<std::string>());
    }
    return texts;
  }

  static absl::Status Wrong(const std::string& name, const std::string& rule) {
    return absl::InvalidArgumentError(name + ": must be " + rule);
  }

 private:
  const Json& own_;
  const Json& defaults_;
};

namespace {

constexpr const char* kMembers[] = {"id",
                                    "anchors",
                                    "intermediates",
                                    "certificate",
                                    "crls",
                                    "ocsp_response",
                                    "time",
                                    "initial_policies",
                                    "purpose",
                                    "explicit_policy",
                                    "inhibit_mapping",
                                    "inhibit_any_policy",
                                    "profile",
                                    "hierarchy",
                                    "revocation",
                                    "max_crl_age",
                                    "proof_message",
                                    "proof_signature",
                                    "proof_algorithm"};

absl::Status CheckMembers(const Json& question) {
  if (!question.is_object()) return absl::InvalidArgumentError("a question must be a JSON object");
  for (const auto& [name, value] : question.items()) {
    if (std::ranges::find(kMembers, name) == std::end(kMembers)) {
      return absl::InvalidArgumentError(name + ": unknown member; see docs/validate.md");
    }
  }
  return absl::OkStatus();
}

constexpr std::string_view kInline = "base64:";

// A path by itself, a content by its hash.
std::string CacheKey(const std::string& source) {
  if (!source.starts_with(kInline)) return source;
  return std::string(kInline) + base::HexEncode(crypto::Sha256(base::AsBytes(source)));
}

// "base64:..." is the content itself, everything else a path.
absl::StatusOr<std::string> Content(const std::string& name, const std::string& source) {
  if (!source.starts_with(kInline)) {
    auto content = base::ReadFile(source);
    if (content.ok()) return content;
    return absl::InvalidArgumentError(name + ": " + std::string(content.status().message()));
  }
  const auto octets = base::Base64Decode(std::string_view(source).substr(kInline.size()));
  if (!octets.ok()) {
    return Members::Wrong(name, "a path, or base64: and standard base64 with padding");
  }
  return base::ToString(*octets);
}

// DER, or every PEM block of one of the labels.
absl::StatusOr<std::vector<base::Bytes>> Objects(const std::string& name, const std::string& source,
                                                 std::string_view label) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string content, Content(name, source));
  auto objects = ReadPemOrDer(content, label);
  if (objects.ok()) return objects;
  return absl::InvalidArgumentError(name + ": " + std::string(objects.status().message()));
}

absl::StatusOr<std::vector<base::Bytes>> AllObjects(const Members& members, const char* name,
                                                    std::string_view label) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> sources, members.Texts(name));
  std::vector<base::Bytes> all;
  for (const std::string& source : sources) {
    MUSUBI_ASSIGN_OR_RETURN(std::vector<base::Bytes> objects, Objects(name, source, label));
    std::ranges::move(objects, std::back_inserter(all));
  }
  return all;
}

// Trusted for any algorithm that fits its key, at all times of its own validity: what a person
// gives as an anchor, that person trusts. Its id is its hash, for want of a name.
pki::TrustAnchor PlainAnchor(const pki::Certificate& certificate) {
  const base::Hash256 sha256 = crypto::Sha256(certificate.der());
  pki::TrustAnchor anchor{.id = base::HexEncode(sha256),
                          .certificate = certificate,
                          .sha256 = sha256,
                          .role = pki::AnchorRole::kUserAuthentication,
                          .environment = pki::Environment::kSim,
                          .not_before_use = absl::InfinitePast(),
                          .distrust_after = std::nullopt,
                          .allowed_algorithms = {}};
  const pki::ValidationProfile profile = pki::ValidationProfile::Rfc5280();
  for (const auto& algorithm : profile.allowed_algorithms) {
    for (const auto key : profile.allowed_keys) {
      if (crypto::Fits(algorithm, key)) anchor.allowed_algorithms.push_back({key, algorithm});
    }
  }
  return anchor;
}

absl::StatusOr<Made<Judge>> MakeRfc5280Judge(const Members& members) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<base::Bytes> ders,
                          AllObjects(members, "anchors", "CERTIFICATE"));
  std::vector<pki::TrustAnchor> anchors;
  size_t octets = 0;
  for (const base::Bytes& der : ders) {
    octets += der.size();
    const auto certificate = pki::Certificate::Parse(der);
    if (!certificate.ok()) {
      return absl::InvalidArgumentError("anchors: anchor " + std::to_string(anchors.size() + 1) +
                                        ": " + std::string(certificate.status().message()));
    }
    anchors.push_back(PlainAnchor(*certificate));
  }
  auto judge = std::make_shared<Judge>();
  judge->validator =
      std::make_unique<pki::Validator>(std::move(anchors), pki::ValidationProfile::Rfc5280());
  return Made<Judge>{std::move(judge), octets};
}

absl::StatusOr<Made<Judge>> MakeCardJudge(const Members& members) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> files, members.Texts("anchors"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string hierarchy_file, members.Text("hierarchy"));
  if (files.size() != 1 || hierarchy_file.empty()) {
    return absl::InvalidArgumentError(
        "anchors: the profile jpki-card takes one anchors file (docs/trust-anchors.md) and a "
        "hierarchy");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string content, Content("anchors", files[0]));
  if (const size_t first = content.find_first_not_of(" \t\r\n");
      first == std::string::npos || content[first] != '{') {
    return absl::InvalidArgumentError(
        "anchors: not JSON: under the profile jpki-card an anchor needs a role, an environment and "
        "bounds, which a certificate alone does not give; write an anchors file "
        "(docs/trust-anchors.md), or ask under the profile rfc5280");
  }
  MUSUBI_ASSIGN_OR_RETURN(
      const pki::TrustStore store,
      pki::TrustStore::Parse(content, files[0].starts_with(kInline) ? "anchors" : files[0]));
  MUSUBI_ASSIGN_OR_RETURN(jpki::Hierarchy hierarchy, jpki::Hierarchy::Load(hierarchy_file));
  auto judge = std::make_shared<Judge>();
  MUSUBI_ASSIGN_OR_RETURN(jpki::CardValidator cards,
                          jpki::CardValidator::Create(store, std::move(hierarchy),
                                                      {.time_rule = pki::TimeRule::kAnyTime}));
  pki::ValidationProfile profile = cards.profile();
  judge->cards = std::make_unique<jpki::CardValidator>(std::move(cards));
  judge->validator = std::make_unique<pki::Validator>(store.anchors(), std::move(profile));
  size_t octets = 0;
  for (const pki::TrustAnchor& anchor : store.anchors()) octets += anchor.certificate.der().size();
  return Made<Judge>{std::move(judge), octets};
}

absl::StatusOr<Made<std::vector<pki::Crl>>> MakeCrls(const std::string& source) {
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::Bytes> ders, Objects("crls", source, "X509 CRL"));
  Made<std::vector<pki::Crl>> made{std::make_shared<std::vector<pki::Crl>>()};
  for (base::Bytes& der : ders) {
    made.octets += der.size();
    // One that is malformed says nothing, as in the field.
    auto parsed = pki::ParseCrl(std::move(der), pki::CrlForms::kAll);
    if (parsed.crl) made.value->push_back(*std::move(parsed.crl));
  }
  return made;
}

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

template <typename T, size_t N>
absl::StatusOr<T> Choose(const char* member, const std::string& text,
                         const Named<T> (&choices)[N]) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return Members::Wrong(member, "one of " + names);
}

absl::StatusOr<crypto::SignatureAlgorithm> ParseAlgorithm(const std::string& name) {
  using crypto::SignatureAlgorithm;
  std::string names;
  for (const auto& algorithm : pki::ValidationProfile::Rfc5280().allowed_algorithms) {
    if (crypto::Name(algorithm) == name) return algorithm;
    names += (names.empty() ? "" : ", ") + std::string(crypto::Name(algorithm));
  }
  return Members::Wrong("proof_algorithm", "one of " + names);
}

absl::Status ReadInputs(const Members& members, pki::PathInputs& inputs) {
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_policies, members.Texts("initial_policies"));
  for (const std::string& policy : inputs.initial_policies) {
    if (!pki::IsDottedOid(policy))
      return Members::Wrong("initial_policies", "OIDs, as in 2.5.29.32.0");
  }
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_explicit_policy, members.Flag("explicit_policy"));
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_policy_mapping_inhibit, members.Flag("inhibit_mapping"));
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_any_policy_inhibit, members.Flag("inhibit_any_policy"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string purpose, members.Text("purpose"));
  if (purpose.empty()) return absl::OkStatus();
  if (!pki::IsDottedOid(purpose))
    return Members::Wrong("purpose", "the OID of an extendedKeyUsage");
  inputs.purpose = pki::Purpose{purpose};
  return absl::OkStatus();
}

absl::Status ReadProof(const Members& members, Question& question) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string message, members.Text("proof_message"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string signature, members.Text("proof_signature"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string algorithm,
                          members.Text("proof_algorithm", "RSA_PKCS1_SHA256"));
  if (message.empty() && signature.empty()) return absl::OkStatus();
  if (message.empty() || signature.empty()) {
    return Members::Wrong("proof_message", "given together with proof_signature");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string message_text, Content("proof_message", message));
  MUSUBI_ASSIGN_OR_RETURN(const std::string signature_text, Content("proof_signature", signature));
  question.proof_message = base::ToBytes(message_text);
  question.proof_signature = base::ToBytes(signature_text);
  MUSUBI_ASSIGN_OR_RETURN(question.proof_algorithm, ParseAlgorithm(algorithm));
  question.request.proof = pki::PossessionProof{question.proof_algorithm, *question.proof_message,
                                                question.proof_signature};
  return absl::OkStatus();
}

}  // namespace

QuestionReader::QuestionReader(absl::Time now)
    : now_(now), defaults_(std::make_unique<Json>(Json::object())) {}

QuestionReader::~QuestionReader() = default;

absl::StatusOr<std::unique_ptr<QuestionReader>> QuestionReader::Create(std::string_view defaults,
                                                                       absl::Time now) {
  std::unique_ptr<QuestionReader> reader(new QuestionReader(now));
  if (!defaults.empty()) {
    *reader->defaults_ = Json::parse(defaults, nullptr, /*allow_exceptions=*/false);
    MUSUBI_RETURN_IF_ERROR(CheckMembers(*reader->defaults_));
  }
  return reader;
}

absl::Status QuestionReader::Read(std::string_view line, Question& question) {
  const Json own = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  MUSUBI_RETURN_IF_ERROR(CheckMembers(own));
  const Members members(own, *defaults_);
  if (const Json& id = members["id"]; !id.is_null()) question.id = id.dump();
  return ReadMembers(members, question);
}

absl::Status QuestionReader::ReadMembers(const Members& members, Question& question) {
  MUSUBI_RETURN_IF_ERROR(ReadSettings(members, question));
  MUSUBI_ASSIGN_OR_RETURN(const std::string certificate, members.Text("certificate"));
  if (certificate.empty()) return Members::Wrong("certificate", "given: what is to be validated");
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::Bytes> certificates,
                          Objects("certificate", certificate, "CERTIFICATE"));
  if (certificates.size() != 1) return Members::Wrong("certificate", "one certificate");
  question.certificate = std::move(certificates[0]);
  question.request.target = question.certificate;
  MUSUBI_ASSIGN_OR_RETURN(question.intermediates,
                          AllObjects(members, "intermediates", "CERTIFICATE"));
  question.request.intermediates = question.intermediates;
  MUSUBI_RETURN_IF_ERROR(ReadCrls(members, question));
  MUSUBI_ASSIGN_OR_RETURN(const std::string response, members.Text("ocsp_response"));
  if (!response.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(std::vector<base::Bytes> responses,
                            Objects("ocsp_response", response, "OCSP RESPONSE"));
    if (responses.size() != 1) return Members::Wrong("ocsp_response", "one response");
    question.ocsp_response = std::move(responses[0]);
    question.request.ocsp_response = *question.ocsp_response;
  }
  return ReadProof(members, question);
}

absl::Status QuestionReader::ReadSettings(const Members& members, Question& question) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string profile, members.Text("profile", "rfc5280"));
  if (profile != kRfc5280Profile && profile != kCardProfile) {
    return Members::Wrong("profile", "rfc5280 or jpki-card");
  }
  const std::string key = base::ToString(crypto::Sha256LengthPrefixed(
      {base::AsBytes(profile), base::AsBytes(members["anchors"].dump()),
       base::AsBytes(members["hierarchy"].dump())}));
  MUSUBI_ASSIGN_OR_RETURN(question.judge, judges_.Get(key, [&] {
    return profile == kRfc5280Profile ? MakeRfc5280Judge(members) : MakeCardJudge(members);
  }));
  pki::ValidationRequest& request = question.request;
  MUSUBI_ASSIGN_OR_RETURN(const std::string time, members.Text("time"));
  request.validation_time = now_;
  if (!time.empty() &&
      !absl::ParseTime(absl::RFC3339_full, base::ToAbsl(time), &request.validation_time, nullptr)) {
    return Members::Wrong("time", "as in 2026-04-01T00:00:00Z");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string scope, members.Text("revocation", "whole-path"));
  using pki::RevocationScope;
  static constexpr Named<RevocationScope> kScopes[] = {{"whole-path", RevocationScope::kWholePath},
                                                       {"target", RevocationScope::kTarget},
                                                       {"none", RevocationScope::kNone}};
  MUSUBI_ASSIGN_OR_RETURN(request.revocation, Choose("revocation", scope, kScopes));
  MUSUBI_ASSIGN_OR_RETURN(const std::string max_crl_age, members.Text("max_crl_age"));
  if (!max_crl_age.empty()) {
    absl::Duration age;
    if (!absl::ParseDuration(base::ToAbsl(max_crl_age), &age) || age <= absl::ZeroDuration()) {
      return Members::Wrong("max_crl_age", "a duration above 0, as in 168h");
    }
    request.max_crl_age = age;
  }
  return ReadInputs(members, request.inputs);
}

absl::Status QuestionReader::ReadCrls(const Members& members, Question& question) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> sources, members.Texts("crls"));
  for (const std::string& source : sources) {
    MUSUBI_ASSIGN_OR_RETURN(const std::shared_ptr<std::vector<pki::Crl>> file,
                            crls_.Get(CacheKey(source), [&] { return MakeCrls(source); }));
    question.crls.insert(question.crls.end(), file->begin(), file->end());
  }
  question.request.parsed_crls = question.crls;
  question.request.crl_signatures = &signatures_;
  return absl::OkStatus();
}

}  // namespace musubi::services::musubictl
