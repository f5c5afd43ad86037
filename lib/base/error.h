// Why a call could not be done: the closed list of reasons, and how a Status carries one. Not for
// the outcome of a validation, which is a verdict (lib/pki/verdict.h).
#ifndef MUSUBI_LIB_BASE_ERROR_H_
#define MUSUBI_LIB_BASE_ERROR_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace musubi::base {

// ErrorReason is one line of error_reasons.inc. Numbers are those of musubi.v1.ErrorReason.
enum class ErrorReason {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) k##name = number,
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
};

// Facts that a client may act on: names in snake_case, values without secrets or personal data.
using ErrorMetadata = std::map<std::string, std::string>;

// Error makes the Status of `reason`, with its canonical code. `detail` is for the developer who
// reads it: it names the thing, the rule and the fix, and never holds a secret.
absl::Status Error(ErrorReason reason, std::string_view detail, ErrorMetadata metadata = {});

// RetryLater is Error with the time after which to come again: in milliseconds, rounded up, in the
// metadata, and RetryInfo on the wire.
absl::Status RetryLater(ErrorReason reason, std::string_view detail, absl::Duration delay,
                        ErrorMetadata metadata = {});

// FieldError is Error about one field of a request: FIELD_INVALID or FIELD_NOT_ALLOWED, with the
// field's name in the metadata. `rule` says what the field must be.
absl::Status FieldError(ErrorReason reason, std::string_view field, std::string_view rule);

// ReasonOf returns the reason that Error put into `status`, or nothing.
std::optional<ErrorReason> ReasonOf(const absl::Status& status);
ErrorMetadata MetadataOf(const absl::Status& status);
// What RetryLater was given, or nothing.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

// The wire name of a reason, as in "SESSION_NOT_FOUND"; its canonical code; its sentence.
std::string_view Name(ErrorReason reason);
absl::StatusCode CodeOf(ErrorReason reason);
std::string_view Sentence(ErrorReason reason);

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_ERROR_H_
