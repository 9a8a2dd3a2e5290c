#ifndef STRATA_HELD_H
#define STRATA_HELD_H

/// Notes that the calling thread has a lock, named by an address of its own.
void strata_held_push(const void *lock);

/// Forgets the lock noted last.
void strata_held_pop(void);

/// Whether the calling thread has that lock.
int strata_held_contains(const void *lock);

#endif
