#include "lib/rpc/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "lib/base/c_deleter.h"
#include "lib/base/check.h"

namespace musubi::rpc {
namespace {

using BioPtr = std::unique_ptr<BIO, base::CDeleter<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, base::CDeleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, base::CDeleter<EVP_PKEY_free>>;

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  MUSUBI_CHECK(extension != nullptr, "OpenSSL does not take the extension's value");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Ptr NewCertificate(const TlsNames& names, EVP_PKEY* key) {
  static std::atomic<long> serial{1};
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "20200101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), names.not_after.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(names.common_name.c_str()), -1,
                             -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string CertificatePem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  MUSUBI_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1, "OpenSSL writes its own object");
  return Drain(bio.get());
}

std::string KeyPem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  MUSUBI_CHECK(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
               "OpenSSL writes its own object");
  return Drain(bio.get());
}

}  // namespace

struct TlsCa::State {
  KeyPtr key;
  X509Ptr certificate;
};

TlsCa::TlsCa() : state_(new State) {
  state_->key.reset(EVP_EC_gen("P-256"));
  state_->certificate = NewCertificate({.common_name = "Musubi test CA"}, state_->key.get());
  X509* const certificate = state_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
  AddExtension(certificate, certificate, NID_subject_key_identifier, "hash");
  MUSUBI_CHECK(X509_sign(certificate, state_->key.get(), EVP_sha256()) > 0, "a fresh key signs");
  certificate_ = CertificatePem(certificate);
}

TlsCa::~TlsCa() = default;

TlsIdentity TlsCa::Issue(const std::string& subject_alt_names, const TlsNames& names) const {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate = NewCertificate(names, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(state_->certificate.get()));
  AddExtension(certificate.get(), state_->certificate.get(), NID_key_usage,
               "critical,digitalSignature");
  AddExtension(certificate.get(), state_->certificate.get(), NID_ext_key_usage,
               names.extended_key_usage);
  if (!subject_alt_names.empty()) {
    AddExtension(certificate.get(), state_->certificate.get(), NID_subject_alt_name,
                 subject_alt_names);
  }
  MUSUBI_CHECK(X509_sign(certificate.get(), state_->key.get(), EVP_sha256()) > 0,
               "a fresh key signs");
  return {.certificate = CertificatePem(certificate.get()), .private_key = KeyPem(key.get())};
}

}  // namespace musubi::rpc
