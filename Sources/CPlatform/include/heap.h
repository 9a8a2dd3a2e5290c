#ifndef STRATA_HEAP_H
#define STRATA_HEAP_H

#include <stdint.h>

/// The bytes allocated from the heap now, in the whole process; -1 if unknown.
int64_t strata_allocated_bytes(void);

/// Bounds how many arenas the heap has for threads that allocate at the same time, each of which
/// takes address space; does nothing where there is no such bound. Concerns the whole process.
void strata_limit_arenas(int count);

#endif
