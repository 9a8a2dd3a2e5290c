#ifndef STRATA_CPLATFORM_H
#define STRATA_CPLATFORM_H

#include "checksum.h"
#include "futex.h"

#endif
