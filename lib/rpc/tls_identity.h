// Certificates for tests of mutual TLS, made when they are needed. They are valid for centuries,
// since TLS asks the machine's clock.
#ifndef MUSUBI_LIB_RPC_TLS_IDENTITY_H_
#define MUSUBI_LIB_RPC_TLS_IDENTITY_H_

#include <memory>
#include <string>

namespace musubi::rpc {

// A certificate and its key, in PEM.
struct TlsIdentity {
  std::string certificate;
  std::string private_key;
};

// What a test varies about a certificate, in OpenSSL's notation.
struct TlsNames {
  std::string common_name = "Musubi test";
  std::string not_after = "29991231235959Z";
  std::string extended_key_usage = "serverAuth,clientAuth";
};

// TlsCa issues with an EC P-256 key.
class TlsCa {
 public:
  TlsCa();
  ~TlsCa();

  const std::string& certificate() const { return certificate_; }

  // `subject_alt_names` in OpenSSL's notation: "URI:musubi://role/front,DNS:musubi.example".
  TlsIdentity Issue(const std::string& subject_alt_names, const TlsNames& names = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string certificate_;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_TLS_IDENTITY_H_
