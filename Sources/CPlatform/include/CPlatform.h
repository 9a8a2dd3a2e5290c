#ifndef STRATA_CPLATFORM_H
#define STRATA_CPLATFORM_H

#include "checksum.h"
#include "crc32c.h"
#include "descriptors.h"
#include "doorbell.h"
#include "files.h"
#include "futex.h"
#include "heap.h"
#include "held.h"
#include "process.h"
#include "racing.h"

#endif
