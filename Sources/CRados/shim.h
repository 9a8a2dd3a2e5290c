// Glibc's headers come first: their types belong to Swift's own module map.
#include <features.h>
#include <rados/librados.h>
