// What the sandbox issues, judged by a verifier that nobody here wrote: the openssl command. The
// time is the simulated one, so the system's clock does not matter.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "sandbox/municipality.h"
#include "sandbox/ocsp_responder.h"
#include "sandbox/ocsp_server.h"
#include "sandbox/tls_files.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi {
namespace {

struct Outcome {
  int exit_code;
  std::string output;  // Both streams.
};

Outcome Shell(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {-1, "popen failed"};
  std::string output;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

bool Contains(const Outcome& outcome, std::string_view text) {
  return outcome.output.find(text) != std::string::npos;
}

class SandboxOpensslTest : public testing::Test {
 protected:
  static constexpr const char* kAnchors[] = {"auth-01", "auth-02", "auth-03", "auth-04",
                                             "sign-01", "sign-02", "sign-03", "sign-04"};

  static void SetUpTestSuite() {
    fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
    std::string all;
    for (const std::string anchor : kAnchors) {
      const std::string pem = File(anchor + ".pem");
      ASSERT_EQ(Shell("openssl x509 -inform der -in " +
                      sandbox::World::CaCertificatePath(shared.directory, anchor) + " -out " + pem)
                    .exit_code,
                0);
      all += *base::ReadFile(pem);
    }
    ASSERT_TRUE(base::WriteFileAtomically(File("all.pem"), all, 0644).ok());
  }

  static std::string File(const std::string& name) {
    return fakes::SandboxWorld::Get().temp.File(name);
  }

  // A new card, and its certificate as a PEM file.
  struct Card {
    std::string path;
    std::string pem;
  };
  Card NewCard(const sandbox::World::CardOptions& options) {
    const std::string path = shared_.NewCard(options);
    const std::string der = File("card.der");
    const std::string pem = File("card-" + std::to_string(next_++) + ".pem");
    EXPECT_TRUE(
        base::WriteFileAtomically(der, base::AsText(shared_.Load(path)->ReadCertificate()), 0644)
            .ok());
    EXPECT_EQ(Shell("openssl x509 -inform der -in " + der + " -out " + pem).exit_code, 0);
    return {path, pem};
  }

  // Arguments that put OpenSSL into the simulated time.
  std::string AtTime() const {
    return " -attime " + std::to_string(absl::ToUnixSeconds(shared_.clock.Now())) + " ";
  }

  Outcome Verify(const std::string& arguments, const std::string& certificate) {
    return Shell("openssl verify -CAfile " + File("all.pem") + AtTime() + arguments + " " +
                 certificate);
  }

  // A published CRL as a PEM file.
  std::string Crl(const std::string& name) {
    const std::string pem = File(name + ".pem");
    EXPECT_EQ(Shell("openssl crl -inform der -in " + shared_.directory + "/crl/" + name + ".crl" +
                    " -out " + pem)
                  .exit_code,
              0);
    return pem;
  }

  fakes::SandboxWorld& shared_ = fakes::SandboxWorld::Get();
  static inline int next_ = 0;
};

TEST_F(SandboxOpensslTest, VerifiesUserAuthenticationCertificates) {
  for (const char* generation : {"03", "04"}) {
    const Card card = NewCard({.generation = generation});
    for (const char* arguments :
         {"", "-x509_strict", "-purpose sslclient", "-policy 2.999.1.30 -explicit_policy"}) {
      const Outcome outcome = Verify(arguments, card.pem);
      EXPECT_EQ(outcome.exit_code, 0) << generation << arguments << outcome.output;
    }
    EXPECT_TRUE(
        Contains(Verify("-policy 2.999.1.20 -explicit_policy", card.pem), "no explicit policy"));
    EXPECT_TRUE(Contains(Verify("-purpose sslserver", card.pem), "error 26"));
  }
}

TEST_F(SandboxOpensslTest, VerifiesEveryKindUnderItsOwnPolicy) {
  for (const sandbox::CardKind kind :
       {sandbox::CardKind::kUserAuthentication, sandbox::CardKind::kSignature,
        sandbox::CardKind::kPhone, sandbox::CardKind::kTest}) {
    const Card card = NewCard({.generation = "04", .kind = kind});
    const std::string policy(sandbox::PolicyOid(kind));
    const Outcome outcome = Verify("-x509_strict -explicit_policy -policy " + policy, card.pem);
    EXPECT_EQ(outcome.exit_code, 0) << policy << outcome.output;
  }
}

TEST_F(SandboxOpensslTest, NeedsTheGenerationThatIssued) {
  const Card card = NewCard({.generation = "03"});
  const Outcome outcome =
      Shell("openssl verify -CAfile " + File("auth-02.pem") + AtTime() + card.pem);
  EXPECT_TRUE(Contains(outcome, "error 20")) << outcome.output;
}

TEST_F(SandboxOpensslTest, VerifiesTheSignaturesOfCrls) {
  for (const char* anchor : {"auth-02", "auth-03", "auth-04", "sign-03"}) {
    for (const char* scope : {"-full", "-99001", "-99005"}) {
      const Outcome outcome =
          Shell("openssl crl -verify -noout -in " + Crl(std::string(anchor) + scope) + " -CAfile " +
                File(std::string(anchor) + ".pem"));
      EXPECT_TRUE(Contains(outcome, "verify OK")) << anchor << scope << outcome.output;
    }
  }
}

TEST_F(SandboxOpensslTest, FindsARevokedCardInTheCrlOfItsMunicipality) {
  const Card revoked = NewCard({.municipality = "99002", .generation = "04"});
  const Card good = NewCard({.municipality = "99002", .generation = "04"});
  ASSERT_TRUE(
      shared_.world->RevokeCard(revoked.path, sandbox::RevocationReason::kKeyCompromise).ok());
  ASSERT_TRUE(shared_.world->PublishCrls().ok());
  for (const char* crl : {"auth-04-99002", "auth-04-full"}) {
    const std::string arguments = "-crl_check -CRLfile " + Crl(crl);
    EXPECT_TRUE(Contains(Verify(arguments, revoked.pem), "certificate revoked")) << crl;
    const Outcome outcome = Verify(arguments, good.pem);
    EXPECT_EQ(outcome.exit_code, 0) << crl << outcome.output;
  }
  EXPECT_TRUE(Contains(Verify("-crl_check -CRLfile " + Crl("auth-04-99001"), good.pem),
                       "different CRL scope"));
  EXPECT_TRUE(
      Contains(Shell("openssl crl -noout -text -in " + Crl("auth-04-99002")), "Key Compromise"));
}

TEST_F(SandboxOpensslTest, PublishesCrlsThatEndAfterTwoDays) {
  const Card card = NewCard({.generation = "04"});
  const std::string crl = Crl("auth-04-99001");
  const auto at = [&](absl::Duration later) {
    return Shell("openssl verify -CAfile " + File("all.pem") + " -attime " +
                 std::to_string(absl::ToUnixSeconds(shared_.clock.Now() + later)) +
                 " -crl_check -CRLfile " + crl + " " + card.pem);
  };
  EXPECT_EQ(at(absl::Hours(48) - absl::Seconds(1)).exit_code, 0);
  EXPECT_TRUE(Contains(at(absl::Hours(48) + absl::Seconds(1)), "CRL has expired"));
}

TEST_F(SandboxOpensslTest, VerifiesAnswersOfTheOcspServer) {
  const Card revoked = NewCard({.generation = "03"});
  const Card good = NewCard({.generation = "03"});
  ASSERT_TRUE(shared_.world->RevokeCard(revoked.path, sandbox::RevocationReason::kSuperseded).ok());
  auto responder = sandbox::OcspResponder::Create(shared_.clock, {.directory = shared_.directory});
  ASSERT_TRUE(responder.ok()) << responder.status();
  const auto server = sandbox::OcspServer::Start(*std::move(responder), 0);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE((*server)->WriteRespondersFile(shared_.directory).ok());

  const std::string ca = " -CAfile " + File("auth-03.pem") + " -issuer " + File("auth-03.pem");
  // OpenSSL holds thisUpdate against the system's clock: a century of tolerance.
  const std::string lenient = AtTime() + " -validity_period 3153600000 ";
  const std::string url = " -url " + (*server)->Url("auth-03");
  const std::string saved = File("answer.der");
  Outcome outcome =
      Shell("openssl ocsp" + ca + lenient + url + " -cert " + good.pem + " -respout " + saved);
  EXPECT_TRUE(Contains(outcome, "Response verify OK")) << outcome.output;
  EXPECT_TRUE(Contains(outcome, ": good")) << outcome.output;
  EXPECT_FALSE(Contains(outcome, "nonce")) << outcome.output;
  outcome =
      Shell("openssl ocsp" + ca + lenient + " -no_nonce -respin " + saved + " -cert " + good.pem);
  EXPECT_TRUE(Contains(outcome, "Response verify OK") && Contains(outcome, ": good"))
      << outcome.output;
  outcome = Shell("openssl ocsp" + ca + lenient + url + " -sha256 -cert " + revoked.pem);
  EXPECT_TRUE(Contains(outcome, "Response verify OK")) << outcome.output;
  EXPECT_TRUE(Contains(outcome, "Reason: superseded")) << outcome.output;
  outcome = Shell("openssl ocsp" + ca + lenient + url + " -serial 5");
  EXPECT_TRUE(Contains(outcome, "5: unknown")) << outcome.output;
  // Another CA's trust does not carry.
  outcome =
      Shell("openssl ocsp -CAfile " + File("auth-02.pem") + " -issuer " + File("auth-03.pem") +
            lenient + " -no_nonce -respin " + saved + " -cert " + good.pem);
  EXPECT_TRUE(Contains(outcome, "Response Verify Failure")) << outcome.output;
  const std::string responders = *base::ReadFile(shared_.directory + "/responders.json");
  EXPECT_NE(responders.find((*server)->Url("sign-04")), std::string::npos);
}

TEST_F(SandboxOpensslTest, MakesTlsFilesForEachRole) {
  ASSERT_TRUE(sandbox::WriteTlsFiles(shared_.directory, shared_.clock.Now()).ok());
  const std::string tls = shared_.directory + "/tls/";
  const std::string verify = "openssl verify -x509_strict -CAfile " + tls + "ca.crt" + AtTime();
  for (const char* name : {"-verify_hostname localhost ", "-verify_ip 127.0.0.1 "}) {
    const Outcome outcome = Shell(verify + "-purpose sslserver " + name + tls + "server.crt");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  for (const char* name : {"-verify_hostname link.localhost ", "-verify_hostname app.localhost ",
                           "-verify_hostname account.localhost ", "-verify_hostname localhost ",
                           "-verify_ip 127.0.0.1 "}) {
    const Outcome outcome = Shell(verify + "-purpose sslserver " + name + tls + "web.crt");
    EXPECT_EQ(outcome.exit_code, 0) << name << outcome.output;
  }
  EXPECT_NE(Shell(verify + "-verify_hostname mihon.localhost " + tls + "web.crt").exit_code, 0);
  EXPECT_TRUE(base::ReadSecretFile(tls + "web.key").ok());
  for (const auto& [name, uri] :
       {std::pair<std::string, std::string>{"front", "musubi://role/front"},
        {"platform", "musubi://role/platform"},
        {"operator", "musubi://role/operator"},
        {"rp-demo-university", "musubi://role/relying-party/demo-university"}}) {
    const Outcome outcome = Shell(verify + "-purpose sslclient " + tls + name + ".crt");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_TRUE(
        Contains(Shell("openssl x509 -noout -ext subjectAltName -in " + tls + name + ".crt"),
                 "URI:" + uri + "\n"));
    EXPECT_TRUE(base::ReadSecretFile(tls + name + ".key").ok());
  }
}

}  // namespace
}  // namespace musubi
