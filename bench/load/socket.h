// A TCP connection that never blocks, in the clear or under TLS with a client certificate. Speaks
// no protocol above that.
#ifndef MUSUBI_BENCH_LOAD_SOCKET_H_
#define MUSUBI_BENCH_LOAD_SOCKET_H_

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// OpenSSL's, which stays in the .cc file.
struct ssl_ctx_st;
struct ssl_st;

namespace musubi::bench::load {

// Address is where a server listens.
struct Address {
  std::string text;  // "host:port", as it was given.
  std::string host;
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// Resolve takes "HOST:PORT" or "[IPv6]:PORT" and blocks for the resolver. INVALID_ARGUMENT names
// it.
absl::StatusOr<Address> Resolve(const std::string& target);

// TlsClient is what all connections under TLS share.
class TlsClient {
 public:
  // PEM files. `name` is what the server's certificate must be for. A file error names the file.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Create(const std::string& ca_file,
                                                           const std::string& certificate_file,
                                                           const std::string& private_key_file,
                                                           std::string name);
  ~TlsClient();

  ssl_ctx_st* context() const { return context_; }
  const std::string& name() const { return name_; }

 private:
  TlsClient(ssl_ctx_st* context, std::string name) : context_(context), name_(std::move(name)) {}

  ssl_ctx_st* const context_;
  const std::string name_;
};

// Socket is one connection, which is being made when Connect returns.
class Socket {
 public:
  // `tls` is null for plaintext, or outlives the socket. UNAVAILABLE if the machine has no socket
  // left; that nobody listens comes out of Read.
  static absl::StatusOr<std::unique_ptr<Socket>> Connect(const Address& address,
                                                         const TlsClient* tls);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }

  enum class Outcome {
    kDone,        // `size` octets, at least 1, were moved.
    kWouldBlock,  // None now: wait for the socket to become ready.
    kClosed,      // By the peer, or broken: nothing will come any more.
  };
  struct Moved {
    Outcome outcome;
    size_t size = 0;
  };
  Moved Read(std::span<char> into);
  Moved Write(std::string_view octets);
  // Whether a Read that left room in its buffer has read all that there was.
  bool short_read_is_last() const { return ssl_ == nullptr; }

 private:
  Socket(int fd, ssl_st* ssl) : fd_(fd), ssl_(ssl) {}
  Moved FromTls(int result);

  const int fd_;
  ssl_st* const ssl_;  // Null in plaintext.
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_SOCKET_H_
