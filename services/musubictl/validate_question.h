// The questions of `musubictl validate`, from JSON to what lib/pki and lib/jpki are asked. Judges
// nothing: see validate.cc.
#ifndef MUSUBI_SERVICES_MUSUBICTL_VALIDATE_QUESTION_H_
#define MUSUBI_SERVICES_MUSUBICTL_VALIDATE_QUESTION_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/jpki/card_validator.h"
#include "lib/pki/validation.h"
#include "services/musubictl/cache.h"

namespace musubi::services::musubictl {

// Anchors and lists that a batch remembers. A country has 1,890 lists in two generations, and
// 400 MB of them; parsed, a list takes about three times its octets.
inline constexpr CacheLimits kMaxJudges = {.entries = 64, .octets = size_t{16} << 20};
inline constexpr CacheLimits kMaxCrls = {.entries = 4096, .octets = size_t{512} << 20};

// Names of profiles.
inline constexpr std::string_view kRfc5280Profile = "rfc5280";
inline constexpr std::string_view kCardProfile = "jpki-card";

// Who judges under one profile and one set of anchors. `cards` is set for the card profile.
struct Judge {
  std::unique_ptr<pki::Validator> validator;
  std::unique_ptr<jpki::CardValidator> cards;
};

struct Question {
  std::string id;  // As JSON; empty if it has none.
  std::shared_ptr<Judge> judge;
  base::Bytes certificate;
  std::vector<base::Bytes> intermediates;
  std::vector<pki::Crl> crls;
  std::optional<base::Bytes> ocsp_response;
  std::optional<base::Bytes> proof_message;
  base::Bytes proof_signature;
  crypto::SignatureAlgorithm proof_algorithm;
  pki::ValidationRequest request;
};

// Members of a question, and of the defaults where it lacks them.
class Members;

// QuestionReader is thread-safe. What questions share (anchors, lists) is read once.
class QuestionReader {
 public:
  // `defaults` is a JSON object, or empty. INVALID_ARGUMENT names the member and the rule.
  static absl::StatusOr<std::unique_ptr<QuestionReader>> Create(std::string_view defaults,
                                                                absl::Time now);
  ~QuestionReader();

  // Read fills `question` from a JSON object, but for what the defaults have. On an error, which
  // names the member and the rule, at most its id is set.
  absl::Status Read(std::string_view line, Question& question);

 private:
  explicit QuestionReader(absl::Time now);

  absl::Status ReadMembers(const Members& members, Question& question);
  absl::Status ReadSettings(const Members& members, Question& question);
  absl::Status ReadCrls(const Members& members, Question& question);

  const absl::Time now_;
  struct Defaults;
  std::unique_ptr<Defaults> defaults_;
  Cache<Judge> judges_{kMaxJudges};
  Cache<std::vector<pki::Crl>> crls_{kMaxCrls};
  pki::CrlSignatures signatures_;
};

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_VALIDATE_QUESTION_H_
