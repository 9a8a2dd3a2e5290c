#ifndef STRATA_CHECKSUM_H
#define STRATA_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

/// The bytes in a page. Every `page` pointer below must be readable for this
/// many bytes; it needs no alignment.
#define STRATA_PAGE_SIZE 8192

/// The kernels for the checksum. All compute the same sums.
enum strata_checksum_variant {
    STRATA_CHECKSUM_PORTABLE = 0,
    STRATA_CHECKSUM_AVX2 = 1,
    STRATA_CHECKSUM_VARIANTS = 2,
};

/// Returns the 16-bit checksum that a data page must carry at `block`. The
/// header's own checksum field counts as zero. Only reads the page, so others
/// may read it at the same time. Never returns 0.
uint16_t strata_checksum_page(const void *page, uint32_t block);

/// Computes the checksums of two pages, at `block` and the one behind it, in
/// less time than one after the other.
void strata_checksum_two_pages(
    const void *first, const void *second, uint32_t block, uint16_t checksums[2]);

/// `strata_checksum_page` with a chosen kernel, for tests and benchmarks. A
/// variant that this processor lacks falls back to the portable one.
uint16_t strata_checksum_page_variant(const void *page, uint32_t block, int variant);

/// Whether this processor and operating system can run `variant`.
bool strata_checksum_variant_available(int variant);

/// The name of `variant` ("portable", "avx2"), or "unknown".
const char *strata_checksum_variant_title(int variant);

/// The name of the kernel that `strata_checksum_page` uses here.
const char *strata_checksum_variant_name(void);

/// Whether all of the page's bytes are zero. Stops soon after the first that is
/// not.
bool strata_page_is_zero(const void *page);

#endif
