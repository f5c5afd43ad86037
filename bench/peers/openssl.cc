// OpenSSL as a peer: d2i_X509, X509_verify_cert with purpose and time, then the proof. What can be
// fetched or allocated once is. Policies are checked in a row of their own: most callers of OpenSSL
// do not ask for it, and it takes time, so the other rows flatter OpenSSL rather than us.
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "bench/peers/peer.h"
#include "lib/base/check.h"

namespace musubi::bench {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;

enum class Revocation {
  kNone,
  kCrlOnce,   // The CRL's signature is verified at the start, entries are looked up.
  kCrlCheck,  // X509_V_FLAG_CRL_CHECK, which verifies the CRL again each time.
};
enum class Policies { kIgnored, kChecked };

X509Ptr ParseCertificate(base::ByteView der) {
  const unsigned char* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));  // NOLINT(runtime/int)
}

class OpensslValidator {
 public:
  OpensslValidator(const Workload& workload, Revocation revocation, Policies policies)
      : revocation_(revocation), issuer_(ParseCertificate(workload.issuer_certificate)) {
    const unsigned char* at = workload.crl.data();
    crl_.reset(d2i_X509_CRL(nullptr, &at,
                            static_cast<long>(workload.crl.size())));  // NOLINT(runtime/int)
    MUSUBI_CHECK(issuer_ != nullptr && crl_ != nullptr, "OpenSSL cannot read issuer or CRL");
    MUSUBI_CHECK(X509_CRL_verify(crl_.get(), X509_get0_pubkey(issuer_.get())) == 1,
                 "OpenSSL refuses the CRL's signature");
    X509_STORE_add_cert(store_.get(), issuer_.get());
    X509_VERIFY_PARAM* parameters = X509_STORE_get0_param(store_.get());
    X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(workload.validation_time));
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
    if (policies == Policies::kChecked) {
      X509_VERIFY_PARAM_add0_policy(parameters, OBJ_txt2obj("2.999.1.30", 1));
      X509_VERIFY_PARAM_set_flags(parameters,
                                  X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_EXPLICIT_POLICY);
    }
    if (revocation == Revocation::kCrlCheck) {
      X509_STORE_add_crl(store_.get(), crl_.get());
      X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CRL_CHECK);
    }
  }

  bool Validate(const SignedCard& card) {
    const X509Ptr certificate = ParseCertificate(card.certificate);
    if (certificate == nullptr) return false;
    const bool trusted =
        X509_STORE_CTX_init(context_.get(), store_.get(), certificate.get(), nullptr) == 1 &&
        X509_verify_cert(context_.get()) == 1;
    X509_STORE_CTX_cleanup(context_.get());
    return trusted && Possesses(certificate.get(), card) && !IsRevoked(certificate.get());
  }

 private:
  bool Possesses(X509* certificate, const SignedCard& card) {
    return EVP_MD_CTX_reset(digest_context_.get()) == 1 &&
           EVP_DigestVerifyInit(digest_context_.get(), nullptr, sha256_.get(), nullptr,
                                X509_get0_pubkey(certificate)) == 1 &&
           EVP_DigestVerify(digest_context_.get(), card.signature.data(), card.signature.size(),
                            card.message.data(), card.message.size()) == 1;
  }

  bool IsRevoked(X509* certificate) {
    X509_REVOKED* entry = nullptr;
    return revocation_ == Revocation::kCrlOnce &&
           X509_CRL_get0_by_serial(crl_.get(), &entry, X509_get0_serialNumber(certificate)) != 0;
  }

  const Revocation revocation_;
  const X509Ptr issuer_;
  CrlPtr crl_;
  const std::unique_ptr<X509_STORE, Freer<X509_STORE_free>> store_{X509_STORE_new()};
  const std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>> context_{X509_STORE_CTX_new()};
  const std::unique_ptr<EVP_MD, Freer<EVP_MD_free>> sha256_{
      EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> digest_context_{EVP_MD_CTX_new()};
};

Validator Make(std::string name, const Workload& workload, Revocation revocation,
               Policies policies = Policies::kIgnored) {
  auto validator = std::make_shared<OpensslValidator>(workload, revocation, policies);
  std::vector<std::string> does_not_see;
  if (revocation == Revocation::kNone) does_not_see.emplace_back(kRevoked);
  if (policies == Policies::kIgnored) does_not_see.emplace_back(kWrongPolicy);
  return {.name = std::move(name),
          .validate =
              [validator](std::span<const SignedCard> cards) {
                size_t accepted = 0;
                for (const SignedCard& card : cards) accepted += validator->Validate(card) ? 1 : 0;
                return accepted;
              },
          .does_not_see = std::move(does_not_see)};
}

// What of the rows above is d2i_X509, which also decodes the key: it checks nothing.
Validator MakeShareOfParsing(const Workload& workload) {
  std::vector<std::string> does_not_see;
  for (const BadCard& bad : workload.bad_cards) does_not_see.push_back(bad.why);
  return {.name = "openssl_share_parse",
          .validate =
              [](std::span<const SignedCard> cards) {
                size_t parsed = 0;
                for (const SignedCard& card : cards) {
                  parsed += ParseCertificate(card.certificate) != nullptr ? 1 : 0;
                }
                return parsed;
              },
          .does_not_see = std::move(does_not_see)};
}

absl::StatusOr<std::vector<Validator>> MakeAll(const Workload& workload) {
  return std::vector<Validator>{
      Make("openssl_no_crl", workload, Revocation::kNone),
      Make("openssl_crl_once", workload, Revocation::kCrlOnce),
      Make("openssl_crl_check_5300", workload, Revocation::kCrlCheck),
      Make("openssl_policy_crl_once", workload, Revocation::kCrlOnce, Policies::kChecked),
      MakeShareOfParsing(workload)};
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  return musubi::bench::RunPeer(argc, argv, musubi::bench::MakeAll);
}
