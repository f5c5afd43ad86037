// What a server shows and demands in a TLS handshake: TLS 1.3 and nothing older, a certificate and
// key that can be replaced while it serves, and a client certificate of one CA. Reads no files of
// an operator and judges no pair: see LoadMutualTls in security.h.
#ifndef MUSUBI_LIB_RPC_TLS_CREDENTIALS_H_
#define MUSUBI_LIB_RPC_TLS_CREDENTIALS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/rpc/security.h"

namespace grpc {
class ServerCredentials;
}

namespace musubi::rpc {

// RequireTls13 makes TLS 1.3 all that gRPC speaks in this process, as server and as client,
// whatever the environment said before. Call it first in main: gRPC reads the setting once, and the
// environment must not change when there are threads (docs/adr/0014-tls-13-only.md).
void RequireTls13();

// How soon after a Replace new handshakes see it: gRPC looks for news in whole seconds.
inline constexpr absl::Duration kTlsPickUp = absl::Seconds(1);

// A file without a name in any folder, which others in this process read by its path. Replaced as a
// whole: who opens it gets the old octets or the new. Not thread-safe.
class MemoryFile {
 public:
  // RESOURCE_EXHAUSTED or the like if the system gives no file.
  static absl::StatusOr<std::unique_ptr<MemoryFile>> Create(std::string_view content);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Each content has a later modification time than the one before, to the second. An error leaves
  // the old content.
  absl::Status Replace(std::string_view content);
  const std::string& path() const { return path_; }

 private:
  explicit MemoryFile(int descriptor);

  const int descriptor_;
  const std::string path_;
  int64_t generation_ = 1;
};

// TlsCredentials is not thread-safe, and outlives the servers that use it.
class TlsCredentials {
 public:
  // FAILED_PRECONDITION if main has not called RequireTls13.
  static absl::StatusOr<std::unique_ptr<TlsCredentials>> Create(const MutualTls& tls);

  const std::shared_ptr<grpc::ServerCredentials>& server_credentials() const {
    return server_credentials_;
  }

  // Replace is for new handshakes, within kTlsPickUp; connections go on. `tls` is what
  // LoadMutualTls returned: with a key that is not the certificate's gRPC makes no handshake at
  // all. False if it is what is in force already. An error (no memory) may leave a part: call
  // again.
  absl::StatusOr<bool> Replace(const MutualTls& tls);

 private:
  TlsCredentials(const MutualTls& tls, std::unique_ptr<MemoryFile> pair,
                 std::unique_ptr<MemoryFile> client_ca);

  MutualTls tls_;
  // Key and chain in one file, so that nobody reads one of the old and one of the new.
  const std::unique_ptr<MemoryFile> pair_;
  const std::unique_ptr<MemoryFile> client_ca_;
  const std::shared_ptr<grpc::ServerCredentials> server_credentials_;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_TLS_CREDENTIALS_H_
