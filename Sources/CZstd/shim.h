// Contexts in memory of the caller's, so that decompressing never allocates, belong to this part.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
