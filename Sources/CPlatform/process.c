#include "process.h"

#include <limits.h>
#include <stddef.h>

static int argument_count;
static char **arguments;

// glibc and Darwin call the functions of this section with what `main` will get.
#if defined(__GLIBC__) || defined(__APPLE__)
__attribute__((constructor)) static void take_arguments(int count, char **values) {
    argument_count = count;
    arguments = values;
}
#endif

int strata_argument_count(void) { return argument_count; }

const char *strata_argument(int index) {
    return index >= 0 && index < argument_count ? arguments[index] : NULL;
}
