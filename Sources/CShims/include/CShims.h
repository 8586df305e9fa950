// The only hand-written C: what Swift can't import (macros, GNU-only calls). Every symbol starts with CShims_.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// Nanoseconds on the monotonic clock.
int64_t CShims_monotonic_nanoseconds(void);

/// One datagram of a batch: `struct mmsghdr`, which glibc declares for GNU sources only.
typedef struct {
    struct msghdr header;
    /// The octets received or sent.
    uint32_t length;
} CShims_message;

/// recvmmsg(2) without waiting; -1 with errno, like the call itself.
int CShims_recvmmsg(int descriptor, CShims_message *messages, uint32_t count);

/// sendmmsg(2) without waiting; -1 with errno when not even the first datagram was sent.
int CShims_sendmmsg(int descriptor, CShims_message *messages, uint32_t count);

/// An eventfd(2), close-on-exec; one that counts down by one per read where `is_semaphore` is not 0.
int CShims_eventfd(int is_nonblocking, int is_semaphore);

/// Names the calling thread (the first 15 octets of `name`), as seen in top(1) and profiles.
void CShims_name_thread(const char *name);

/// The text of an errno value, thread-safe.
void CShims_error_text(int code, char *buffer, size_t size);

/// Raises the soft limit of open descriptors to the hard one; the limit that holds now, or -1 with errno.
int64_t CShims_raise_file_limit(void);

/// How many datagrams the kernel dropped for want of room in the socket's receive buffer; -1 where it doesn't say.
int64_t CShims_receive_drops(int descriptor);

/// Sets a buffer size (SO_RCVBUF or SO_SNDBUF): beyond the system's limit where the process may, else up to it.
int CShims_set_buffer_size(int descriptor, int is_receive, int size);

/// Whether a getaddrinfo(3) error says that the name has no such address, rather than that nobody could be asked.
int CShims_name_is_unknown(int code);
