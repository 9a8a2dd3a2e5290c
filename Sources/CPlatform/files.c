#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__linux__)
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#endif

int strata_direct_io_flag(void) {
#if defined(O_DIRECT)
    return O_DIRECT;
#else
    return 0;
#endif
}

int strata_disable_cache(int descriptor) {
#if defined(F_NOCACHE)
    return fcntl(descriptor, F_NOCACHE, 1) < 0 ? -errno : 0;
#else
    (void)descriptor;
    return 0;
#endif
}

int strata_allocate(int descriptor, int64_t offset, int64_t count) {
#if defined(__linux__)
    return fallocate(descriptor, 0, offset, count) < 0 ? -errno : 0;
#else
    (void)descriptor, (void)offset, (void)count;
    return -EOPNOTSUPP;
#endif
}

int strata_prefetch(int descriptor, int64_t offset, int64_t count) {
#if defined(POSIX_FADV_WILLNEED)
    return -posix_fadvise(descriptor, offset, count, POSIX_FADV_WILLNEED);
#elif defined(F_RDADVISE)
    struct radvisory range = {.ra_offset = offset, .ra_count = (int)count};
    return fcntl(descriptor, F_RDADVISE, &range) < 0 ? -errno : 0;
#else
    (void)descriptor, (void)offset, (void)count;
    return 0;
#endif
}

int strata_next_data(int descriptor, int64_t offset, int64_t *start, int64_t *end) {
#if defined(SEEK_DATA) && defined(SEEK_HOLE)
    off_t data = lseek(descriptor, offset, SEEK_DATA);
    if (data < 0) return errno == EINVAL ? -EOPNOTSUPP : -errno;
    off_t hole = lseek(descriptor, data, SEEK_HOLE);
    if (hole < 0) return errno == EINVAL ? -EOPNOTSUPP : -errno;
    *start = data;
    *end = hole;
    return 0;
#else
    (void)descriptor, (void)offset, (void)start, (void)end;
    return -EOPNOTSUPP;
#endif
}

int strata_start_writeback(int descriptor, int64_t offset, int64_t count) {
#if defined(SYNC_FILE_RANGE_WRITE)
    return sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE) < 0 ? -errno : 0;
#else
    (void)descriptor, (void)offset, (void)count;
    return 0;
#endif
}

#if defined(__linux__)
// Since Linux 5.8, syncfs reports what could not be written.
static int reports_failed_writes(void) {
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) return 0;
    return major > 5 || (major == 5 && minor >= 8);
}

// File systems whose syncfs is known to do for each file what fsync does. A network's or a user's
// own file system may not send it on.
static int syncs_as_a_whole(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) < 0) return 0;
    switch ((uint32_t)status.f_type) {
    case 0xEF53u:     // ext4
    case 0x58465342u: // XFS
    case 0x9123683Eu: // Btrfs
    case 0xF2F52010u: // F2FS
    case 0x01021994u: // tmpfs
        return 1;
    default: return 0;
    }
}
#endif

int strata_sync_file_system(int descriptor) {
#if defined(__linux__)
    if (!reports_failed_writes() || !syncs_as_a_whole(descriptor)) return -EOPNOTSUPP;
    return syncfs(descriptor) < 0 ? -errno : 0;
#else
    (void)descriptor;
    return -EOPNOTSUPP;
#endif
}

int strata_write_error(int descriptor) {
#if defined(SYNC_FILE_RANGE_WAIT_BEFORE)
    return sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) < 0 ? -errno : 0;
#else
    (void)descriptor;
    return -EOPNOTSUPP;
#endif
}

int64_t strata_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

// Newer than the headers of some systems: linux/fs.h and linux/stat.h, both since Linux 6.11.
#define STRATA_RWF_ATOMIC 0x40
#define STRATA_STATX_WRITE_ATOMIC 0x10000u
#define STRATA_UNIT_MIN_OFFSET 0xa8
#define STRATA_UNIT_MAX_OFFSET 0xac

int strata_atomic_write_flag(void) { return STRATA_RWF_ATOMIC; }

int64_t strata_write_atomically(int descriptor, const struct iovec *vectors, int count, int64_t offset) {
#if defined(__linux__)
    ssize_t written = pwritev2(descriptor, vectors, count, offset, STRATA_RWF_ATOMIC);
    return written < 0 ? -errno : written;
#else
    (void)descriptor, (void)vectors, (void)count, (void)offset;
    return -EOPNOTSUPP;
#endif
}

int64_t strata_read_cached(int descriptor, const struct iovec *vectors, int count, int64_t offset) {
#if defined(__linux__) && defined(RWF_NOWAIT)
    ssize_t got = preadv2(descriptor, vectors, count, offset, RWF_NOWAIT);
    return got < 0 ? -errno : got;
#else
    (void)descriptor, (void)vectors, (void)count, (void)offset;
    return -EOPNOTSUPP;
#endif
}

int strata_atomic_write_units(int descriptor, uint32_t *least, uint32_t *most) {
#if defined(__linux__) && defined(SYS_statx)
    unsigned char status[256];
    memset(status, 0, sizeof status);
    if (syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, STRATA_STATX_WRITE_ATOMIC, status) < 0) return -errno;
    uint32_t mask;
    memcpy(&mask, status, sizeof mask);
    memcpy(least, status + STRATA_UNIT_MIN_OFFSET, sizeof *least);
    memcpy(most, status + STRATA_UNIT_MAX_OFFSET, sizeof *most);
    if (!(mask & STRATA_STATX_WRITE_ATOMIC) || *least == 0 || *most < *least) return -EOPNOTSUPP;
    return 0;
#else
    (void)descriptor, (void)least, (void)most;
    return -EOPNOTSUPP;
#endif
}
