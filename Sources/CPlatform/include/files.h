#ifndef STRATA_FILES_H
#define STRATA_FILES_H

#include <stdint.h>

/// The flag of `open` that makes a descriptor bypass the page cache; 0 if there is none.
int strata_direct_io_flag(void);

/// Makes a descriptor opened without such a flag bypass the page cache, on platforms where that is
/// done after opening. Returns 0 or a negated errno.
int strata_disable_cache(int descriptor);

/// Reserves space for a range of a file and grows the file to the range's end; new bytes read as
/// zero. Returns 0 or a negated errno: -EOPNOTSUPP if file system or platform does not support it.
int strata_allocate(int descriptor, int64_t offset, int64_t count);

/// Asks the kernel to read a range into the page cache soon. Returns 0 or a negated errno.
int strata_prefetch(int descriptor, int64_t offset, int64_t count);

/// Finds the next range of a file, from an offset on, that is not known to be a hole. Returns 0, or
/// -ENXIO where only a hole or the file's end follows, or another negated errno: -EOPNOTSUPP where
/// file system or platform cannot tell.
int strata_next_data(int descriptor, int64_t offset, int64_t *start, int64_t *end);

/// Asks the kernel to begin writing a range's dirty pages to the disk, without making them durable.
/// Returns 0 or a negated errno; does nothing where the platform has no such call.
int strata_start_writeback(int descriptor, int64_t offset, int64_t count);

/// Makes everything on the file system of a descriptor durable, files and names of all programs.
/// Returns 0 or a negated errno: what failed to be written since the descriptor was opened, once;
/// -EOPNOTSUPP unless kernel and file system promise all that.
int strata_sync_file_system(int descriptor);

/// Whether something written to a file failed to reach the disk and no sync through this descriptor
/// has said so yet. Returns 0 or a negated errno; -EOPNOTSUPP where the platform has no such call.
int strata_write_error(int descriptor);

/// Writes vectors whole or not at all, even if the power fails. Returns the bytes written or a
/// negated errno: -EOPNOTSUPP if kernel, file system or disk does not support it.
struct iovec;
int64_t strata_write_atomically(int descriptor, const struct iovec *vectors, int count, int64_t offset);

/// Reads vectors as far as the page cache holds them, without waiting for a disk. Returns the bytes
/// read, or a negated errno: -EAGAIN if the cache holds none of them, -EOPNOTSUPP if kernel, file
/// system or platform cannot tell.
int64_t strata_read_cached(int descriptor, const struct iovec *vectors, int count, int64_t offset);

/// The kernel's flag for an atomic write.
int strata_atomic_write_flag(void);

/// Gets the smallest and the largest size in bytes of such a write to a file, both powers of two.
/// Returns 0 or a negated errno: -EOPNOTSUPP if they are unknown.
int strata_atomic_write_units(int descriptor, uint32_t *least, uint32_t *most);

/// The most descriptors that this process may have open.
int64_t strata_descriptor_limit(void);

#endif
