// Writing of DER for tests, piece by piece, so that a test can make what no library would write.
#ifndef MUSUBI_TESTS_FAKES_DER_WRITER_H_
#define MUSUBI_TESTS_FAKES_DER_WRITER_H_

#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::fakes::der {

// One element around the concatenated `parts`.
base::Bytes Tlv(uint8_t tag, std::initializer_list<base::ByteView> parts);
base::Bytes Sequence(std::initializer_list<base::ByteView> parts);
base::Bytes Set(std::initializer_list<base::ByteView> parts);
// [n] constructed; [n] primitive.
base::Bytes Context(int n, std::initializer_list<base::ByteView> parts);
base::Bytes ContextPrimitive(int n, base::ByteView content);

base::Bytes Boolean(bool value);
base::Bytes Integer(uint64_t value);
base::Bytes Enumerated(uint64_t value);
base::Bytes Oid(std::string_view dotted);
base::Bytes Null();
base::Bytes OctetString(base::ByteView content);
// With 0 unused bits.
base::Bytes BitString(base::ByteView content);
base::Bytes Utf8(std::string_view text);
base::Bytes Printable(std::string_view text);
base::Bytes Ia5(std::string_view text);
base::Bytes UtcTime(absl::Time time);
base::Bytes GeneralizedTime(absl::Time time);
// UTCTime through 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5).
base::Bytes Time(absl::Time time);

// A Name of one attribute a RDN; the value is PrintableString for countryName ("C"), else
// UTF8String. Types: C, O, OU, CN, L.
base::Bytes Name(std::initializer_list<std::pair<std::string_view, std::string_view>> attributes);

}  // namespace musubi::fakes::der

#endif  // MUSUBI_TESTS_FAKES_DER_WRITER_H_
