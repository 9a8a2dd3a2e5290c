#ifndef STRATA_CPLATFORM_H
#define STRATA_CPLATFORM_H

#include "checksum.h"
#include "files.h"
#include "futex.h"

#endif
