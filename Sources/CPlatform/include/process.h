#ifndef STRATA_PROCESS_H
#define STRATA_PROCESS_H

/// How many arguments the process was started with, its name included. They were taken when the
/// program was loaded, so that no /proc is needed. 0 where the platform does not hand them over.
int strata_argument_count(void);

/// An argument by its index, valid as long as the process; null for an index that has none.
const char *strata_argument(int index);

#endif
