#include "CAllocationCounter.h"
#include <errno.h>
#include <malloc.h>
#include <stddef.h>

static _Thread_local uint64_t count;
static _Thread_local int follows;
static _Thread_local int64_t held, peak;

uint64_t CAllocationCounter_count(void) { return count; }

void CAllocationCounter_follow(void) {
    held = peak = 0;
    follows = 1;
}

int64_t CAllocationCounter_peak(void) {
    follows = 0;
    return peak;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif

#ifndef HAS_OWN_MALLOC
// glibc's own names for what the public functions do.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static void *given(void *block) {
    count++;
    if (follows && block) {
        held += (int64_t)malloc_usable_size(block);
        if (held > peak) peak = held;
    }
    return block;
}

void *malloc(size_t size) { return given(__libc_malloc(size)); }
void *calloc(size_t number, size_t size) { return given(__libc_calloc(number, size)); }
void *realloc(void *block, size_t size) {
    if (follows && block) held -= (int64_t)malloc_usable_size(block);
    return given(__libc_realloc(block, size));
}
void *memalign(size_t alignment, size_t size) { return given(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return given(__libc_memalign(alignment, size)); }
int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = given(__libc_memalign(alignment, size));
    return *block ? 0 : ENOMEM;
}
void free(void *block) {
    if (follows && block) held -= (int64_t)malloc_usable_size(block);
    __libc_free(block);
}
#endif
