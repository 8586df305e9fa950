#define _GNU_SOURCE
#include "CShims.h"
#include <errno.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>

_Static_assert(sizeof(CShims_message) == sizeof(struct mmsghdr), "CShims_message is struct mmsghdr");
_Static_assert(offsetof(CShims_message, length) == offsetof(struct mmsghdr, msg_len), "and laid out like it");

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

int CShims_set_buffer_size(int descriptor, int is_receive, int size) {
    int forced = is_receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
    if (setsockopt(descriptor, SOL_SOCKET, forced, &size, sizeof size) == 0) return 0;
    return setsockopt(descriptor, SOL_SOCKET, is_receive ? SO_RCVBUF : SO_SNDBUF, &size, sizeof size);
}

int CShims_name_is_unknown(int code) {
    return code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY;
}
