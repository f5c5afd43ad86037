// OCSP responses of BoringSSL, OpenSSL, Go and pyca/cryptography. The policy is one for all: no
// nonce was sent, an answer without nextUpdate is current for 7 days, clocks agree.
#include "lib/pki/ocsp.h"

#include <gtest/gtest.h>

#include "lib/base/encoding.h"
#include "lib/pki/der.h"
#include "tests/conformance/json.h"
#include "tests/conformance/suite.h"
#include "tests/conformance/vectors.h"
#include "tests/fakes/test_ca.h"

namespace musubi::conformance {
namespace {

constexpr char kPolicy[] = "rfc6960, no nonce, 7 days without nextUpdate";

pki::OcspPolicy Policy() {
  pki::OcspPolicy policy;
  policy.nonce = pki::NoncePolicy::kNone;
  policy.max_age = absl::Hours(7 * 24);
  policy.skew = absl::ZeroDuration();
  return policy;
}

std::string File(const std::string& name) { return *VectorFile("ocsp/" + name); }

// DER, or the first block of a PEM file.
base::Bytes Read(const std::string& name) {
  return name.ends_with(".pem") ? ReadOnePem(File(name)) : ReadVector(File(name));
}

// A certificate as if `issuer` had made it: for responses that come without the one they are about.
// Nothing but names and serial of it is looked at.
pki::Certificate Target(const pki::Certificate& issuer, base::ByteView serial) {
  const fakes::TestCa ca;
  fakes::CertificateSpec spec = ca.CardSpec(ca.key());
  spec.issuer = base::ToBytes(issuer.subject_der());
  spec.serial = base::ToBytes(serial);
  return fakes::ParseCertificate(ca.Issue(spec));
}

// The serial number of the first SingleResponse; 1 if there is none.
base::Bytes SerialOf(base::ByteView response) {
  pki::DerReader reader(response);
  // OCSPResponse, [0] responseBytes, response, BasicOCSPResponse, tbsResponseData.
  auto enter = [&](uint8_t tag) {
    const auto element = reader.Read(tag);
    reader = pki::DerReader(element ? element->content : base::ByteView());
  };
  enter(pki::der_tag::kSequence);
  reader.Read(pki::der_tag::kEnumerated);
  enter(pki::der_tag::Constructed(0));
  enter(pki::der_tag::kSequence);
  reader.Read(pki::der_tag::kOid);
  enter(pki::der_tag::kOctetString);
  enter(pki::der_tag::kSequence);
  enter(pki::der_tag::kSequence);
  while (!reader.done() && !reader.Next(pki::der_tag::kSequence)) {
    if (!reader.Read()) return {1};
  }
  // responses, SingleResponse, certID: hashAlgorithm and two hashes, then the serial.
  for (int i = 0; i < 3; ++i) enter(pki::der_tag::kSequence);
  reader.Read();
  reader.Read();
  reader.Read();
  const auto serial = reader.Read(pki::der_tag::kInteger);
  return serial ? base::ToBytes(serial->content) : base::Bytes{1};
}

std::string Word(const pki::OcspResult& result) {
  if (!result.cert_status) return "unknown";
  switch (*result.cert_status) {
    case pki::OcspCertStatus::kGood:
      return "good";
    case pki::OcspCertStatus::kRevoked:
      return "revoked";
    case pki::OcspCertStatus::kUnknown:
      break;
  }
  return "unknown";
}

pki::OcspResult Check(base::ByteView response, const pki::Certificate& target,
                      const pki::Certificate& issuer, absl::Time time) {
  return pki::CheckOcspResponse(response, target, issuer, {}, Policy(), time);
}

TEST(Ocsp, BoringSslAgreesOnEveryCase) {
  const auto path = VectorFile("ocsp/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  Suite suite("ocsp_boringssl", kPolicy);
  for (const Json& test : manifest["boringssl"].items()) {
    const Json& files = test["files"];
    const auto target = pki::Certificate::Parse(Read(files["cert"].text()));
    const auto issuer = pki::Certificate::Parse(Read(files["issuer"].text()));
    ASSERT_TRUE(target.ok() && issuer.ok()) << test["id"].text();
    const pki::OcspResult result = Check(Read(files["response"].text()), *target, *issuer,
                                         absl::FromUnixSeconds(test["verify_time_unix"].number()));
    suite.Case(test["id"].text(), test["expected_status"].text(), Word(result),
               std::string(Name(result.outcome)));
    EXPECT_EQ(pki::BuildOcspRequest(*target, *issuer, pki::CertIdHash::kSha1, {}),
              Read(files["request"].text()))
        << test["id"].text();
  }
  suite.Finish();
}

// What OpenSSL only asks of a response is whether it is signed by somebody who may: the time of the
// answer and the certificate that it is about are not given.
TEST(Ocsp, OpenSslAgreesOnEveryCase) {
  const auto path = VectorFile("ocsp/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  Suite signers("ocsp_openssl_verify", kPolicy);
  for (const Json& test : manifest["openssl_verify"].items()) {
    const base::Bytes response = Read(test["files"]["response"].text());
    const auto issuer = pki::Certificate::Parse(Read(test["files"]["ca"].text()));
    ASSERT_TRUE(issuer.ok()) << test["id"].text();
    const pki::OcspResult result = Check(response, Target(*issuer, SerialOf(response)), *issuer,
                                         absl::FromUnixSeconds(test["verify_time_unix"].number()));
    signers.Case(test["id"].text(), test["expected"].text(),
                 result.cert_status || result.outcome == pki::OcspOutcome::kStale ? "verify-ok"
                                                                                  : "verify-fail",
                 std::string(Name(result.outcome)));
  }
  signers.Finish();
  Suite statuses("ocsp_openssl_status", kPolicy);
  for (const Json& test : manifest["openssl_status"].items()) {
    const auto target = pki::Certificate::Parse(Read(test["files"]["cert"].text()));
    const auto issuer = pki::Certificate::Parse(Read(test["files"]["issuer"].text()));
    ASSERT_TRUE(target.ok() && issuer.ok()) << test["id"].text();
    const pki::OcspResult result = Check(Read(test["files"]["response"].text()), *target, *issuer,
                                         FromRfc3339(test["this_update"].text()));
    statuses.Case(test["id"].text(), test["expected_status"].text(), Word(result),
                  std::string(Name(result.outcome)));
  }
  statuses.Finish();
}

TEST(Ocsp, GoAgreesOnEveryCase) {
  const auto path = VectorFile("ocsp/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  Suite suite("ocsp_go", kPolicy);
  for (const Json& test : manifest["go"].items()) {
    const std::string& id = test["id"].text();
    const base::Bytes file = Read(test["file"].text());
    if (!test["leaf"].is_null()) {
      const auto leaf = pki::Certificate::Parse(Read(test["leaf"].text()));
      const auto issuer = pki::Certificate::Parse(Read(test["issuer"].text()));
      ASSERT_TRUE(leaf.ok() && issuer.ok()) << id;
      const bool equal = pki::BuildOcspRequest(*leaf, *issuer, pki::CertIdHash::kSha1, {}) == file;
      suite.Case(id, "equal", equal ? "equal" : "different");
      continue;
    }
    // Without an issuer there is a reason to refuse that needs none.
    const pki::Certificate issuer = test["issuer"].is_null()
                                        ? fakes::TestCa().certificate()
                                        : *pki::Certificate::Parse(Read(test["issuer"].text()));
    const pki::OcspResult result =
        Check(file, Target(issuer, SerialOf(file)), issuer,
              absl::FromCivil(absl::CivilDay(2021, 11, 8), absl::UTCTimeZone()));
    suite.Case(id, test["issuer"].is_null() ? "UNKNOWN_CRITICAL_EXTENSION" : "ANSWERED",
               std::string(Name(result.outcome)));
  }
  suite.Finish();
}

// Requests, and responses without the certificates that they are about: no file is an answer.
TEST(Ocsp, NoFileOfPycaIsAnAnswerToUs) {
  const auto path = VectorFile("ocsp/manifest.json");
  if (!path.has_value()) return;
  const Json manifest = Json::Load(*path);
  const pki::Certificate ours = fakes::TestCa().certificate();
  Suite suite("ocsp_pyca", kPolicy);
  for (const Json& test : manifest["pyca"].items()) {
    const base::Bytes file = Read(test["file"].text());
    const Json& observed = test["observed_by_python_cryptography48"];
    const pki::OcspResult result =
        Check(file, Target(ours, SerialOf(file)), ours, FromRfc3339("2018-09-01T14:00:00+00:00"));
    const bool is_request = observed["kind"].text() == "request";
    suite.Case(test["id"].text(), is_request ? "malformed" : "no answer",
               result.outcome == pki::OcspOutcome::kMalformed ? "malformed"
               : result.cert_status                           ? "answer"
                                                              : "no answer",
               std::string(Name(result.outcome)));
  }
  suite.Finish();
}

}  // namespace
}  // namespace musubi::conformance
