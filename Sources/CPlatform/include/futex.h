#ifndef STRATA_FUTEX_H
#define STRATA_FUTEX_H

#include <stdint.h>

/// Sleeps while the word at `address` is `expected`, at most `timeout_ns` nanoseconds (negative:
/// without limit). Returns 0 when woken or when the word differs, a negated errno otherwise;
/// spurious returns happen, so callers look at the word again.
int strata_futex_wait(const void *address, uint32_t expected, int64_t timeout_ns);

/// Wakes at most `count` threads that sleep on the word at `address`. The address is never read,
/// so it may be gone already.
void strata_futex_wake(const void *address, int count);

/// Tells the processor that this thread only waits for another's store.
static inline void strata_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#endif
