#ifndef STRATA_DESCRIPTORS_H
#define STRATA_DESCRIPTORS_H

/// Moves a descriptor with the number of standard input, output or error to a higher number, so
/// that nothing written to those can reach its file. Takes the result of a call that makes a
/// descriptor. Returns the descriptor to use from now on, or a negated errno with the given one
/// closed. Returns a negative argument unchanged, with errno untouched.
int strata_lift_descriptor(int descriptor);

#endif
