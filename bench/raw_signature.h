// What the two signatures of a validation cost by themselves: the floor of `scripts/bench
// validation`. One is of a prepared key (the issuer's), one of a fresh key (the card's). CPU time
// of the calling thread; nothing but the public operations and, for a fresh key, its constants.
#ifndef MUSUBI_BENCH_RAW_SIGNATURE_H_
#define MUSUBI_BENCH_RAW_SIGNATURE_H_

namespace musubi::bench {

// Whether this processor has the lanes.
bool HasRawLanes();

// Microseconds a validation in lanes, where HasRawLanes: runs of eight prepared keys and of eight
// fresh ones, all lanes used. Takes about `validations` * 8 us.
double RawLanesMicroseconds(int validations = 4000);

// Microseconds a validation on OpenSSL's BN_mod_exp_mont: with a kept BN_MONT_CTX, and with one
// that is set for each check. Takes about `validations` * 35 us.
double RawScalarMicroseconds(int validations = 2000);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_RAW_SIGNATURE_H_
