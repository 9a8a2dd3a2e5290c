#ifndef STRATA_DOORBELL_H
#define STRATA_DOORBELL_H

#include <poll.h>
#include <stdint.h>

/// Opens a pair of non-blocking descriptors. The first becomes readable when `strata_doorbell_ring`
/// is called on the second. Where event descriptors exist, both are the same one. Returns 0 or a
/// negated errno.
int strata_doorbell_open(int descriptors[2]);

/// Makes the first descriptor of the pair readable. Safe to call from any thread.
void strata_doorbell_ring(int descriptor);

/// Makes it unreadable again.
void strata_doorbell_clear(int descriptor);

/// Sleeps until one of the descriptors is as its entry asks, or the timeout ends; a negative one
/// never ends. Returns what `poll` returns, with a negated errno in place of -1.
int strata_poll(struct pollfd *entries, unsigned count, int64_t timeout_ns);

#endif
