#include "futex.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <time.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

int strata_futex_wait(const void *address, uint32_t expected, int64_t timeout_ns) {
    struct timespec limit, *timeout = NULL;
    if (timeout_ns >= 0) {
        limit.tv_sec = timeout_ns / 1000000000;
        limit.tv_nsec = timeout_ns % 1000000000;
        timeout = &limit;
    }
    long r = syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
    return r == 0 || errno == EAGAIN ? 0 : -errno;
}

void strata_futex_wake(const void *address, int count) {
    syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

#elif defined(__APPLE__)
#include <os/clock.h>
#include <os/os_sync_wait_on_address.h>

int strata_futex_wait(const void *address, uint32_t expected, int64_t timeout_ns) {
    int r = timeout_ns < 0
        ? os_sync_wait_on_address((void *)address, expected, 4, OS_SYNC_WAIT_ON_ADDRESS_NONE)
        : os_sync_wait_on_address_with_timeout((void *)address, expected, 4,
              OS_SYNC_WAIT_ON_ADDRESS_NONE, OS_CLOCK_MACH_ABSOLUTE_TIME, (uint64_t)timeout_ns);
    return r >= 0 ? 0 : -errno;
}

void strata_futex_wake(const void *address, int count) {
    if (count == 1)
        os_sync_wake_by_address_any((void *)address, 4, OS_SYNC_WAKE_BY_ADDRESS_NONE);
    else
        os_sync_wake_by_address_all((void *)address, 4, OS_SYNC_WAKE_BY_ADDRESS_NONE);
}
#else
#error "Strata needs a way to wait on an address here"
#endif
