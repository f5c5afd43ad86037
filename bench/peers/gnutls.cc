// GnuTLS as a peer: import, trust list with purpose and time, policy, then the proof.
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <ctime>
#include <memory>

#include "bench/peers/peer.h"
#include "lib/base/check.h"

namespace musubi::bench {
namespace {

time_t validation_time;
time_t ValidationTime(time_t* out) {
  if (out != nullptr) *out = validation_time;
  return validation_time;
}

gnutls_datum_t View(base::ByteView bytes) {
  // GnuTLS takes what it only reads without const.
  return {const_cast<unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())};
}

class GnutlsValidator {
 public:
  GnutlsValidator(const Workload& workload, bool check_crl) {
    gnutls_x509_crt_t issuer = Import(workload.issuer_certificate);
    MUSUBI_CHECK(issuer != nullptr, "GnuTLS cannot read the issuer");
    gnutls_x509_trust_list_init(&trust_list_, 0);
    MUSUBI_CHECK(gnutls_x509_trust_list_add_cas(trust_list_, &issuer, 1, 0) == 1,
                 "GnuTLS refuses the issuer");
    if (!check_crl) return;
    gnutls_x509_crl_t crl = nullptr;
    const gnutls_datum_t der = View(workload.crl);
    gnutls_x509_crl_init(&crl);
    MUSUBI_CHECK(
        gnutls_x509_crl_import(crl, &der, GNUTLS_X509_FMT_DER) == 0 &&
            gnutls_x509_trust_list_add_crls(trust_list_, &crl, 1, GNUTLS_TL_VERIFY_CRL, 0) == 1,
        "GnuTLS refuses the CRL");
  }
  ~GnutlsValidator() { gnutls_x509_trust_list_deinit(trust_list_, 1); }

  bool Validate(const SignedCard& card) {
    gnutls_x509_crt_t certificate = Import(card.certificate);
    if (certificate == nullptr) return false;
    const bool accepted =
        IsTrusted(certificate) && HasPolicy(certificate) && Possesses(certificate, card);
    gnutls_x509_crt_deinit(certificate);
    return accepted;
  }

 private:
  // Null if it cannot be read.
  static gnutls_x509_crt_t Import(base::ByteView der) {
    gnutls_x509_crt_t certificate = nullptr;
    const gnutls_datum_t view = View(der);
    gnutls_x509_crt_init(&certificate);
    if (gnutls_x509_crt_import(certificate, &view, GNUTLS_X509_FMT_DER) == 0) return certificate;
    gnutls_x509_crt_deinit(certificate);
    return nullptr;
  }

  bool IsTrusted(gnutls_x509_crt_t certificate) {
    static char kClientAuth[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st purpose{GNUTLS_DT_KEY_PURPOSE_OID,
                                  reinterpret_cast<unsigned char*>(kClientAuth), 0};
    unsigned status = 0;
    return gnutls_x509_trust_list_verify_crt2(trust_list_, &certificate, 1, &purpose, 1, 0, &status,
                                              nullptr) == 0 &&
           status == 0;
  }

  // GnuTLS reads policies and leaves them to its caller.
  static bool HasPolicy(gnutls_x509_crt_t certificate) {
    gnutls_x509_policy_st policy{};
    if (gnutls_x509_crt_get_policy(certificate, 0, &policy, nullptr) != 0) return false;
    const bool ours = std::string_view(policy.oid) == "2.999.1.30";
    gnutls_x509_policy_release(&policy);
    return ours;
  }

  static bool Possesses(gnutls_x509_crt_t certificate, const SignedCard& card) {
    gnutls_pubkey_t key = nullptr;
    const gnutls_datum_t message = View(card.message), signature = View(card.signature);
    gnutls_pubkey_init(&key);
    const bool good =
        gnutls_pubkey_import_x509(key, certificate, 0) == 0 &&
        gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &message, &signature) >= 0;
    gnutls_pubkey_deinit(key);
    return good;
  }

  gnutls_x509_trust_list_t trust_list_ = nullptr;
};

Validator Make(std::string name, const Workload& workload, bool check_crl) {
  auto validator = std::make_shared<GnutlsValidator>(workload, check_crl);
  std::vector<std::string> does_not_see;
  if (!check_crl) does_not_see.emplace_back(kRevoked);
  return {.name = std::move(name),
          .validate =
              [validator](std::span<const SignedCard> cards) {
                size_t accepted = 0;
                for (const SignedCard& card : cards) accepted += validator->Validate(card) ? 1 : 0;
                return accepted;
              },
          .does_not_see = std::move(does_not_see)};
}

absl::StatusOr<std::vector<Validator>> MakeAll(const Workload& workload) {
  validation_time = absl::ToTimeT(workload.validation_time);
  gnutls_global_set_time_function(ValidationTime);
  return std::vector<Validator>{Make("gnutls", workload, false),
                                Make("gnutls_crl_check_5300", workload, true)};
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  return musubi::bench::RunPeer(argc, argv, musubi::bench::MakeAll);
}
