#define _GNU_SOURCE
#include "CShims.h"
#include <time.h>

int64_t CShims_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
