// Sends SIP that nobody asked for: what scanners send, at a steady pace, from one address or from invented ones.
// usage: flood DESTINATION PORT PACKETS_A_SECOND SECONDS FIRST_SOURCE SOURCES
// With one source its own socket is used, with more a raw one (needs root). Prints how many packets left.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { batch = 64, room = 1400, head = sizeof(struct iphdr) + sizeof(struct udphdr) };

static const char *const methods[] = {"OPTIONS", "REGISTER", "INVITE", "INVITE", "MESSAGE", "SUBSCRIBE", "XYZZY"};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// The packet of that number: like the well-known scanners', another user and another Call-ID each time.
static int message(char *out, unsigned number, const char *source, const char *destination) {
    const char *method = methods[number % (sizeof methods / sizeof *methods)];
    if (number % 16 == 15) return snprintf(out, room, "\x16\x03\x01%u nothing of SIP", number);
    return snprintf(out, room,
        "%s sip:%u@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK-%u;rport\r\nMax-Forwards: 70\r\n"
        "To: <sip:%u@%s>\r\nFrom: \"sipvicious\" <sip:100@1.1.1.1>;tag=%08x\r\nUser-Agent: friendly-scanner\r\n"
        "Call-ID: %u%u\r\nContact: sip:100@%s:5060\r\nCSeq: 1 %s\r\nAccept: application/sdp\r\n"
        "Content-Length: 0\r\n\r\n",
        method, 100 + number % 9900, destination, source, number, 100 + number % 9900, destination,
        number * 2654435761u, number, number ^ 0x5a5a5a, source, method);
}

int main(int argc, char **argv) {
    if (argc != 7) return fprintf(stderr, "usage: flood DESTINATION PORT RATE SECONDS FIRST_SOURCE SOURCES\n"), 2;
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    unsigned sources = (unsigned)atoi(argv[6]);
    uint32_t first = ntohl(inet_addr(argv[5]));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    to.sin_addr.s_addr = inet_addr(argv[1]);
    int raw = sources > 1;
    int descriptor = raw ? socket(AF_INET, SOCK_RAW, IPPROTO_RAW) : socket(AF_INET, SOCK_DGRAM, 0);
    if (descriptor < 0) return perror("socket"), 1;
    if (!raw) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(first), .sin_port = htons(5060)};
        if (bind(descriptor, (struct sockaddr *)&own, sizeof own) != 0) return perror("bind"), 1;
    }
    static char buffers[batch][head + room];
    struct iovec parts[batch];
    struct mmsghdr messages[batch];
    uint64_t sent = 0;
    double start = now();
    while (now() - start < seconds) {
        memset(messages, 0, sizeof messages);
        for (int slot = 0; slot < batch; slot++) {
            unsigned number = (unsigned)(sent + (uint64_t)slot);
            uint32_t source = first + (uint32_t)((uint64_t)number * 7919 % (sources ? sources : 1));
            char text[16];
            struct in_addr address = {htonl(source)};
            inet_ntop(AF_INET, &address, text, sizeof text);
            char *packet = buffers[slot];
            int length = message(packet + head, number, text, argv[1]);
            struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
                .tot_len = htons((uint16_t)(head + length)), .saddr = address.s_addr, .daddr = to.sin_addr.s_addr};
            uint16_t udp[4] = {htons(5060), to.sin_port, htons((uint16_t)(sizeof(struct udphdr) + (size_t)length)), 0};
            memcpy(packet, &ip, sizeof ip);
            memcpy(packet + sizeof ip, udp, sizeof udp);
            parts[slot] = raw ? (struct iovec){packet, (size_t)(head + length)}
                              : (struct iovec){packet + head, (size_t)length};
            messages[slot].msg_hdr = (struct msghdr){
                .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[slot], .msg_iovlen = 1};
        }
        int count = sendmmsg(descriptor, messages, batch, 0);
        if (count > 0) sent += (uint64_t)count;
        double ahead = start + (double)sent / rate - now();
        if (ahead > 0.0005) {
            struct timespec pause = {0, (long)(ahead * 1e9)};
            nanosleep(&pause, NULL);
        }
    }
    printf("%llu packets, %.0f a second\n", (unsigned long long)sent, (double)sent / (now() - start));
    return 0;
}
