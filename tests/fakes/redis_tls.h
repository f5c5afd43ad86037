// TLS in front of Redis, for tests: an authority, a Redis that speaks nothing but TLS, and a real
// stunnel before it. Server and stunnel run on the files of deploy/redis-tls, with ports and paths
// of their own.
#ifndef MUSUBI_TESTS_FAKES_REDIS_TLS_H_
#define MUSUBI_TESTS_FAKES_REDIS_TLS_H_

#include <memory>
#include <string>

#include "sandbox/stage/child_process.h"
#include "tests/fakes/redis_server.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::fakes {

// TlsAuthority makes keys and certificates, with the openssl command, in a directory that goes with
// it: ca.pem, and of each that it certifies NAME.pem and NAME.key.
class TlsAuthority {
 public:
  explicit TlsAuthority(const std::string& name);
  void Certify(const std::string& name, const std::string& host);

  std::string File(const std::string& name) const { return directory_.File(name); }
  const std::string& path() const { return directory_.path(); }

 private:
  const TempDir directory_;
};

// TlsRedis shows redis.pem of `servers` and takes clients that `clients` has certified. On its TLS
// port Ask and WaitFor, which use no TLS, do not work.
std::unique_ptr<RedisServer> TlsRedis(const TlsAuthority& servers, const TlsAuthority& clients);

// Tunnel is stunnel, from a free port of 127.0.0.1 to `server`. It shows client.pem of `authority`
// and takes a server that the same has certified for redis.example. For one thread. Dies, with a
// sentence that names the package, if stunnel is not installed.
class Tunnel {
 public:
  Tunnel(const TlsAuthority& authority, const RedisServer& server);

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // WaitForLog blocks until stunnel has said `text`; false if it ended before.
  bool WaitForLog(const std::string& text) { return process_->WaitForText(text); }

 private:
  const TempDir directory_;
  int port_ = 0;
  std::unique_ptr<sandbox::ChildProcess> process_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_REDIS_TLS_H_
