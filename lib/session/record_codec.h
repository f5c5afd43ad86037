// SessionRecord as octets and back, for stores outside this process. Encoding 1, canonical: a
// record has one encoding, and whatever EncodeRecord would not have written is refused. Seals
// nothing and compresses nothing.
#ifndef MUSUBI_LIB_SESSION_RECORD_CODEC_H_
#define MUSUBI_LIB_SESSION_RECORD_CODEC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/session/record.h"

namespace musubi::session {

// The first octet. Another number: another set of fields.
inline constexpr uint8_t kRecordEncoding = 2;

// A journey's record takes about 1 to 6 KB; its longest parts (certificate, 32 answers) are bounded
// where they come from. More than this is a fault, and would make every step of a session slow.
inline constexpr size_t kMaxEncodedRecord = 128 * 1024;

// INTERNAL if the record takes more than kMaxEncodedRecord.
absl::StatusOr<base::Bytes> EncodeRecord(const SessionRecord& record);

// DATA_LOSS for anything that EncodeRecord does not write: another encoding, what is cut short,
// what follows the end, a number that no enum has, more than kMaxStoredAnswers answers.
absl::StatusOr<SessionRecord> DecodeRecord(base::ByteView octets);

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_RECORD_CODEC_H_
