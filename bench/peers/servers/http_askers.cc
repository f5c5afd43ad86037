#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "bench/peers/servers/asker.h"
#include "lib/base/check.h"
#include "lib/base/status.h"

namespace musubi::bench {
namespace {

// Longer than any of these servers needs, also one that hashes a large CRL for each card.
constexpr int kPatienceSeconds = 60;
constexpr size_t kMaxAnswer = 16 << 10;

// Socket is a connection to 127.0.0.1, or none.
class Socket {
 public:
  explicit Socket(int port) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const int yes = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      status_ = absl::UnavailableError(absl::StrCat("cannot connect: errno ", errno));
    }
  }
  ~Socket() { close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return descriptor_; }
  const absl::Status& status() const { return status_; }

 private:
  const int descriptor_;
  absl::Status status_;
};

struct HttpAnswer {
  int code = 0;
  std::string body;
};

// The whole answer, if `octets` hold it. It has a Content-Length: whoever chunks is not understood.
std::optional<HttpAnswer> ParseAnswer(std::string_view octets) {
  const size_t end = octets.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string head = absl::AsciiStrToLower(std::string(octets.substr(0, end)));
  constexpr std::string_view kVersion = "http/1.1 ", kLength = "content-length:";
  const size_t length = head.find(kLength);
  if (!head.starts_with(kVersion) || length == std::string::npos) return std::nullopt;
  // strtoul stops where the number does.
  const size_t size = std::strtoul(head.c_str() + length + kLength.size(), nullptr, 10);
  if (octets.size() - end - 4 < size) return std::nullopt;
  return HttpAnswer{
      .code = static_cast<int>(std::strtoul(head.c_str() + kVersion.size(), nullptr, 10)),
      .body = std::string(octets.substr(end + 4, size))};
}

// `read` as read(2).
template <typename Read>
absl::StatusOr<HttpAnswer> ReadAnswer(Read read) {
  std::string octets;
  char buffer[4096];
  while (octets.size() < kMaxAnswer) {
    const auto size = read(buffer, sizeof(buffer));
    if (size <= 0) return absl::UnavailableError("the server closed without an answer");
    octets.append(buffer, static_cast<size_t>(size));
    if (auto answer = ParseAnswer(octets)) return *std::move(answer);
  }
  return absl::InternalError("the answer is no HTTP/1.1 with a Content-Length");
}

absl::Status Unknown(const HttpAnswer& answer) {
  return absl::InternalError(absl::StrCat("the server says: ", answer.code, " ", answer.body));
}

// What HandshakeAskers share. OpenSSL's objects count their users.
struct Handshakes {
  explicit Handshakes(const std::vector<PeerCard>& all)
      : cards(all), context(SSL_CTX_new(TLS_client_method())) {
    MUSUBI_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                     SSL_CTX_set1_groups_list(context, "X25519") == 1,
                 "OpenSSL lacks TLS 1.3 or X25519");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    for (const PeerCard& card : cards) {
      const unsigned char* at = card.signed_card.certificate.data();
      certificates.push_back(d2i_X509(
          nullptr, &at, static_cast<long>(card.signed_card.certificate.size())));  // NOLINT
      MUSUBI_CHECK(certificates.back() != nullptr, "OpenSSL does not parse the card");
    }
  }
  ~Handshakes() {
    for (X509* certificate : certificates) X509_free(certificate);
    SSL_CTX_free(context);
  }
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

  const std::vector<PeerCard>& cards;
  SSL_CTX* const context;
  std::vector<X509*> certificates;  // Of the cards.
};

class HandshakeAsker final : public Asker {
 public:
  HandshakeAsker(std::shared_ptr<const Handshakes> shared, int port)
      : shared_(std::move(shared)), port_(port) {}

  absl::StatusOr<Finding> Ask(size_t card) override {
    const Socket socket(port_);
    MUSUBI_RETURN_IF_ERROR(socket.status());
    const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(shared_->context), SSL_free);
    constexpr std::string_view kRequest =
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if (SSL_use_certificate(tls.get(), shared_->certificates[card]) != 1 ||
        SSL_use_PrivateKey(tls.get(), shared_->cards[card].key.handle()) != 1 ||
        SSL_set_fd(tls.get(), socket.descriptor()) != 1) {
      return absl::InternalError("OpenSSL does not take the card as a client's certificate");
    }
    if (SSL_connect(tls.get()) != 1 ||
        SSL_write(tls.get(), kRequest.data(), static_cast<int>(kRequest.size())) !=
            static_cast<int>(kRequest.size())) {
      return absl::UnavailableError("the handshake failed");
    }
    if (SSL_session_reused(tls.get()) != 0) return absl::InternalError("a session was resumed");
    MUSUBI_ASSIGN_OR_RETURN(const HttpAnswer answer, ReadAnswer([&](char* buffer, size_t size) {
                              return SSL_read(tls.get(), buffer, static_cast<int>(size));
                            }));
    if (answer.code == 200 && answer.body == "SUCCESS") return Finding::kNothing;
    if (answer.code == 400 && answer.body == "FAILED:certificate revoked")
      return Finding::kRevocation;
    if (answer.code == 400 && answer.body == "FAILED:certificate has expired") {
      return Finding::kExpiry;
    }
    return Unknown(answer);
  }

 private:
  const std::shared_ptr<const Handshakes> shared_;
  const int port_;
};

class HttpAsker final : public Asker {
 public:
  HttpAsker(const std::vector<PeerCard>& cards, int port) : cards_(cards), socket_(port) {}

  absl::StatusOr<Finding> Ask(size_t card) override {
    MUSUBI_RETURN_IF_ERROR(socket_.status());
    const SignedCard& asked = cards_[card].signed_card;
    base::Bytes body;
    for (const base::Bytes* field : {&asked.certificate, &asked.message, &asked.signature}) {
      base::AppendField(body, *field);
    }
    const std::string request =
        absl::StrCat("POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body.size(),
                     "\r\n\r\n", std::string(base::AsText(body)));
    if (send(socket_.descriptor(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      return absl::UnavailableError("the server takes no request");
    }
    MUSUBI_ASSIGN_OR_RETURN(const HttpAnswer answer, ReadAnswer([&](char* buffer, size_t size) {
                              return recv(socket_.descriptor(), buffer, size, 0);
                            }));
    if (answer.code != 200) return Unknown(answer);
    if (answer.body == "valid") return Finding::kNothing;
    if (answer.body == "invalid REVOKED") return Finding::kRevocation;
    if (answer.body == "invalid EXPIRED") return Finding::kExpiry;
    if (answer.body == "invalid PROOF") return Finding::kForgedProof;
    if (answer.body == "invalid INVALID_POLICY") return Finding::kPhone;
    return Unknown(answer);
  }

 private:
  const std::vector<PeerCard>& cards_;
  const Socket socket_;
};

}  // namespace

AskerFactory HandshakeAskers(const std::vector<PeerCard>& cards) {
  return [shared = std::make_shared<const Handshakes>(cards)](int port) {
    return std::make_unique<HandshakeAsker>(shared, port);
  };
}

AskerFactory HttpAskers(const std::vector<PeerCard>& cards) {
  return [&cards](int port) { return std::make_unique<HttpAsker>(cards, port); };
}

}  // namespace musubi::bench
