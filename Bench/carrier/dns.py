"""A small authoritative DNS server over UDP and TCP: dns.py ADDRESS TTL RECORD...

A record is `name A address`, `name AAAA address`, `name SRV priority weight port target` or
`name NAPTR order preference flags service replacement`.
"""
import ipaddress
import socket
import struct
import sys
import threading

TYPES = {"A": 1, "AAAA": 28, "SRV": 33, "NAPTR": 35}


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def encode_text(text):
    return bytes([len(text)]) + text.encode()


def encode_data(kind, words):
    if kind == "SRV":
        return struct.pack("!HHH", *map(int, words[:3])) + encode_name(words[3])
    if kind == "NAPTR":
        texts = b"".join(map(encode_text, [*words[2:4], ""]))
        return struct.pack("!HH", *map(int, words[:2])) + texts + encode_name(words[4])
    return ipaddress.ip_address(words[0]).packed


def answer(query, zone, ttl):
    ident = struct.unpack_from("!H", query)[0]
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    wanted = struct.unpack_from("!H", query, at + 1)[0]
    name = ".".join(labels).lower()
    body = b""
    found = [(kind, words) for owner, kind, words in zone if owner == name and TYPES[kind] == wanted]
    for kind, words in found:
        data = encode_data(kind, words)
        body += b"\xc0\x0c" + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data
    is_known = any(owner == name or owner.endswith("." + name) for owner, _, _ in zone)
    # Authoritative; recursion is said to be available, since some resolvers want a server that has it.
    head = struct.pack("!HHHHHH", ident, 0x8580 | (0 if is_known else 3), 1, len(found), 0, 0)
    return head + query[12:at + 5] + body


def serve_stream(listener, zone, ttl):
    while True:
        stream, _ = listener.accept()
        with stream:
            try:
                stream.settimeout(1)
                length = struct.unpack("!H", stream.recv(2))[0]
                reply = answer(stream.recv(length), zone, ttl)
                stream.sendall(struct.pack("!H", len(reply)) + reply)
            except (OSError, IndexError, struct.error):
                pass


def main():
    address, ttl = sys.argv[1], int(sys.argv[2])
    zone = [(words[0], words[1], words[2:]) for words in (record.split() for record in sys.argv[3:])]
    listener = socket.create_server((address, 53))
    threading.Thread(target=serve_stream, args=(listener, zone, ttl), daemon=True).start()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, 53))
    while True:
        query, peer = datagrams.recvfrom(4096)
        try:
            datagrams.sendto(answer(query, zone, ttl), peer)
        except (IndexError, struct.error, UnicodeDecodeError):
            pass  # not a query


main()
