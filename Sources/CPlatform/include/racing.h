#ifndef STRATA_RACING_H
#define STRATA_RACING_H

#include <stddef.h>
#include <stdint.h>

/// Loads `count` bytes, 1 to 8, that another thread may be storing to: the one place of the package
/// where such a race is meant. The bytes may be of different moments, so callers must find out
/// afterwards whether anything was stored meanwhile, and drop the value if so. Loads of 1, 2, 4 and
/// 8 bytes happen once: the compiler neither repeats nor drops them. The first byte is the value's
/// lowest. No alignment is needed.
///
/// The thread sanitizer does not look into it.
__attribute__((no_sanitize("thread"))) static inline uint64_t strata_load_racing(
    const void *address, size_t count) {
    struct __attribute__((packed)) two { volatile uint16_t value; };
    struct __attribute__((packed)) four { volatile uint32_t value; };
    struct __attribute__((packed)) eight { volatile uint64_t value; };
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (count == 8) return ((const struct eight *)address)->value;
    if (count == 4) return ((const struct four *)address)->value;
    if (count == 2) return ((const struct two *)address)->value;
#endif
    uint64_t result = 0;
    for (size_t i = 0; i < count; i++)
        result |= (uint64_t)((const volatile uint8_t *)address)[i] << (8 * i);
    return result;
}

#endif
