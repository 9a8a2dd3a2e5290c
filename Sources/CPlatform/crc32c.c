#include "crc32c.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

/// The reversed polynomial.
#define POLYNOMIAL 0x82F63B78u

/// `tables[k][b]` is the checksum of byte `b` followed by `k` bytes of zeroes: eight bytes take
/// eight look-ups that do not wait for each other.
static uint32_t tables[8][256];
static atomic_int tables_are_made;

// Concurrent threads write the same values, and none reads them before its own writes. No thread
// sees half of a table entry, as each is one aligned word.
static void make_tables(void) {
    if (atomic_load_explicit(&tables_are_made, memory_order_acquire)) return;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ POLYNOMIAL : value >> 1;
        __atomic_store_n(&tables[0][byte], value, __ATOMIC_RELAXED);
    }
    for (int table = 1; table < 8; table++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t value = __atomic_load_n(&tables[table - 1][byte], __ATOMIC_RELAXED);
            uint32_t next = __atomic_load_n(&tables[0][value & 255], __ATOMIC_RELAXED);
            __atomic_store_n(&tables[table][byte], (value >> 8) ^ next, __ATOMIC_RELAXED);
        }
    }
    atomic_store_explicit(&tables_are_made, 1, memory_order_release);
}

uint32_t strata_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    make_tables();
    const uint8_t *next = bytes;
    uint32_t state = ~seed;
    for (; count >= 8; next += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        word ^= state;
        state = tables[7][word & 255] ^ tables[6][(word >> 8) & 255] ^
                tables[5][(word >> 16) & 255] ^ tables[4][(word >> 24) & 255] ^
                tables[3][(word >> 32) & 255] ^ tables[2][(word >> 40) & 255] ^
                tables[1][(word >> 48) & 255] ^ tables[0][word >> 56];
    }
    for (; count > 0; next++, count--) state = tables[0][(state ^ *next) & 255] ^ (state >> 8);
    return ~state;
}

#if defined(__x86_64__)

/// The bytes of each of three streams that are summed up side by side: the instruction's result
/// takes three cycles, but one can begin in each cycle.
#define STREAM 1360

/// Each bit of a state after `STREAM` zeroes.
static const uint32_t behind_zeroes[32] = {
    0x79113270u, 0xF22264E0u, 0xE1A8BF31u, 0xC6BD0893u,
    0x889667D7u, 0x14C0B95Fu, 0x298172BEu, 0x5302E57Cu,
    0xA605CAF8u, 0x49E7E301u, 0x93CFC602u, 0x2273FAF5u,
    0x44E7F5EAu, 0x89CFEBD4u, 0x1673A159u, 0x2CE742B2u,
    0x59CE8564u, 0xB39D0AC8u, 0x62D66361u, 0xC5ACC6C2u,
    0x8EB5FB75u, 0x1887801Bu, 0x310F0036u, 0x621E006Cu,
    0xC43C00D8u, 0x8D947741u, 0x1EC49873u, 0x3D8930E6u,
    0x7B1261CCu, 0xF624C398u, 0xE9A5F1C1u, 0xD6A79573u,
};

/// The state after `STREAM` zeroes.
static uint32_t pass_zeroes(uint32_t state) {
    uint32_t result = 0;
    for (int bit = 0; bit < 32; bit++) result ^= behind_zeroes[bit] & -(state >> bit & 1);
    return result;
}

static uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

__attribute__((target("sse4.2")))
static uint32_t crc32c_sse42(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint64_t state = (uint32_t)~seed;
    for (; count >= 3 * STREAM; next += 3 * STREAM, count -= 3 * STREAM) {
        uint64_t second = 0, third = 0;
        for (size_t offset = 0; offset < STREAM; offset += 8) {
            state = __builtin_ia32_crc32di(state, word_at(next + offset));
            second = __builtin_ia32_crc32di(second, word_at(next + STREAM + offset));
            third = __builtin_ia32_crc32di(third, word_at(next + 2 * STREAM + offset));
        }
        state = pass_zeroes(pass_zeroes((uint32_t)state) ^ (uint32_t)second) ^ third;
    }
    for (; count >= 8; next += 8, count -= 8) {
        state = __builtin_ia32_crc32di(state, word_at(next));
    }
    uint32_t rest = (uint32_t)state;
    for (; count > 0; next++, count--) rest = __builtin_ia32_crc32qi(rest, *next);
    return ~rest;
}

uint32_t strata_crc32c(uint32_t seed, const void *bytes, size_t count) {
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(seed, bytes, count);
    return strata_crc32c_portable(seed, bytes, count);
}

#elif defined(__ARM_FEATURE_CRC32)

uint32_t strata_crc32c(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint32_t state = ~seed;
    for (; count >= 8; next += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        state = __crc32cd(state, word);
    }
    for (; count > 0; next++, count--) state = __crc32cb(state, *next);
    return ~state;
}

#else

uint32_t strata_crc32c(uint32_t seed, const void *bytes, size_t count) {
    return strata_crc32c_portable(seed, bytes, count);
}

#endif
