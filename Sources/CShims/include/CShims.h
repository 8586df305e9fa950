// The only hand-written C: what Swift can't import (macros, GNU-only calls). Every symbol starts with CShims_.
//
// It includes no header that declares system structures: several C modules would then each declare `sockaddr`, and
// which of them Swift takes it from, and so which import a file needs, would depend on the order they were read in.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Nanoseconds on the monotonic clock.
int64_t CShims_monotonic_nanoseconds(void);

/// A part of a datagram: `struct iovec`.
typedef struct {
    void *bytes;
    size_t length;
} CShims_part;

/// `struct msghdr`.
typedef struct {
    void *address;
    uint32_t address_length;
    CShims_part *parts;
    size_t part_count;
    void *control;
    size_t control_length;
    int flags;
} CShims_message_header;

/// One datagram of a batch: `struct mmsghdr`, which glibc declares for GNU sources only.
typedef struct {
    CShims_message_header header;
    /// The octets received or sent.
    uint32_t length;
} CShims_message;

/// recvmmsg(2) without waiting; -1 with errno, like the call itself.
int CShims_recvmmsg(int descriptor, CShims_message *messages, uint32_t count);

/// sendmmsg(2) without waiting; -1 with errno when not even the first datagram was sent.
int CShims_sendmmsg(int descriptor, CShims_message *messages, uint32_t count);

/// recvfrom(2) into the parts of one message, without waiting: 1, or -1 with errno.
int CShims_receive(int descriptor, CShims_message *message);

/// sendto(2) without waiting: 1, or -1 with errno.
int CShims_send(int descriptor, const void *bytes, size_t length, const void *address, uint32_t address_length);

/// Whether a datagram was longer than the room for it.
int CShims_is_truncated(const CShims_message *message);

/// bind(2).
int CShims_bind(int descriptor, const void *address, uint32_t address_length);

/// connect(2).
int CShims_connect(int descriptor, const void *address, uint32_t address_length);

/// accept4(2), for a connection that does not wait and is closed on exec; -1 with errno.
int CShims_accept(int descriptor, void *address, uint32_t *address_length);

/// getsockname(2).
int CShims_local_address(int descriptor, void *address, uint32_t *address_length);

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

/// Octets of kernel memory that datagrams take which wait in the socket; -1 where it doesn't say.
int64_t CShims_receive_waiting(int descriptor);

/// Sets a buffer size (SO_RCVBUF or SO_SNDBUF): beyond the system's limit where the process may, else up to it.
int CShims_set_buffer_size(int descriptor, int is_receive, int size);

/// What tells a file from any that was in its place before: device, number, size, seconds and nanoseconds of its last
/// change. stat(2)'s result: 0, or -1 with errno.
int CShims_file_identity(const char *path, int64_t identity[5]);

/// Fixes how much free memory the allocator keeps at an arena's end, and from which size on a block is mapped alone.
void CShims_keep_little_free_memory(size_t size);

/// Gives memory that is free but not yet returned back to the system.
void CShims_trim_memory(void);
