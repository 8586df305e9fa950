#define _GNU_SOURCE
#include "CBench.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { control_size = CMSG_SPACE(sizeof(struct timespec)), most_events = 512 };

struct CBench_batch {
    int capacity;
    int size;
    uint8_t *bytes;
    uint8_t *control;
    struct mmsghdr *headers;
    struct iovec *vectors;
    struct sockaddr_in *names;
};

CBench_batch *CBench_batch_create(int capacity, int size) {
    CBench_batch *batch = calloc(1, sizeof *batch);
    batch->capacity = capacity;
    batch->size = size;
    batch->bytes = calloc(capacity, size);
    batch->control = calloc(capacity, control_size);
    batch->headers = calloc(capacity, sizeof *batch->headers);
    batch->vectors = calloc(capacity, sizeof *batch->vectors);
    batch->names = calloc(capacity, sizeof *batch->names);
    for (int i = 0; i < capacity; i++) {
        batch->vectors[i] = (struct iovec){batch->bytes + (size_t)i * size, size};
        batch->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->names[i],
            .msg_iov = &batch->vectors[i],
            .msg_iovlen = 1,
            .msg_control = batch->control + (size_t)i * control_size,
        };
    }
    return batch;
}

void CBench_batch_destroy(CBench_batch *batch) {
    free(batch->bytes);
    free(batch->control);
    free(batch->headers);
    free(batch->vectors);
    free(batch->names);
    free(batch);
}

int CBench_batch_receive(CBench_batch *batch, int socket) {
    for (int i = 0; i < batch->capacity; i++) {
        struct msghdr *header = &batch->headers[i].msg_hdr;
        // The kernel shortens both; only what the last receive touched need be restored, which is the head.
        if (header->msg_controllen == control_size && header->msg_namelen == sizeof(struct sockaddr_in)) break;
        header->msg_controllen = control_size;
        header->msg_namelen = sizeof(struct sockaddr_in);
    }
    int count = recvmmsg(socket, batch->headers, batch->capacity, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) batch->headers[i].msg_hdr.msg_namelen = 0;
    return count < 0 ? -errno : count;
}

struct CBench_datagram CBench_batch_datagram(const CBench_batch *batch, int index) {
    struct msghdr *header = (struct msghdr *)&batch->headers[index].msg_hdr;
    struct CBench_datagram datagram = {
        .bytes = batch->vectors[index].iov_base,
        .length = batch->headers[index].msg_len,
        .ip = ntohl(batch->names[index].sin_addr.s_addr),
        .port = ntohs(batch->names[index].sin_port),
    };
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec time;
        memcpy(&time, CMSG_DATA(control), sizeof time);
        datagram.arrived = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    } else {
        datagram.arrived = CBench_realtime_nanoseconds();
    }
    return datagram;
}

static struct sockaddr_in address(uint32_t ip, uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons(port)};
}

int CBench_udp_open(uint32_t ip, uint16_t port, int receive_buffer) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    struct sockaddr_in local = address(ip, port);
    if (bind(descriptor, (struct sockaddr *)&local, sizeof local) < 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

int CBench_udp_port(int socket) {
    struct sockaddr_in local;
    socklen_t length = sizeof local;
    return getsockname(socket, (struct sockaddr *)&local, &length) < 0 ? -errno : ntohs(local.sin_port);
}

int CBench_udp_send(int socket, const void *bytes, uint32_t length, uint32_t ip, uint16_t port) {
    struct sockaddr_in to = address(ip, port);
    return sendto(socket, bytes, length, 0, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}

uint32_t CBench_udp_drops(int socket) {
    uint32_t information[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof information;
    return getsockopt(socket, SOL_SOCKET, SO_MEMINFO, information, &length) < 0 ? 0 : information[SK_MEMINFO_DROPS];
}

int CBench_poll_create(void) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    return poll < 0 ? -errno : poll;
}

int CBench_poll_add(int poll, int descriptor, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
    return epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

int CBench_poll_wait(int poll, uint64_t *tokens, int capacity, int64_t nanoseconds) {
    struct epoll_event events[most_events];
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = epoll_pwait2(poll, events, capacity < most_events ? capacity : most_events, &timeout, NULL);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) tokens[i] = events[i].data.u64;
    return count;
}

int64_t CBench_realtime_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t CBench_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

int CBench_spawn(const char *path, char *const arguments[], const char *output) {
    int log = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0) return -errno;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        // A generator that is killed takes what it started with it.
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) _exit(127);
        dup2(null, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(path, arguments);
        dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
        _exit(127);
    }
    int error = errno;
    close(log);
    close(null);
    return child < 0 ? -error : child;
}
