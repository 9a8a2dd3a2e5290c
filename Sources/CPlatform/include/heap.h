#ifndef STRATA_HEAP_H
#define STRATA_HEAP_H

#include <stdint.h>

/// Bytes that are allocated from the heap now, in the whole process; -1 where that cannot be told.
int64_t strata_allocated_bytes(void);

#endif
