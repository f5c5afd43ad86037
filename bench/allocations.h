// Counts heap allocations of a thread: operator new, replaced for the whole program that links this
// in, and OpenSSL's own.
#ifndef MUSUBI_BENCH_ALLOCATIONS_H_
#define MUSUBI_BENCH_ALLOCATIONS_H_

#include <cstdint>

namespace musubi::bench {

// CountOpensslAllocations must be called before OpenSSL allocates anything: first thing in main.
// Dies if it is too late.
void CountOpensslAllocations();

// Allocations of the calling thread so far, by operator new and by OpenSSL. What C code gets from
// malloc itself is not counted.
struct Allocations {
  uint64_t by_new = 0;
  uint64_t by_openssl = 0;
};
Allocations AllocationsOfThread();

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_ALLOCATIONS_H_
