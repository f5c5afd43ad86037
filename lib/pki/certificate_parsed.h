// What Certificate holds. For .cc files of lib/pki only: others use Certificate's accessors.
#ifndef MUSUBI_LIB_PKI_CERTIFICATE_PARSED_H_
#define MUSUBI_LIB_PKI_CERTIFICATE_PARSED_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/pki/certificate.h"

struct x509_st;  // OpenSSL's X509.

namespace musubi::pki {

struct Certificate::Parsed {
  struct Extension {
    std::string oid;
    bool critical = false;
    base::ByteView value;  // Content of extnValue.
  };

  base::Bytes der;  // All views point into it.
  base::ByteView tbs;
  int version = 1;
  base::ByteView serial;
  base::ByteView issuer;
  base::ByteView subject;
  base::ByteView spki;
  base::ByteView public_key_bits;
  base::ByteView signature_algorithm_der;
  base::ByteView signature;
  std::optional<crypto::KeyType> key_type;
  std::optional<crypto::SignatureAlgorithm> signature_algorithm;
  absl::Time not_before;
  absl::Time not_after;
  bool validity_form_conforms = true;

  std::vector<Extension> extensions;  // In order of appearance.
  std::vector<std::string> critical_extensions;
  std::optional<uint16_t> key_usage;
  std::optional<std::vector<std::string>> extended_key_usage;
  std::vector<std::string> policies;
  bool policies_critical = false;
  bool is_ca = false;
  std::optional<uint64_t> path_length;
  std::optional<AuthorityKeyIdentifier> authority_key_identifier;
  std::optional<base::Bytes> subject_key_identifier;
  std::vector<DistributionPoint> crl_distribution_points;
  std::vector<std::string> ocsp_uris;

  // The same octets as OpenSSL has them, with its extension cache filled. OpenSSL counts
  // references and locks inside: reading from several threads is safe.
  std::shared_ptr<x509_st> x509;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CERTIFICATE_PARSED_H_
