#include "checksum.h"

#include <stddef.h>
#include <string.h>

// The page is a table of 64 rows of 32 little-endian words. Each column has its
// own sum, so the sums are independent and one row is one vector step. `lanes`
// is wider than any register: the compiler splits it into as many registers as
// the target has (8 of SSE or NEON, 4 of AVX2). That alone distinguishes the
// kernels. With four registers the multiplication's latency is already the
// limit: AVX-512 was measured to be no faster, and it can lower the clock of a
// processor, so there is no such kernel.

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the page format is little-endian; this kernel reads words in place"
#endif

enum { lane_count = 32, row_count = STRATA_PAGE_SIZE / (lane_count * 4) };

typedef uint32_t lanes __attribute__((vector_size(lane_count * 4)));

/// Word 2 of the page: checksum in the low half, flags in the high half.
enum { checksum_word = 2 };

#define MULTIPLIER 16777619u

static const uint32_t starting_sums[lane_count] = {
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
};

/// One step: folds `words` into `sums`. A macro, because a vector argument
/// wider than a register has no stable calling convention.
#define FOLD(sums, words)                                \
    do {                                                 \
        lanes mixed = (sums) ^ (words);                  \
        (sums) = (mixed * MULTIPLIER) ^ (mixed >> 17);   \
    } while (0)

static inline __attribute__((always_inline)) uint32_t sum_page(const void *page) {
    const uint8_t *bytes = page;
    lanes sums, row;
    memcpy(&sums, starting_sums, sizeof sums);

    memcpy(&row, bytes, sizeof row);
    row[checksum_word] &= 0xFFFF0000u;
    FOLD(sums, row);
    for (size_t index = 1; index < row_count; index++) {
        memcpy(&row, bytes + index * sizeof row, sizeof row);
        FOLD(sums, row);
    }
    row = (lanes){0};
    FOLD(sums, row);
    FOLD(sums, row);

    uint32_t parts[lane_count];
    memcpy(parts, &sums, sizeof parts);
    uint32_t folded = 0;
    for (size_t index = 0; index < lane_count; index++) {
        folded ^= parts[index];
    }
    return folded;
}

/// Sums two pages in step. A page's sums wait for each multiplication before the
/// next row; the other page's work fits in between. Takes a quarter less time
/// per page.
static inline __attribute__((always_inline)) void sum_pair(
    const void *first, const void *second, uint32_t sums[2]) {
    const uint8_t *pages[2] = {first, second};
    lanes state[2], row[2];
    memcpy(&state[0], starting_sums, sizeof state[0]);
    state[1] = state[0];
    for (size_t index = 0; index < row_count; index++) {
        for (size_t page = 0; page < 2; page++) {
            memcpy(&row[page], pages[page] + index * sizeof row[page], sizeof row[page]);
            if (index == 0) {
                row[page][checksum_word] &= 0xFFFF0000u;
            }
            FOLD(state[page], row[page]);
        }
    }
    for (size_t page = 0; page < 2; page++) {
        row[page] = (lanes){0};
        FOLD(state[page], row[page]);
        FOLD(state[page], row[page]);
        sums[page] = 0;
        for (size_t index = 0; index < lane_count; index++) {
            sums[page] ^= state[page][index];
        }
    }
}

static uint32_t sum_portable(const void *page) {
    return sum_page(page);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint32_t sum_avx2(const void *page) {
    return sum_page(page);
}

__attribute__((target("avx2"))) static void sum_pair_avx2(
    const void *first, const void *second, uint32_t sums[2]) {
    sum_pair(first, second, sums);
}
#endif

bool strata_checksum_variant_available(int variant) {
    switch (variant) {
    case STRATA_CHECKSUM_PORTABLE:
        return true;
#if defined(__x86_64__)
    case STRATA_CHECKSUM_AVX2:
        return __builtin_cpu_supports("avx2");
#endif
    default:
        return false;
    }
}

/// The best kernel for this machine. The answer comes from a table that the
/// loader filled before `main`, so asking costs a load and a test, and needs no
/// initialisation here.
static inline int best_variant(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        return STRATA_CHECKSUM_AVX2;
    }
#endif
    return STRATA_CHECKSUM_PORTABLE;
}

/// Reduces a page's sum to sixteen bits. Mixes in the block number, so that a
/// page read from the wrong place is detected. Never returns zero.
static inline uint16_t finish_sum(uint32_t sum, uint32_t block) {
    return (uint16_t)((sum ^ block) % 65535u + 1u);
}

static inline uint16_t run_variant(const void *page, uint32_t block, int variant) {
    switch (variant) {
#if defined(__x86_64__)
    case STRATA_CHECKSUM_AVX2:
        return finish_sum(sum_avx2(page), block);
#endif
    default:
        return finish_sum(sum_portable(page), block);
    }
}

uint16_t strata_checksum_page(const void *page, uint32_t block) {
    return run_variant(page, block, best_variant());
}

void strata_checksum_two_pages(
    const void *first, const void *second, uint32_t block, uint16_t checksums[2]) {
    uint32_t sums[2];
    switch (best_variant()) {
#if defined(__x86_64__)
    case STRATA_CHECKSUM_AVX2:
        sum_pair_avx2(first, second, sums);
        break;
#endif
    default:
        sum_pair(first, second, sums);
    }
    checksums[0] = finish_sum(sums[0], block);
    checksums[1] = finish_sum(sums[1], block + 1);
}

uint16_t strata_checksum_page_variant(const void *page, uint32_t block, int variant) {
    if (!strata_checksum_variant_available(variant)) {
        variant = STRATA_CHECKSUM_PORTABLE;
    }
    return run_variant(page, block, variant);
}

const char *strata_checksum_variant_title(int variant) {
    switch (variant) {
    case STRATA_CHECKSUM_PORTABLE:
        return "portable";
    case STRATA_CHECKSUM_AVX2:
        return "avx2";
    default:
        return "unknown";
    }
}

const char *strata_checksum_variant_name(void) {
    return strata_checksum_variant_title(best_variant());
}

bool strata_page_is_zero(const void *page) {
    // A group of 256 bytes is or-ed without a branch, which vectorises. The
    // branch between groups ends the scan early on a page with content.
    enum { group = 32 };
    const uint8_t *bytes = page;
    for (size_t start = 0; start < STRATA_PAGE_SIZE; start += group * sizeof(uint64_t)) {
        uint64_t words[group];
        memcpy(words, bytes + start, sizeof words);
        uint64_t any = 0;
        for (size_t index = 0; index < group; index++) {
            any |= words[index];
        }
        if (any != 0) {
            return false;
        }
    }
    return true;
}
