#define _GNU_SOURCE
#include "CShims.h"
#include <malloc.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define SAME(ours, our_field, theirs, their_field) \
    _Static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field), #ours " is laid out like " #theirs)
_Static_assert(sizeof(CShims_part) == sizeof(struct iovec), "CShims_part is struct iovec");
SAME(CShims_part, bytes, struct iovec, iov_base);
SAME(CShims_part, length, struct iovec, iov_len);
_Static_assert(sizeof(CShims_message_header) == sizeof(struct msghdr), "CShims_message_header is struct msghdr");
SAME(CShims_message_header, address, struct msghdr, msg_name);
SAME(CShims_message_header, address_length, struct msghdr, msg_namelen);
SAME(CShims_message_header, parts, struct msghdr, msg_iov);
SAME(CShims_message_header, part_count, struct msghdr, msg_iovlen);
SAME(CShims_message_header, control, struct msghdr, msg_control);
SAME(CShims_message_header, control_length, struct msghdr, msg_controllen);
SAME(CShims_message_header, flags, struct msghdr, msg_flags);
_Static_assert(sizeof(CShims_message) == sizeof(struct mmsghdr), "CShims_message is struct mmsghdr");
SAME(CShims_message, header, struct mmsghdr, msg_hdr);
SAME(CShims_message, length, struct mmsghdr, msg_len);

int64_t CShims_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int CShims_recvmmsg(int descriptor, CShims_message *messages, uint32_t count) {
    return recvmmsg(descriptor, (struct mmsghdr *)messages, count, MSG_DONTWAIT, NULL);
}

int CShims_sendmmsg(int descriptor, CShims_message *messages, uint32_t count) {
    return sendmmsg(descriptor, (struct mmsghdr *)messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int CShims_receive(int descriptor, CShims_message *message) {
    CShims_part *part = message->header.parts;
    ssize_t length = recvfrom(descriptor, part->bytes, part->length, MSG_DONTWAIT | MSG_TRUNC, message->header.address,
                              &message->header.address_length);
    if (length < 0) return -1;
    message->length = (uint32_t)length;
    message->header.flags = (size_t)length > part->length ? MSG_TRUNC : 0;
    return 1;
}

int CShims_send(int descriptor, const void *bytes, size_t length, const void *address, uint32_t address_length) {
    return sendto(descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address_length) < 0 ? -1 : 1;
}

int CShims_is_truncated(const CShims_message *message) { return (message->header.flags & MSG_TRUNC) != 0; }

int CShims_bind(int descriptor, const void *address, uint32_t address_length) {
    return bind(descriptor, address, address_length);
}

int CShims_connect(int descriptor, const void *address, uint32_t address_length) {
    return connect(descriptor, address, address_length);
}

int CShims_accept(int descriptor, void *address, uint32_t *address_length) {
    return accept4(descriptor, address, address_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int CShims_local_address(int descriptor, void *address, uint32_t *address_length) {
    return getsockname(descriptor, address, address_length);
}

int CShims_eventfd(int is_nonblocking, int is_semaphore) {
    return eventfd(0, EFD_CLOEXEC | (is_nonblocking ? EFD_NONBLOCK : 0) | (is_semaphore ? EFD_SEMAPHORE : 0));
}

void CShims_name_thread(const char *name) {
    char shortened[16];
    snprintf(shortened, sizeof shortened, "%s", name);
    pthread_setname_np(pthread_self(), shortened);
}

void CShims_error_text(int code, char *buffer, size_t size) {
    snprintf(buffer, size, "%s", strerror_r(code, buffer, size));
}

int64_t CShims_raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    if (limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    }
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int64_t CShims_receive_drops(int descriptor) {
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof values;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, values, &size) != 0) return -1;
    if (size <= SK_MEMINFO_DROPS * sizeof values[0]) return -1;
    return values[SK_MEMINFO_DROPS];
}

int64_t CShims_receive_waiting(int descriptor) {
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof values;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, values, &size) != 0) return -1;
    return values[SK_MEMINFO_RMEM_ALLOC];
}

int CShims_set_buffer_size(int descriptor, int is_receive, int size) {
    int forced = is_receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
    if (setsockopt(descriptor, SOL_SOCKET, forced, &size, sizeof size) == 0) return 0;
    return setsockopt(descriptor, SOL_SOCKET, is_receive ? SO_RCVBUF : SO_SNDBUF, &size, sizeof size);
}

int CShims_file_identity(const char *path, int64_t identity[5]) {
    struct stat status;
    if (stat(path, &status) != 0) return -1;
    identity[0] = (int64_t)status.st_dev;
    identity[1] = (int64_t)status.st_ino;
    identity[2] = status.st_size;
    identity[3] = status.st_mtim.tv_sec;
    identity[4] = status.st_mtim.tv_nsec;
    return 0;
}

void CShims_keep_little_free_memory(size_t size) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, (int)size);
    mallopt(M_TRIM_THRESHOLD, (int)size);
    mallopt(M_TOP_PAD, (int)size / 4);
#endif
}

void CShims_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
