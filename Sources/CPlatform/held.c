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

enum { ranks_capacity = 64 };

// Ranks beyond the capacity are only counted.
static _Thread_local struct {
    unsigned count;
    unsigned char ranks[ranks_capacity];
} ranks;

static unsigned known_ranks(void) {
    return ranks.count < ranks_capacity ? ranks.count : ranks_capacity;
}

void strata_ranks_push(unsigned char rank) {
    if (ranks.count < ranks_capacity) ranks.ranks[ranks.count] = rank;
    ranks.count++;
}

void strata_ranks_pop(unsigned char rank) {
    unsigned known = known_ranks(), place = known;
    while (place > 0 && ranks.ranks[place - 1] != rank) place--;
    for (; place > 0 && place < known; place++) ranks.ranks[place - 1] = ranks.ranks[place];
    ranks.count--;
}

int strata_ranks_greatest(void) {
    int greatest = -1;
    for (unsigned i = known_ranks(); i > 0; i--)
        if (ranks.ranks[i - 1] > greatest) greatest = ranks.ranks[i - 1];
    return greatest;
}
