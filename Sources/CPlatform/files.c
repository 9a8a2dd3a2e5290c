#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/types.h>

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

int strata_start_writeback(int descriptor, int64_t offset, int64_t count) {
#if defined(SYNC_FILE_RANGE_WRITE)
    return sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE) < 0 ? -errno : 0;
#else
    (void)descriptor, (void)offset, (void)count;
    return 0;
#endif
}

int64_t strata_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}
