#include "services/musubictl/validate_question.h"

#include <simdjson.h>

#include <algorithm>
#include <bitset>
#include <iterator>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "services/musubictl/pem.h"

namespace musubi::services::musubictl {

namespace dom = simdjson::dom;

// A parsed object and what its views are into.
struct QuestionReader::Defaults {
  dom::parser parser;
  dom::object object;
};

// A member of the question or, where that lacks it, of the defaults. Its texts live as long as the
// parser of either is not used again.
class Members {
 public:
  Members(const dom::object& own, const dom::object& defaults) : own_(own), defaults_(defaults) {}

  // Nothing if neither has it; null hides a default.
  std::optional<dom::element> Find(std::string_view name) const {
    dom::element found;
    if (own_.at_key(name).get(found) != simdjson::SUCCESS &&
        defaults_.at_key(name).get(found) != simdjson::SUCCESS) {
      return std::nullopt;
    }
    return found.is_null() ? std::nullopt : std::optional(found);
  }

  // As JSON, the same for what is the same; empty if it is absent.
  std::string Json(std::string_view name) const {
    const auto member = Find(name);
    return member ? std::string(simdjson::minify(*member)) : std::string();
  }
  absl::StatusOr<std::string_view> Text(std::string_view name,
                                        std::string_view fallback = {}) const {
    const auto member = Find(name);
    if (!member) return fallback;
    std::string_view text;
    if (member->get(text) == simdjson::SUCCESS) return text;
    return Wrong(name, "a string");
  }
  absl::StatusOr<bool> Flag(std::string_view name) const {
    const auto member = Find(name);
    if (!member) return false;
    bool flag = false;
    if (member->get(flag) == simdjson::SUCCESS) return flag;
    return Wrong(name, "true or false");
  }
  // A string stands for a list of one.
  absl::StatusOr<std::vector<std::string_view>> Texts(std::string_view name) const {
    const auto member = Find(name);
    std::vector<std::string_view> texts;
    if (!member) return texts;
    dom::array array;
    if (member->get(array) != simdjson::SUCCESS) {
      if (!member->is_string()) return Wrong(name, "a list of strings");
      return std::vector{std::string_view(*member)};
    }
    for (const dom::element item : array) {
      std::string_view text;
      if (item.get(text) != simdjson::SUCCESS) return Wrong(name, "a list of strings");
      texts.push_back(text);
    }
    return texts;
  }

  static absl::Status Wrong(std::string_view name, std::string_view rule) {
    return absl::InvalidArgumentError(std::string(name) + ": must be " + std::string(rule));
  }

 private:
  const dom::object& own_;
  const dom::object& defaults_;
};

namespace {

constexpr std::string_view kMembers[] = {"id",
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

// An object whose members are all known, each given once.
absl::StatusOr<dom::object> ReadObject(dom::parser& parser, std::string_view text) {
  dom::object object;
  if (parser.parse(text.data(), text.size()).get(object) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("a question must be a JSON object");
  }
  std::bitset<std::size(kMembers)> given;
  for (const auto& [name, value] : object) {
    const auto known = std::ranges::find(kMembers, name);
    if (known == std::end(kMembers)) {
      return absl::InvalidArgumentError(std::string(name) +
                                        ": unknown member; see docs/validate.md");
    }
    const auto number = static_cast<size_t>(known - std::begin(kMembers));
    if (given[number]) return Members::Wrong(name, "given once");
    given.set(number);
  }
  return object;
}

constexpr std::string_view kInline = "base64:";

// A path by itself, a content by its hash.
std::string CacheKey(std::string_view source) {
  if (!source.starts_with(kInline)) return std::string(source);
  return std::string(kInline) + base::HexEncode(crypto::Sha256(base::AsBytes(source)));
}

// "base64:..." is the content itself, everything else a path.
absl::StatusOr<base::Bytes> Content(std::string_view name, std::string_view source) {
  if (!source.starts_with(kInline)) {
    const auto content = base::ReadFile(std::string(source));
    if (content.ok()) return base::ToBytes(*content);
    return absl::InvalidArgumentError(std::string(name) + ": " +
                                      std::string(content.status().message()));
  }
  auto octets = base::Base64Decode(source.substr(kInline.size()));
  if (!octets.ok()) {
    return Members::Wrong(name, "a path, or base64: and standard base64 with padding");
  }
  return octets;
}

// DER, or every PEM block of one of the labels.
absl::StatusOr<std::vector<base::Bytes>> Objects(std::string_view name, std::string_view source,
                                                 std::string_view label) {
  MUSUBI_ASSIGN_OR_RETURN(base::Bytes content, Content(name, source));
  auto objects = ReadPemOrDer(std::move(content), label);
  if (objects.ok()) return objects;
  return absl::InvalidArgumentError(std::string(name) + ": " +
                                    std::string(objects.status().message()));
}

absl::StatusOr<std::vector<base::Bytes>> AllObjects(const Members& members, std::string_view name,
                                                    std::string_view label) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string_view> sources, members.Texts(name));
  std::vector<base::Bytes> all;
  for (const std::string_view source : sources) {
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
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string_view> files, members.Texts("anchors"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view hierarchy_file, members.Text("hierarchy"));
  if (files.size() != 1 || hierarchy_file.empty()) {
    return absl::InvalidArgumentError(
        "anchors: the profile jpki-card takes one anchors file (docs/trust-anchors.md) and a "
        "hierarchy");
  }
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes octets_of_file, Content("anchors", files[0]));
  const std::string_view content = base::AsText(octets_of_file);
  if (const size_t first = content.find_first_not_of(" \t\r\n");
      first == std::string::npos || content[first] != '{') {
    return absl::InvalidArgumentError(
        "anchors: not JSON: under the profile jpki-card an anchor needs a role, an environment and "
        "bounds, which a certificate alone does not give; write an anchors file "
        "(docs/trust-anchors.md), or ask under the profile rfc5280");
  }
  MUSUBI_ASSIGN_OR_RETURN(
      const pki::TrustStore store,
      pki::TrustStore::Parse(content,
                             files[0].starts_with(kInline) ? "anchors" : std::string(files[0])));
  MUSUBI_ASSIGN_OR_RETURN(jpki::Hierarchy hierarchy,
                          jpki::Hierarchy::Load(std::string(hierarchy_file)));
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

absl::StatusOr<Made<std::vector<pki::Crl>>> MakeCrls(std::string_view source) {
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
absl::StatusOr<T> Choose(std::string_view member, std::string_view text,
                         const Named<T> (&choices)[N]) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return Members::Wrong(member, "one of " + names);
}

absl::StatusOr<crypto::SignatureAlgorithm> ParseAlgorithm(std::string_view name) {
  using crypto::SignatureAlgorithm;
  std::string names;
  for (const auto& algorithm : pki::ValidationProfile::Rfc5280().allowed_algorithms) {
    if (crypto::Name(algorithm) == name) return algorithm;
    names += (names.empty() ? "" : ", ") + std::string(crypto::Name(algorithm));
  }
  return Members::Wrong("proof_algorithm", "one of " + names);
}

absl::Status ReadInputs(const Members& members, pki::PathInputs& inputs) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string_view> policies,
                          members.Texts("initial_policies"));
  inputs.initial_policies.assign(policies.begin(), policies.end());
  for (const std::string& policy : inputs.initial_policies) {
    if (!pki::IsDottedOid(policy))
      return Members::Wrong("initial_policies", "OIDs, as in 2.5.29.32.0");
  }
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_explicit_policy, members.Flag("explicit_policy"));
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_policy_mapping_inhibit, members.Flag("inhibit_mapping"));
  MUSUBI_ASSIGN_OR_RETURN(inputs.initial_any_policy_inhibit, members.Flag("inhibit_any_policy"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view purpose, members.Text("purpose"));
  if (purpose.empty()) return absl::OkStatus();
  if (!pki::IsDottedOid(std::string(purpose)))
    return Members::Wrong("purpose", "the OID of an extendedKeyUsage");
  inputs.purpose = pki::Purpose{std::string(purpose)};
  return absl::OkStatus();
}

absl::Status ReadProof(const Members& members, Question& question) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view message, members.Text("proof_message"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view signature, members.Text("proof_signature"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view algorithm,
                          members.Text("proof_algorithm", "RSA_PKCS1_SHA256"));
  if (message.empty() && signature.empty()) return absl::OkStatus();
  if (message.empty() || signature.empty()) {
    return Members::Wrong("proof_message", "given together with proof_signature");
  }
  MUSUBI_ASSIGN_OR_RETURN(question.proof_message, Content("proof_message", message));
  MUSUBI_ASSIGN_OR_RETURN(question.proof_signature, Content("proof_signature", signature));
  MUSUBI_ASSIGN_OR_RETURN(question.proof_algorithm, ParseAlgorithm(algorithm));
  question.request.proof = pki::PossessionProof{question.proof_algorithm, *question.proof_message,
                                                question.proof_signature};
  return absl::OkStatus();
}

}  // namespace

QuestionReader::QuestionReader(absl::Time now)
    : now_(now), defaults_(std::make_unique<Defaults>()) {}

QuestionReader::~QuestionReader() = default;

absl::StatusOr<std::unique_ptr<QuestionReader>> QuestionReader::Create(std::string_view defaults,
                                                                       absl::Time now) {
  std::unique_ptr<QuestionReader> reader(new QuestionReader(now));
  MUSUBI_ASSIGN_OR_RETURN(
      reader->defaults_->object,
      ReadObject(reader->defaults_->parser, defaults.empty() ? "{}" : defaults));
  return reader;
}

absl::Status QuestionReader::Read(std::string_view line, Question& question) {
  thread_local dom::parser parser;  // It keeps its memory.
  MUSUBI_ASSIGN_OR_RETURN(const dom::object own, ReadObject(parser, line));
  const Members members(own, defaults_->object);
  question.id = members.Json("id");
  return ReadMembers(members, question);
}

absl::Status QuestionReader::ReadMembers(const Members& members, Question& question) {
  MUSUBI_RETURN_IF_ERROR(ReadSettings(members, question));
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view certificate, members.Text("certificate"));
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
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view response, members.Text("ocsp_response"));
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
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view profile, members.Text("profile", kRfc5280Profile));
  if (profile != kRfc5280Profile && profile != kCardProfile) {
    return Members::Wrong("profile", "rfc5280 or jpki-card");
  }
  const std::string anchors = members.Json("anchors");
  const std::string hierarchy = members.Json("hierarchy");
  const std::string key = base::ToString(crypto::Sha256LengthPrefixed(
      {base::AsBytes(profile), base::AsBytes(anchors), base::AsBytes(hierarchy)}));
  MUSUBI_ASSIGN_OR_RETURN(question.judge, judges_.Get(key, [&] {
    return profile == kRfc5280Profile ? MakeRfc5280Judge(members) : MakeCardJudge(members);
  }));
  pki::ValidationRequest& request = question.request;
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view time, members.Text("time"));
  request.validation_time = now_;
  if (!time.empty() &&
      !absl::ParseTime(absl::RFC3339_full, base::ToAbsl(time), &request.validation_time, nullptr)) {
    return Members::Wrong("time", "as in 2026-04-01T00:00:00Z");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view scope, members.Text("revocation", "whole-path"));
  using pki::RevocationScope;
  static constexpr Named<RevocationScope> kScopes[] = {{"whole-path", RevocationScope::kWholePath},
                                                       {"target", RevocationScope::kTarget},
                                                       {"none", RevocationScope::kNone}};
  MUSUBI_ASSIGN_OR_RETURN(request.revocation, Choose("revocation", scope, kScopes));
  MUSUBI_ASSIGN_OR_RETURN(const std::string_view max_crl_age, members.Text("max_crl_age"));
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
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string_view> sources, members.Texts("crls"));
  for (const std::string_view source : sources) {
    MUSUBI_ASSIGN_OR_RETURN(const std::shared_ptr<std::vector<pki::Crl>> file,
                            crls_.Get(CacheKey(source), [&] { return MakeCrls(source); }));
    question.crls.insert(question.crls.end(), file->begin(), file->end());
  }
  question.request.parsed_crls = question.crls;
  question.request.crl_signatures = &signatures_;
  return absl::OkStatus();
}

}  // namespace musubi::services::musubictl
