// OpenSSL's 25-test_verify: chains with purposes and options. Its files of trusted certificates may
// carry for what they are trusted or rejected; that says which of them are anchors.
#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/pki/der.h"
#include "lib/pki/name.h"
#include "tests/conformance/json.h"
#include "tests/conformance/paths.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"

namespace musubi::conformance {
namespace {

constexpr char kAnyUsage[] = "2.5.29.37.0";

// The recipe runs at the present time; its certificates last for a century.
const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone());

// The suite's own certificates break many a MUST of section 4.
pki::ValidationProfile Profile() {
  pki::ValidationProfile profile = pki::ValidationProfile::Rfc5280();
  profile.name = "rfc5280 section 6";
  profile.conformance = pki::Conformance::kNotAsked;
  return profile;
}

// A certificate and what stands behind it in a block "TRUSTED CERTIFICATE".
struct TrustedCertificate {
  base::Bytes der;
  std::optional<std::vector<std::string>> trusted_for;
  std::vector<std::string> rejected_for;
};

std::vector<std::string> Oids(base::ByteView content) {
  std::vector<std::string> oids;
  pki::DerReader reader(content);
  while (const auto oid = reader.Read(pki::der_tag::kOid)) {
    oids.push_back(pki::OidText(oid->content).value());
  }
  return oids;
}

TrustedCertificate ReadTrusted(const std::string& name) {
  const base::Bytes block = ReadOnePem(*VectorFile("openssl_verify/certs/" + name + ".pem"));
  pki::DerReader reader(block);
  const auto certificate = reader.Read();
  MUSUBI_CHECK(certificate.has_value(), name);
  TrustedCertificate trusted{base::ToBytes(certificate->whole), std::nullopt, {}};
  const auto auxiliary = reader.Read(pki::der_tag::kSequence);
  if (!auxiliary) return trusted;
  pki::DerReader parts(auxiliary->content);
  if (parts.Next(pki::der_tag::kSequence)) trusted.trusted_for = Oids(parts.Read()->content);
  if (parts.Next(pki::der_tag::Constructed(0))) {
    trusted.rejected_for = Oids(parts.Read()->content);
  }
  return trusted;
}

bool Names(const std::vector<std::string>& usages, const std::string& purpose) {
  return std::any_of(usages.begin(), usages.end(), [&](const std::string& usage) {
    return usage == purpose || usage == kAnyUsage;
  });
}

// As X509_check_trust has it.
bool IsAnchor(const TrustedCertificate& certificate, const std::string& purpose,
              bool partial_chain) {
  if (Names(certificate.rejected_for, purpose)) return false;
  if (certificate.trusted_for) return Names(*certificate.trusted_for, purpose);
  const auto parsed = pki::Certificate::Parse(certificate.der);
  return partial_chain ||
         (parsed.ok() && pki::SameName(parsed->subject_der(), parsed->issuer_der()));
}

// -purpose, as far as it concerns extendedKeyUsage.
std::string UsageOf(const std::string& purpose) {
  if (purpose == "sslserver") return "1.3.6.1.5.5.7.3.1";
  if (purpose == "sslclient") return "1.3.6.1.5.5.7.3.2";
  return "";
}

PathCase CaseOf(const Json& test) {
  PathCase c;
  c.target = ReadTrusted(test["target"].text()).der;
  for (const std::string& name : test["untrusted"].texts()) {
    c.intermediates.push_back(ReadTrusted(name).der);
  }
  c.time = kNow;
  const std::vector<std::string> options = test["options"].texts();
  bool partial_chain = false;
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i] == "-partial_chain") partial_chain = true;
    if (options[i] == "-explicit_policy") c.inputs.initial_explicit_policy = true;
    if (options[i] == "-inhibit_any") c.inputs.initial_any_policy_inhibit = true;
    if (options[i] == "-inhibit_map") c.inputs.initial_policy_mapping_inhibit = true;
    if (i + 1 == options.size()) continue;
    const std::string& value = options[i + 1];
    if (options[i] == "-attime") c.time = absl::FromUnixSeconds(std::stoll(value));
    if (options[i] == "-policy") c.inputs.initial_policies.push_back(value);
    if (options[i] == "-verify_depth") c.inputs.max_intermediates = std::stoul(value);
  }
  const std::string usage = UsageOf(test["purpose"].text_or(""));
  if (!usage.empty()) c.inputs.purpose = pki::Purpose{usage};
  for (const std::string& name : test["trusted"].texts()) {
    const TrustedCertificate trusted = ReadTrusted(name);
    // What is no anchor may still stand in a path.
    (IsAnchor(trusted, usage, partial_chain) ? c.anchors : c.intermediates).push_back(trusted.der);
  }
  return c;
}

TEST(OpenSslVerify, AgreesOnEveryCase) {
  const auto path = VectorFile("openssl_verify/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const pki::ValidationProfile profile = Profile();
  Suite suite("openssl_verify", profile.name);
  for (const Json& test : manifest["verify"].items()) {
    const PathAnswer answer = Validate(CaseOf(test), profile);
    suite.Case(test["id"].text(), test["expected"].text(), answer.word,
               test["description"].text() + ": " + answer.diagnostic);
  }
  suite.Finish();
}

// crltest.c: one leaf, lists of all kinds. X509_V_OK is valid, every error is invalid.
TEST(OpenSslCrlTest, AgreesOnEveryCase) {
  const auto path = VectorFile("openssl_verify/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const pki::ValidationProfile profile = Profile();
  auto read = [](const std::string& name) {
    return ReadOnePem(*VectorFile("openssl_verify/crltest/" + name + ".pem"));
  };
  Suite suite("openssl_crltest", profile.name);
  for (const Json& test : manifest["crltest"].items()) {
    PathCase c;
    c.target = read(test["target"].text());
    for (const std::string& name : test["trusted"].texts()) c.anchors.push_back(read(name));
    for (const std::string& name : test["crls"].texts()) c.crls.push_back(read(name));
    c.revocation = true;
    c.time = absl::FromUnixSeconds(test["verify_time_unix"].number());
    const PathAnswer answer = Validate(c, profile);
    suite.Case(test["id"].text(), test["expected"].text() == "X509_V_OK" ? "valid" : "invalid",
               answer.word, answer.diagnostic);
  }
  suite.Finish();
}

}  // namespace
}  // namespace musubi::conformance
