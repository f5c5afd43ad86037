// The questions of `musubictl validate`, from JSON to what lib/pki and lib/jpki are asked. Judges
// nothing: see validate.cc.
#ifndef MUSUBI_SERVICES_MUSUBICTL_VALIDATE_QUESTION_H_
#define MUSUBI_SERVICES_MUSUBICTL_VALIDATE_QUESTION_H_

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/jpki/card_validator.h"
#include "lib/pki/validation.h"

namespace musubi::services::musubictl {

// Thread-safe memory of what files and contents were made into. Entries are never dropped: a batch
// names few anchors and lists.
template <typename T>
class Cache {
 public:
  template <typename Make>
  absl::StatusOr<std::shared_ptr<T>> Get(const std::string& key, Make make) {
    base::MutexLock lock(mutex_);
    if (const auto found = entries_.find(key); found != entries_.end()) return found->second;
    MUSUBI_ASSIGN_OR_RETURN(std::shared_ptr<T> made, make());
    entries_.emplace(key, made);
    return made;
  }

 private:
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<T>, std::less<>> entries_ ABSL_GUARDED_BY(mutex_);
};

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
  std::vector<std::shared_ptr<const std::vector<pki::Crl>>> crl_files;  // Keep `crls` alive.
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
  std::unique_ptr<nlohmann::json> defaults_;
  Cache<Judge> judges_;
  Cache<std::vector<pki::Crl>> crls_;
  pki::CrlSignatures signatures_;
};

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_VALIDATE_QUESTION_H_
