#ifndef STRATA_HELD_H
#define STRATA_HELD_H

/// Records that the calling thread holds a lock, identified by its address.
void strata_held_push(const void *lock);

/// Forgets the lock recorded last.
void strata_held_pop(void);

/// Whether the calling thread holds the lock.
int strata_held_contains(const void *lock);

#endif
