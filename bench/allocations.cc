#include "bench/allocations.h"

#include <openssl/crypto.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#include "lib/base/check.h"

namespace {

// A thread-local of a plain type: counting allocates nothing and costs about a nanosecond.
thread_local musubi::bench::Allocations counts;

void* CountedMalloc(size_t size, const char*, int) {
  ++counts.by_openssl;
  return std::malloc(size);
}

void* CountedRealloc(void* old, size_t size, const char*, int) {
  ++counts.by_openssl;
  return std::realloc(old, size);
}

void PlainFree(void* memory, const char*, int) { std::free(memory); }

void* CountedNew(size_t size, size_t alignment) {
  ++counts.by_new;
  // aligned_alloc takes whole multiples of the alignment.
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = alignment <= alignof(std::max_align_t) ? std::malloc(size > 0 ? size : 1)
                                                        : std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) std::abort();  // A benchmark has no use for bad_alloc.
  return memory;
}

}  // namespace

// The array and nothrow forms call these.
void* operator new(size_t size) { return CountedNew(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return CountedNew(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace musubi::bench {

void CountOpensslAllocations() {
  MUSUBI_CHECK(CRYPTO_set_mem_functions(CountedMalloc, CountedRealloc, PlainFree) == 1,
               "OpenSSL has allocated already");
}

Allocations AllocationsOfThread() { return counts; }

}  // namespace musubi::bench
