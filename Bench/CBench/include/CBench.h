// System calls of the load generator that Swift can't import or that want no wrapper in the way. IPv4 only.
#pragma once
#include <stdint.h>

/// One received datagram; `bytes` belong to the batch and last until its next receive.
struct CBench_datagram {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t ip;
    uint16_t port;
    /// When the kernel took it in, in nanoseconds of the real-time clock.
    int64_t arrived;
};

/// Buffers for receiving several datagrams by one call.
typedef struct CBench_batch CBench_batch;

CBench_batch *CBench_batch_create(int capacity, int size);
void CBench_batch_destroy(CBench_batch *batch);
/// Receives what waits, at most the batch's capacity: the number of datagrams, or -errno.
int CBench_batch_receive(CBench_batch *batch, int socket);
struct CBench_datagram CBench_batch_datagram(const CBench_batch *batch, int index);

/// Opens a non-blocking UDP socket with kernel timestamps, bound to the address: the descriptor, or -errno.
int CBench_udp_open(uint32_t ip, uint16_t port, int receive_buffer);
/// The port a socket is bound to, or -errno.
int CBench_udp_port(int socket);
/// Sends a datagram: 0 or -errno.
int CBench_udp_send(int socket, const void *bytes, uint32_t length, uint32_t ip, uint16_t port);
/// Datagrams the kernel dropped because this socket's buffer was full.
uint32_t CBench_udp_drops(int socket);

int CBench_poll_create(void);
/// Watches a descriptor for reading under a token: 0 or -errno.
int CBench_poll_add(int poll, int descriptor, uint64_t token);
/// Waits until something is readable: the number of tokens written, or -errno.
int CBench_poll_wait(int poll, uint64_t *tokens, int capacity, int64_t nanoseconds);

/// Nanoseconds of the real-time clock, the one of CBench_datagram.arrived.
int64_t CBench_realtime_nanoseconds(void);
/// Raises the limit of open descriptors as far as it goes and returns it.
uint64_t CBench_raise_descriptor_limit(void);
/// Starts a program whose output goes to the file `output` and which ends with this process: its pid, or -errno.
int CBench_spawn(const char *path, char *const arguments[], const char *output);
