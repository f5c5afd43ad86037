// One random change to a DER encoding, anywhere in its tree, also inside extensions: what a test of
// agreement needs of certificates that nobody would write by hand. Knows no certificate.
#ifndef MUSUBI_TESTS_FAKES_DER_MUTATION_H_
#define MUSUBI_TESTS_FAKES_DER_MUTATION_H_

#include <random>

#include "lib/base/bytes.h"

namespace musubi::fakes {

// MutateDer changes one element of `der`, or nothing if that is not well-formed: its tag, content
// or place, its neighbours, or the form of its length. The lengths of what holds it follow, so that
// the change is what a reader finds wrong, if anything.
base::Bytes MutateDer(base::ByteView der, std::mt19937_64& random);

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_DER_MUTATION_H_
