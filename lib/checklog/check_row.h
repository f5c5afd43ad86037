// One check of a certificate, as the check log keeps it: who asked, what for, what came of it.
// Never the certificate: which card it was, only a keyed hash says.
#ifndef MUSUBI_LIB_CHECKLOG_CHECK_ROW_H_
#define MUSUBI_LIB_CHECKLOG_CHECK_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/verdict.h"

namespace musubi::checklog {

// Why a caller asks. Numbers are those of musubi.v1.CheckPurpose: never renumber.
enum class CheckPurpose {
  kUnspecified = 0,       // Refused: a caller says why it asks.
  kIdentityProofing = 1,  // A person is registered, or identified for the first time.
  kAuthentication = 2,    // A person signs in, or approves something, with the card.
  kAccountRecovery = 3,   // A person without credentials gets them again.
  kStatusMonitoring = 4,  // Is a certificate that was registered earlier still good?
  kServiceTest = 5,       // Of the service itself, with a card that is nobody's.
};
std::string_view Name(CheckPurpose purpose);  // As in "ACCOUNT_RECOVERY"; UNSPECIFIED if unknown.

struct CheckRow {
  absl::Time at;       // Of the verdict (pki::Verdict::checked_at).
  std::string caller;  // Its role, as the transport has proven it.
  CheckPurpose purpose = CheckPurpose::kUnspecified;
  pki::RevocationMethod method = pki::RevocationMethod::kUnspecified;
  // How old the answer about revocation was, by its thisUpdate; nothing if there was none.
  std::optional<absl::Duration> data_age;
  pki::VerdictStatus status = pki::VerdictStatus::kUnspecified;
  pki::VerdictReason reason = pki::VerdictReason::kUnspecified;
  // CheckLog::HashCard; nothing if the check failed before it was certain which card it is.
  std::optional<base::Hash256> card;
};

// The JSON object of a row, on one line: `number` counts all rows of a log from 1, `key_id` names
// the key that `card` was made with.
std::string CheckAsJson(const CheckRow& row, int64_t number, std::string_view key_id);

// The rows that the log writes about itself. A start says how many octets of a torn row were cut;
// a stop says that everything before it is there: a start without one before it follows a process
// that was killed, which may have taken rows along that were not written yet.
std::string StartAsJson(absl::Time at, int64_t number, uint64_t cut_octets);
std::string StopAsJson(absl::Time at, int64_t number);

enum class RowKind { kOther = 0, kCheck = 1, kStart = 2, kStop = 3 };
RowKind KindOf(std::string_view json);

}  // namespace musubi::checklog

#endif  // MUSUBI_LIB_CHECKLOG_CHECK_ROW_H_
