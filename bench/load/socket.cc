#include "bench/load/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"

namespace musubi::bench::load {
namespace {

constexpr unsigned char kAlpn[] = {2, 'h', '2'};

absl::Status TlsFileError(const std::string& file) {
  ERR_clear_error();
  return absl::InvalidArgumentError(file + ": cannot be read, or is not the PEM that is due here");
}

}  // namespace

absl::StatusOr<Address> Resolve(const std::string& target) {
  const size_t colon = target.rfind(':');
  Address address;
  address.text = target;
  address.host = target.substr(0, colon);
  if (colon == std::string::npos || address.host.empty() || colon + 1 == target.size()) {
    return absl::InvalidArgumentError("'" + target + "' is not HOST:PORT");
  }
  if (address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), target.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError("'" + target + "': " + gai_strerror(error));
  }
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Create(const std::string& ca_file,
                                                             const std::string& certificate_file,
                                                             const std::string& private_key_file,
                                                             std::string name) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return absl::InternalError("OpenSSL gives no TLS context");
  std::unique_ptr<TlsClient> client(new TlsClient(context, std::move(name)));
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) return TlsFileError(ca_file);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return TlsFileError(certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, private_key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return TlsFileError(private_key_file);
  }
  // 0 is success.
  if (SSL_CTX_set_alpn_protos(context, kAlpn, sizeof(kAlpn)) != 0) {
    return absl::InternalError("OpenSSL takes no ALPN");
  }
  return client;
}

TlsClient::~TlsClient() { SSL_CTX_free(context_); }

absl::StatusOr<std::unique_ptr<Socket>> Socket::Connect(const Address& address,
                                                        const TlsClient* tls) {
  const int fd =
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) {
    return absl::UnavailableError(std::string("no socket: ") + std::strerror(errno));
  }
  std::unique_ptr<Socket> made;
  if (tls == nullptr) {
    made.reset(new Socket(fd, nullptr));
  } else {
    SSL* const ssl = SSL_new(tls->context());
    made.reset(new Socket(fd, ssl));
    if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1 ||
        SSL_set1_host(ssl, tls->name().c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl, tls->name().c_str()) != 1) {
      return absl::InternalError("OpenSSL gives no connection");
    }
    SSL_set_connect_state(ssl);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // That it is refused, at once or later, comes out of Read.
  (void)connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  return made;
}

Socket::~Socket() {
  SSL_free(ssl_);
  close(fd_);
}

Socket::Moved Socket::FromTls(int result) {
  if (result > 0) return {Outcome::kDone, static_cast<size_t>(result)};
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  // A socket that is still being connected counts as one that would block: its end comes by epoll.
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ||
      (error == SSL_ERROR_SYSCALL && errno == ENOTCONN)) {
    return {Outcome::kWouldBlock};
  }
  return {Outcome::kClosed};
}

Socket::Moved Socket::Read(std::span<char> into) {
  if (ssl_ != nullptr) return FromTls(SSL_read(ssl_, into.data(), static_cast<int>(into.size())));
  const ssize_t size = recv(fd_, into.data(), into.size(), 0);
  if (size > 0) return {Outcome::kDone, static_cast<size_t>(size)};
  if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
    return {Outcome::kWouldBlock};
  }
  return {Outcome::kClosed};
}

Socket::Moved Socket::Write(std::string_view octets) {
  if (ssl_ != nullptr) {
    return FromTls(SSL_write(ssl_, octets.data(), static_cast<int>(octets.size())));
  }
  const ssize_t size = send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
  if (size > 0) return {Outcome::kDone, static_cast<size_t>(size)};
  // A connection that is being made: EAGAIN, or ENOTCONN.
  if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
    return {Outcome::kWouldBlock};
  }
  return {Outcome::kClosed};
}

}  // namespace musubi::bench::load
