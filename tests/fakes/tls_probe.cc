#include "tests/fakes/tls_probe.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "lib/base/c_deleter.h"
#include "lib/base/check.h"

namespace musubi::fakes {
namespace {

using BioPtr = std::unique_ptr<BIO, base::CDeleter<BIO_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, base::CDeleter<SSL_CTX_free>>;
using ConnectionPtr = std::unique_ptr<SSL, base::CDeleter<SSL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, base::CDeleter<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, base::CDeleter<X509_free>>;

class Socket {
 public:
  explicit Socket(int port) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    connected_ = connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Socket() { close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return descriptor_; }
  bool connected() const { return connected_; }

 private:
  const int descriptor_;
  bool connected_ = false;
};

BioPtr Reader(const std::string& pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

unsigned SharedKey(SSL*, const char*, char* identity, unsigned identity_size, unsigned char* key,
                   unsigned key_size) {
  MUSUBI_CHECK(identity_size > 6 && key_size >= 32, "OpenSSL's buffers are larger");
  std::strcpy(identity, "probe");
  std::memset(key, 1, 32);
  return 32;
}

ContextPtr MakeContext(const TlsProbe& probe) {
  const int version = probe.version == TlsVersion::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  MUSUBI_CHECK(SSL_CTX_set_min_proto_version(context.get(), version) == 1 &&
                   SSL_CTX_set_max_proto_version(context.get(), version) == 1 &&
                   SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL:@SECLEVEL=0") == 1,
               "OpenSSL knows its own ciphers");
  if (probe.pre_shared_key) SSL_CTX_set_psk_client_callback(context.get(), SharedKey);
  if (!probe.certificate.empty()) {
    const X509Ptr certificate(
        PEM_read_bio_X509(Reader(probe.certificate).get(), nullptr, nullptr, nullptr));
    const KeyPtr key(
        PEM_read_bio_PrivateKey(Reader(probe.private_key).get(), nullptr, nullptr, nullptr));
    MUSUBI_CHECK(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
                     SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1,
                 "the test gives a pair");
  }
  return context;
}

}  // namespace

absl::StatusOr<std::string> HandshakeWith(int port, const TlsProbe& probe) {
  const Socket socket(port);
  if (!socket.connected()) return absl::UnavailableError("nobody listens");
  const ContextPtr context = MakeContext(probe);
  const ConnectionPtr connection(SSL_new(context.get()));
  SSL_set_fd(connection.get(), socket.descriptor());
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(connection.get(), kHttp2, sizeof(kHttp2));
  if (SSL_connect(connection.get()) != 1) {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return absl::AbortedError(reason == nullptr ? "the connection ended" : reason);
  }
  const X509Ptr certificate(SSL_get1_peer_certificate(connection.get()));
  const BioPtr out(BIO_new(BIO_s_mem()));
  MUSUBI_CHECK(PEM_write_bio_X509(out.get(), certificate.get()) == 1, "OpenSSL's own object");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace musubi::fakes
