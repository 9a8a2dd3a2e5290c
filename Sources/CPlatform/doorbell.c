#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "doorbell.h"

#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>

int strata_doorbell_open(int descriptors[2]) {
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor < 0) return -errno;
    descriptor = strata_lift_descriptor(descriptor);
    if (descriptor < 0) return descriptor;
    descriptors[0] = descriptors[1] = descriptor;
    return 0;
}

int strata_poll(struct pollfd *entries, unsigned count, int64_t timeout_ns) {
    struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    int result = ppoll(entries, count, timeout_ns < 0 ? NULL : &limit, NULL);
    return result < 0 ? -errno : result;
}
#else
int strata_doorbell_open(int descriptors[2]) {
    if (pipe(descriptors) != 0) return -errno;
    for (int i = 0; i < 2; i++) {
        descriptors[i] = strata_lift_descriptor(descriptors[i]);
        if (descriptors[i] < 0) {
            int error = descriptors[i];
            close(descriptors[1 - i]);
            return error;
        }
    }
    for (int i = 0; i < 2; i++) {
        fcntl(descriptors[i], F_SETFL, O_NONBLOCK);
        fcntl(descriptors[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

int strata_poll(struct pollfd *entries, unsigned count, int64_t timeout_ns) {
    int limit = timeout_ns < 0 ? -1 : (int)((timeout_ns + 999999) / 1000000);
    int result = poll(entries, count, limit);
    return result < 0 ? -errno : result;
}
#endif

void strata_doorbell_ring(int descriptor) {
    uint64_t one = 1;
    while (write(descriptor, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void strata_doorbell_clear(int descriptor) {
    char bytes[64];
    ssize_t count;
    do {
        count = read(descriptor, bytes, sizeof bytes);
    } while (count == sizeof bytes || (count < 0 && errno == EINTR));
}
