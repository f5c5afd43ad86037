// The simulated outside world as a directory D: JPKI-SIM's keys, its register, and the files that
// Musubi loads. Nothing here is secret in earnest, but keys are files of mode 0600 all the same.
//
//   D/anchors.json, hierarchy.json, name-issuers.json   what a verifier trusts
//   D/crl/scopes.json, crl/*.crl                        what publish-crls wrote last
//   D/responders.json                                   what serve wrote last (ocsp_server.h)
//   D/cards/N.card.json                                 virtual cards
//   D/tls/                                              mTLS files (tls_files.h)
//   D/world.json, register.jsonl, keys/, certificates/  ours alone
#ifndef MUSUBI_SANDBOX_WORLD_H_
#define MUSUBI_SANDBOX_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/crl_publisher.h"
#include "sandbox/forged_card.h"
#include "sandbox/name_statement.h"

namespace musubi::sandbox {

// Most cards that one call issues: a key pair each takes about 0.1 s of a core.
inline constexpr int kMaxCardsPerCall = 100'000;

// World is thread-safe: each call that changes something holds a lock on D/world.lock and reads
// its state anew, so several processes may share a directory.
class World {
 public:
  struct Dependencies {
    const base::Clock& clock;  // Outlives the world.
    base::SecureRandom& random;
  };
  struct Options {
    std::string directory;
  };

  // Create makes the directory (which must be absent or empty), keys, certificates and files, and
  // publishes the first CRLs. ALREADY_EXISTS if it holds anything.
  static absl::StatusOr<std::unique_ptr<World>> Create(Dependencies dependencies, Options options);

  // Open reads what Create made.
  static absl::StatusOr<std::unique_ptr<World>> Open(Dependencies dependencies, Options options);

  struct CardOptions {
    int count = 1;
    std::string municipality = "99001";
    std::string generation = "03";
    CardKind kind = CardKind::kUserAuthentication;
    // Key pairs shared among the cards of this call, in turn; 0 gives each card its own, as real
    // cards have. Sandbox only: for many cards in little time.
    int key_pool = 0;
    std::string authentication_pin = "1234";
    std::string card_info_pin = "5678";
    // Makes the certificate wrong. The card's key is right all the same, so that it can prove
    // possession, and its number is in the register, so that OCSP calls it good (but for
    // kUnknownToRegister).
    std::optional<Forgery> forgery;
  };
  // IssueCards returns the paths of the new card files, which are numbered on from the last ones.
  absl::StatusOr<std::vector<std::string>> IssueCards(const CardOptions& options);
  // IssueForgedCard returns the path of one forged card, in all else as by default.
  absl::StatusOr<std::string> IssueForgedCard(Forgery forgery);

  // Revoke takes effect at once for OCSP, and with the next PublishCrls for CRLs.
  absl::Status Revoke(Role role, uint64_t serial, RevocationReason reason);
  // RevokeCard revokes the certificate in a card file. INVALID_ARGUMENT if it is forged such that
  // no number can be read from it.
  absl::Status RevokeCard(const std::string& path, RevocationReason reason);

  // PublishCrls writes a CRL for each municipality and a full one, for each CA key in use now, and
  // then scopes.json. An expired generation signs nothing more. Returns the number of CRLs that
  // scopes.json names. A misbehaviour is that of every CRL written, and over with the next call.
  absl::StatusOr<int> PublishCrls(CrlMisbehaviour misbehaviour = CrlMisbehaviour::kNone);

  const std::vector<Issuer>& issuers() const { return issuers_; }

  // RegisterPath and so on: where things lie in a directory, for the parts that read them.
  static std::string RegisterPath(const std::string& directory);
  static std::string CaKeyPath(const std::string& directory, const std::string& anchor);
  static std::string CaCertificatePath(const std::string& directory, const std::string& anchor);
  static std::string ResponderCertificatePath(const std::string& directory,
                                              const std::string& anchor);
  static std::string ResponderKeyPath(const std::string& directory, const std::string& anchor);

 private:
  // The counters, D/world.json.
  struct State {
    std::map<Role, uint64_t> next_serial;
    uint64_t next_card = 1;
    uint64_t crl_number = 0;
  };

  World(Dependencies dependencies, Options options, std::vector<Issuer> issuers,
        NameIssuer name_issuer)
      : clock_(dependencies.clock),
        random_(dependencies.random),
        directory_(std::move(options.directory)),
        issuers_(std::move(issuers)),
        name_issuer_(std::move(name_issuer)) {}

  absl::Status WriteNewWorld();
  absl::Status WriteTrustFiles() const;
  absl::StatusOr<State> LoadState() const;
  absl::Status SaveState(const State& state) const;
  const Issuer& IssuerOf(Role role, std::string_view generation) const;
  std::string Path(std::string_view name) const;

  const base::Clock& clock_;
  base::SecureRandom& random_;
  const std::string directory_;
  const std::vector<Issuer> issuers_;
  const NameIssuer name_issuer_;
};

// HolderName is the visibly fictional name of card `number`: 試験, U+3000, its digits, 号.
std::string HolderName(uint64_t number);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_WORLD_H_
