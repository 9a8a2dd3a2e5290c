#ifndef STRATA_HELD_H
#define STRATA_HELD_H

/// Records that the calling thread holds a lock, identified by its address.
void strata_held_push(const void *lock);

/// Forgets the lock recorded last.
void strata_held_pop(void);

/// Whether the calling thread holds the lock.
int strata_held_contains(const void *lock);

/// Records that the calling thread holds a lock of a rank.
void strata_ranks_push(unsigned char rank);

/// Forgets the innermost lock of that rank.
void strata_ranks_pop(unsigned char rank);

/// The greatest rank that the calling thread holds; -1 if it holds none.
int strata_ranks_greatest(void);

#endif
