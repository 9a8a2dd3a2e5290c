#ifndef STRATA_FUTEX_H
#define STRATA_FUTEX_H

#include <stdint.h>

/// Sleeps while the word at `address` is `expected`, for at most `timeout_ns` nanoseconds
/// (negative:
/// no limit). Returns 0 if woken or if the word differs, else a negated errno. May return
/// spuriously,
/// so callers must check the word again.
int strata_futex_wait(const void *address, uint32_t expected, int64_t timeout_ns);

/// Wakes at most `count` threads that sleep on the word at `address`. Never reads the address, so
/// the word may be gone already.
void strata_futex_wake(const void *address, int count);

/// Tells the processor that this thread only waits for another thread's store.
static inline void strata_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#endif
