// Finding My Number data where a client may put octets of its own choice. My Number (個人番号) is
// never handled: what holds it is refused before anything is kept.
#ifndef MUSUBI_LIB_JPKI_MY_NUMBER_H_
#define MUSUBI_LIB_JPKI_MY_NUMBER_H_

#include "lib/base/bytes.h"

namespace musubi::jpki {

// HoldsMyNumber is true if `octets` is, or contains at any depth, a BER-TLV object with the tag
// FF10 (個人番号) or DF31 (the SHA-256 over it, which can be searched through) of the card's
// applets; or if the text contains twelve digits, ASCII or full width, whose last is the check
// digit of a My Number. For free-form fields only: certificates and signatures are random octets
// and have their own parsers.
bool HoldsMyNumber(base::ByteView octets);

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_MY_NUMBER_H_
