#ifndef STRATA_DESCRIPTORS_H
#define STRATA_DESCRIPTORS_H

/// Moves a descriptor that has the number of standard input, output or error to a higher one, so
/// that nothing written to those can reach what it is of. Takes what a call that makes descriptors
/// returned; returns the descriptor to use from now on, or a negated errno, with the given one
/// closed. A negative argument is returned as it is, with errno untouched.
int strata_lift_descriptor(int descriptor);

#endif
