#ifndef STRATA_CRC32C_H
#define STRATA_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// The 32-bit Castagnoli CRC of `count` readable bytes, as used by iSCSI, ext4 and PostgreSQL's
/// control file. `seed` is 0, or the checksum of the bytes before them. Uses the processor's
/// instruction if there is one.
uint32_t strata_crc32c(uint32_t seed, const void *bytes, size_t count);

/// The same by tables only, for tests.
uint32_t strata_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

#endif
