#ifndef STRATA_CRC32C_H
#define STRATA_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// The Castagnoli CRC of 32 bits, as iSCSI, ext4 and PostgreSQL's control file use it, of `count`
/// readable bytes. `seed` is 0, or the checksum of what stands before them. Uses the processor's
/// instruction for it where there is one.
uint32_t strata_crc32c(uint32_t seed, const void *bytes, size_t count);

/// The same by tables alone, for tests.
uint32_t strata_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

#endif
