// Answers OCSP requests (RFC 6960) about what JPKI-SIM issued, from its register. Bytes to bytes:
// HTTP is in ocsp_server.h.
#ifndef MUSUBI_SANDBOX_OCSP_RESPONDER_H_
#define MUSUBI_SANDBOX_OCSP_RESPONDER_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/secure_random.h"
#include "sandbox/private_key.h"
#include "sandbox/register.h"
#include "sandbox/world.h"

namespace musubi::sandbox {

// How long an answer may be used: nextUpdate - thisUpdate.
inline constexpr absl::Duration kOcspLifetime = absl::Hours(1);
// Largest nonce that is taken (RFC 8954 section 2.1), and most certificates in a request: clients
// of JPKI ask about one.
inline constexpr size_t kMaxOcspNonce = 32;
inline constexpr int kMaxOcspCertificates = 16;

// OcspMisbehaviour is what can be wrong with an answer; the first two with the server.
enum class OcspMisbehaviour {
  kNone,
  kSlow,                  // The answer is held back until the behaviour changes.
  kDead,                  // Nothing listens on the port.
  kGarbage,               // Random octets.
  kUnknown,               // certStatus unknown, whatever the register says.
  kWrongCertId,           // About another serial.
  kStale,                 // nextUpdate was a day ago.
  kFuture,                // thisUpdate and producedAt are in an hour.
  kUnauthorisedDelegate,  // Signed by a card of the same CA.
  kWrongNonce,            // Where the request has one.
  kMissingNonce,
  kTwoAnswers,  // Both about this certificate: good, and revoked.
};
inline constexpr OcspMisbehaviour kOcspMisbehaviours[] = {OcspMisbehaviour::kNone,
                                                          OcspMisbehaviour::kSlow,
                                                          OcspMisbehaviour::kDead,
                                                          OcspMisbehaviour::kGarbage,
                                                          OcspMisbehaviour::kUnknown,
                                                          OcspMisbehaviour::kWrongCertId,
                                                          OcspMisbehaviour::kStale,
                                                          OcspMisbehaviour::kFuture,
                                                          OcspMisbehaviour::kUnauthorisedDelegate,
                                                          OcspMisbehaviour::kWrongNonce,
                                                          OcspMisbehaviour::kMissingNonce,
                                                          OcspMisbehaviour::kTwoAnswers};

// "none", "slow", "wrong-cert-id" and so on, as on the command line.
std::string_view Name(OcspMisbehaviour misbehaviour);
absl::StatusOr<OcspMisbehaviour> ParseOcspMisbehaviour(std::string_view name);

// OcspResponder is thread-safe.
class OcspResponder {
 public:
  // Whether a nonce in the request is echoed. JPKI's own policy is not published.
  enum class NoncePolicy { kEcho, kIgnore };
  struct Options {
    std::string directory;  // Of a World.
    NoncePolicy nonce = NoncePolicy::kEcho;
  };
  // `clock` outlives the responder.
  static absl::StatusOr<std::unique_ptr<OcspResponder>> Create(const base::Clock& clock,
                                                               Options options);

  // Answer takes the DER of an OCSPRequest and returns that of an OCSPResponse, for the CA key
  // named `anchor` ("auth-03"). NOT_FOUND if there is no such key. A request that cannot be read
  // gets malformedRequest, one about another CA key unauthorized, a register that cannot be read
  // internalError; numbers that were never given out are "unknown". kSlow and kDead are not the
  // responder's: it answers as with kNone.
  absl::StatusOr<base::Bytes> Answer(std::string_view anchor, base::ByteView request,
                                     OcspMisbehaviour misbehaviour = OcspMisbehaviour::kNone);

  std::vector<std::string> anchors() const;

 private:
  // Who signs for one CA key.
  struct Delegate {
    Role role;
    std::string generation;
    base::Bytes ca_certificate;
    base::Bytes certificate;
    PrivateKey key;
  };

  OcspResponder(const base::Clock& clock, Options options,
                std::map<std::string, Delegate, std::less<>> delegates)
      : clock_(clock),
        directory_(std::move(options.directory)),
        nonce_(options.nonce),
        register_(World::RegisterPath(directory_)),
        delegates_(std::move(delegates)) {}

  static base::Bytes Sign(const Delegate& delegate, base::ByteView responses,
                          base::ByteView extensions, absl::Time produced_at);
  // SignAsCard signs with an ordinary card of the same CA key, made when first asked for.
  absl::StatusOr<base::Bytes> SignAsCard(const Delegate& delegate, base::ByteView responses,
                                         base::ByteView extensions, absl::Time produced_at);

  const base::Clock& clock_;
  const std::string directory_;
  const NoncePolicy nonce_;
  RegisterReader register_;
  const std::map<std::string, Delegate, std::less<>> delegates_;
  base::SystemRandom random_;
  base::Mutex mutex_;
  // The cards of SignAsCard by anchor.
  std::map<std::string, Delegate> cards_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_OCSP_RESPONDER_H_
