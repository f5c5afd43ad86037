#include "lib/rpc/tls_credentials.h"

#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace musubi::rpc {
namespace {

// gRPC's documented setting for the ciphers of TLS 1.2; those of 1.3 are OpenSSL's own, always on.
constexpr char kCiphersVariable[] = "GRPC_SSL_CIPHER_SUITES";
// OpenSSL wants a cipher there. This one needs a pre-shared key of both sides, which gRPC cannot be
// given: no TLS 1.2 handshake finds a cipher.
constexpr char kUnusableCipher[] = "PSK-AES256-GCM-SHA384";

absl::Status SystemError(std::string_view what) {
  return absl::ErrnoToStatus(errno, base::ToAbsl(what));
}

// A new descriptor of an anonymous file that holds `content` and was modified at `generation`.
absl::StatusOr<int> MakeFile(std::string_view content, int64_t generation) {
  const int descriptor = memfd_create("musubi-tls", MFD_CLOEXEC);
  if (descriptor < 0) return SystemError("cannot make a file in memory");
  while (!content.empty()) {
    const ssize_t written = write(descriptor, content.data(), content.size());
    if (written < 0) {
      const absl::Status status = SystemError("cannot write to a file in memory");
      close(descriptor);
      return status;
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  const timespec times[] = {{.tv_sec = generation, .tv_nsec = 0},
                            {.tv_sec = generation, .tv_nsec = 0}};
  MUSUBI_CHECK(futimens(descriptor, times) == 0, "the file is ours");
  return descriptor;
}

base::Secret<std::string> PairPem(const MutualTls& tls) {
  return base::Secret<std::string>(tls.private_key.Reveal() + "\n" + tls.certificate_chain);
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const std::string& pair,
                                                               const std::string& client_ca) {
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          pair, pair, client_ca, static_cast<unsigned>(absl::ToInt64Seconds(kTlsPickUp))));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

void RequireTls13() {
  MUSUBI_CHECK(setenv(kCiphersVariable, kUnusableCipher, /*overwrite=*/1) == 0, "no memory");
}

absl::StatusOr<std::unique_ptr<MemoryFile>> MemoryFile::Create(std::string_view content) {
  MUSUBI_ASSIGN_OR_RETURN(const int descriptor, MakeFile(content, 1));
  return std::unique_ptr<MemoryFile>(new MemoryFile(descriptor));
}

MemoryFile::MemoryFile(int descriptor)
    : descriptor_(descriptor), path_("/proc/self/fd/" + std::to_string(descriptor)) {}

MemoryFile::~MemoryFile() { close(descriptor_); }

absl::Status MemoryFile::Replace(std::string_view content) {
  MUSUBI_ASSIGN_OR_RETURN(const int descriptor, MakeFile(content, generation_ + 1));
  ++generation_;
  MUSUBI_CHECK(dup3(descriptor, descriptor_, O_CLOEXEC) >= 0, "both descriptors are ours");
  close(descriptor);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TlsCredentials>> TlsCredentials::Create(const MutualTls& tls) {
  const char* const ciphers = getenv(kCiphersVariable);
  if (ciphers == nullptr || std::string_view(ciphers) != kUnusableCipher) {
    return absl::FailedPreconditionError(
        "TLS 1.2 is not ruled out: call rpc::RequireTls13 first in main");
  }
  MUSUBI_ASSIGN_OR_RETURN(auto pair, MemoryFile::Create(PairPem(tls).Reveal()));
  MUSUBI_ASSIGN_OR_RETURN(auto client_ca, MemoryFile::Create(tls.client_ca));
  return std::unique_ptr<TlsCredentials>(
      new TlsCredentials(tls, std::move(pair), std::move(client_ca)));
}

TlsCredentials::TlsCredentials(const MutualTls& tls, std::unique_ptr<MemoryFile> pair,
                               std::unique_ptr<MemoryFile> client_ca)
    : tls_(tls),
      pair_(std::move(pair)),
      client_ca_(std::move(client_ca)),
      server_credentials_(MakeServerCredentials(pair_->path(), client_ca_->path())) {}

absl::StatusOr<bool> TlsCredentials::Replace(const MutualTls& tls) {
  if (tls == tls_) return false;
  MUSUBI_RETURN_IF_ERROR(pair_->Replace(PairPem(tls).Reveal()));
  MUSUBI_RETURN_IF_ERROR(client_ca_->Replace(tls.client_ca));
  tls_ = tls;
  return true;
}

}  // namespace musubi::rpc
