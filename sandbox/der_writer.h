// DER (ITU-T X.690) written forwards: just what certificates, CRLs and keys need. Reads nothing.
// Apart from lib/pki on purpose: one mistake cannot hide in both the writer and the reader.
#ifndef MUSUBI_SANDBOX_DER_WRITER_H_
#define MUSUBI_SANDBOX_DER_WRITER_H_

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::sandbox {

// Every function returns one whole TLV; constructed ones take the TLVs that they hold.

base::Bytes DerTlv(uint8_t tag, base::ByteView content);
base::Bytes DerSequence(std::initializer_list<base::ByteView> parts);
// DerSet takes its members in DER order: the caller's duty.
base::Bytes DerSet(std::initializer_list<base::ByteView> parts);
// Context-specific tag [number], number below 31; constructed or primitive.
base::Bytes DerExplicit(uint8_t number, std::initializer_list<base::ByteView> parts);
base::Bytes DerImplicit(uint8_t number, base::ByteView content);

base::Bytes DerTrue();
base::Bytes DerNull();
base::Bytes DerInteger(uint64_t value);
base::Bytes DerEnumerated(uint8_t value);
// DerOid takes dotted text; dies on anything else, since every OID here is a constant.
base::Bytes DerOid(std::string_view dotted);
base::Bytes DerOctetString(base::ByteView content);
base::Bytes DerBitString(base::ByteView bits, uint8_t unused_bits = 0);
base::Bytes DerUtf8String(std::string_view text);
base::Bytes DerPrintableString(std::string_view text);
base::Bytes DerIa5String(std::string_view text);
// DerTime is UTCTime through 2049 and GeneralizedTime after (RFC 5280 section 4.1.2.5). `time` is
// cut to whole seconds.
base::Bytes DerTime(absl::Time time);
// DerGeneralizedTime is the form of OCSP (RFC 6960 section 4.2.2.1), cut to whole seconds too.
base::Bytes DerGeneralizedTime(absl::Time time);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_DER_WRITER_H_
