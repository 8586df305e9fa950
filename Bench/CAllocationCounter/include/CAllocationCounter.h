// Counts heap allocations of the calling thread by standing in front of the C library's malloc.
#pragma once
#include <stdint.h>

/// How many blocks the calling thread has been given so far; 0 for ever under a sanitizer, which has its own malloc.
uint64_t CAllocationCounter_count(void);
