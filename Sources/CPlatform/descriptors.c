#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int strata_lift_descriptor(int descriptor) {
    if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
    int lifted = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (lifted < 0) lifted = -errno;
    close(descriptor);
    return lifted;
}
