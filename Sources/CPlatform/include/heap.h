#ifndef STRATA_HEAP_H
#define STRATA_HEAP_H

#include <stdint.h>

/// The bytes allocated from the heap now, in the whole process; -1 if unknown.
int64_t strata_allocated_bytes(void);

#endif
