// The order matters: with liburing first, its own copies of kernel types clash with those that
// Glibc's module map already owns in debug builds.
#include <features.h>
#include <linux/io_uring.h>
#include <liburing.h>
