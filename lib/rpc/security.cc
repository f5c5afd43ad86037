#include "lib/rpc/security.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <charconv>
#include <memory>

#include "lib/base/c_deleter.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::rpc {
namespace {

using BioPtr = std::unique_ptr<BIO, base::CDeleter<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, base::CDeleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, base::CDeleter<EVP_PKEY_free>>;

// A passphrase prompt would block a server that nobody watches.
int NoPassphrase(char*, int, int, void*) { return -1; }

size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The first certificate of a file of which every block must be one: gRPC takes what it can read and
// leaves out the rest, so that a chain cut in the middle would be served without its end.
absl::StatusOr<X509Ptr> FirstCertificate(const std::string& pem, const std::string& file) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const auto next = [&] {
    return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
  };
  X509Ptr first = next();
  size_t certificates = first == nullptr ? 0 : 1;
  while (certificates > 0 && next() != nullptr) ++certificates;
  ERR_clear_error();
  if (first == nullptr) {
    return absl::FailedPreconditionError(file + " holds no PEM certificate; give one that does");
  }
  if (certificates != Count(pem, "-----BEGIN ")) {
    return absl::FailedPreconditionError(
        file + " holds a block that is no certificate, or a part of one; give whole certificates");
  }
  return first;
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "[::1]";
}

}  // namespace

absl::StatusOr<MutualTls> LoadMutualTls(const std::string& certificate_file,
                                        const std::string& private_key_file,
                                        const std::string& client_ca_file) {
  MUSUBI_ASSIGN_OR_RETURN(std::string chain, base::ReadFile(certificate_file));
  MUSUBI_ASSIGN_OR_RETURN(std::string key_pem, base::ReadSecretFile(private_key_file));
  MUSUBI_ASSIGN_OR_RETURN(std::string client_ca, base::ReadFile(client_ca_file));
  base::Secret<std::string> secret(std::move(key_pem));

  MUSUBI_ASSIGN_OR_RETURN(const X509Ptr certificate, FirstCertificate(chain, certificate_file));
  MUSUBI_RETURN_IF_ERROR(FirstCertificate(client_ca, client_ca_file).status());
  const BioPtr bio(BIO_new_mem_buf(secret.Reveal().data(), static_cast<int>(secret.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  const bool matches = key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr) {
    return absl::FailedPreconditionError(private_key_file +
                                         " holds no PEM private key without passphrase");
  }
  if (!matches) {
    return absl::FailedPreconditionError(private_key_file + " is not the key of the certificate " +
                                         certificate_file + "; give the pair");
  }
  return MutualTls{.certificate_chain = std::move(chain),
                   .private_key = std::move(secret),
                   .client_ca = std::move(client_ca)};
}

absl::StatusOr<std::vector<Caller>> ParseInsecureRoles(std::string_view text) {
  std::vector<Caller> roles;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view entry = text.substr(0, comma);
    const std::optional<Caller> caller = ParseCaller(entry);
    if (!caller.has_value()) {
      return absl::InvalidArgumentError(
          "'" + std::string(entry) +
          "' is no role; use front, platform, operator or relying-party/ID");
    }
    roles.push_back(*caller);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return roles;
}

absl::Status CheckListenAddress(std::string_view address, bool loopback_only) {
  const size_t colon = address.rfind(':');
  const std::string shown = "the listen address '" + std::string(address) + "'";
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : address.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (colon == 0 || port.empty() || error != std::errc() || end != port.data() + port.size() ||
      number > 65535) {
    return absl::InvalidArgumentError(shown + " is not HOST:PORT with a number from 0 to 65535");
  }
  if (loopback_only && !IsLoopback(std::string(address.substr(0, colon)))) {
    return absl::InvalidArgumentError(
        shown + " is not on loopback, and plaintext is for loopback alone: listen on 127.0.0.1 or" +
        " [::1], or give TLS files instead of insecure_loopback_roles");
  }
  return absl::OkStatus();
}

}  // namespace musubi::rpc
