#include "held.h"

enum { held_capacity = 16 };

// Locks beyond the capacity are only counted.
static _Thread_local struct {
    unsigned count;
    const void *locks[held_capacity];
} held;

void strata_held_push(const void *lock) {
    if (held.count < held_capacity) held.locks[held.count] = lock;
    held.count++;
}

void strata_held_pop(void) { held.count--; }

int strata_held_contains(const void *lock) {
    unsigned known = held.count < held_capacity ? held.count : held_capacity;
    for (unsigned i = 0; i < known; i++)
        if (held.locks[i] == lock) return 1;
    return 0;
}
