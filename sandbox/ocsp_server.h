// The OCSP responder over HTTP, on 127.0.0.1 only: POST /auth-03 and so on (RFC 6960 appendix A.1).
// GET is not offered.
#ifndef MUSUBI_SANDBOX_OCSP_SERVER_H_
#define MUSUBI_SANDBOX_OCSP_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/ocsp_responder.h"

namespace musubi::sandbox {

// Largest request body: a request about one certificate is below 200 octets.
inline constexpr size_t kMaxOcspRequestSize = 16 * 1024;

// What responders.json tells a verifier to do, with all responders alike.
struct RespondersFileOptions {
  std::string nonce = "OPTIONAL";  // Or "NONE", "REQUIRED".
  absl::Duration timeout = absl::Seconds(2);
};

// WriteRespondersFile writes D/responders.json: where a verifier asks about which CA key, of a
// server on `port`. No anchors: nobody is asked.
absl::Status WriteRespondersFile(const std::string& directory,
                                 const std::vector<std::string>& anchors, int port,
                                 const RespondersFileOptions& options = {});

// OcspServer serves from Start until it goes; its threads are its own. Thread-safe.
class OcspServer {
 public:
  // Start listens on `port`, or on a free one if it is 0. UNAVAILABLE if the port is taken. Each
  // answer is held back for `delay`.
  static absl::StatusOr<std::unique_ptr<OcspServer>> Start(
      std::unique_ptr<OcspResponder> responder, int port,
      absl::Duration delay = absl::ZeroDuration());
  // Stops listening, lets go of answers held back, and waits for requests under way.
  ~OcspServer();
  OcspServer(const OcspServer&) = delete;
  OcspServer& operator=(const OcspServer&) = delete;

  int port() const;
  // "http://127.0.0.1:PORT/auth-03"
  std::string Url(const std::string& anchor) const;

  // Misbehave holds from the next request on, until the next call; kNone is honest again. Answers
  // that kSlow held back are then given by the new behaviour. While kDead nothing listens, but the
  // port is kept: nobody else gets it.
  void Misbehave(OcspMisbehaviour misbehaviour);

  // The file of the same name, of this server and all its CA keys.
  absl::Status WriteRespondersFile(const std::string& directory,
                                   const RespondersFileOptions& options = {}) const;

 private:
  struct Impl;
  explicit OcspServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_OCSP_SERVER_H_
