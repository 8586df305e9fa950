// Counts heap allocations of the calling thread by standing in front of the C library's malloc.
#pragma once
#include <stdint.h>

/// How many blocks the calling thread has been given so far; 0 for ever under a sanitizer, which has its own malloc.
uint64_t CAllocationCounter_count(void);

/// Follows the octets that the calling thread holds, from none.
void CAllocationCounter_follow(void);

/// The most octets that it has held at once since then; they are followed no more.
int64_t CAllocationCounter_peak(void);
