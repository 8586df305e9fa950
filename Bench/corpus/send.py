"""Sends every message of a corpus at a SIP listener, over and over until the time is up:
send.py CORPUS ADDRESS PORT SOURCE udp|tcp MESSAGES-PER-SECOND SECONDS

The scenarios of SIPp give their messages with plausible values for its keywords. Prints how many were sent, how many
answers came, and what they were by class. Ends with 1 where nothing could be sent.
"""
import collections
import os
import re
import select
import socket
import sys
import time

PLAIN = [("kamailio-sip", ".sip"), ("belle-sip-afl", ".txt"),
         ("sipgo-fuzz-finds", ".bin"), ("resiprocate-sip", ".msg"), ("ietf-rfc4475", ".dat"),
         ("ietf-rfc5118", ".sip"), ("ietf-call-flows", ".sip")]
PROTOS = "protos-c07-sip/cases"
SCENARIOS = ["siphon-sipp", "sipp-scenarios"]
ROUNDS = 1000


def files(folder, suffix):
    for top, _, names in os.walk(folder):
        for name in sorted(names):
            if name.endswith(suffix) and not name.endswith((".md", ".json", ".jsonl")):
                yield os.path.join(top, name)


def scenario(text, address, port, source):
    """The messages of one SIPp scenario; what keywords stand for is made up."""
    values = {"remote_ip": address, "remote_port": str(port), "local_ip": source, "local_port": "5060",
              "transport": "UDP", "local_ip_type": "4", "media_ip": source, "media_ip_type": "4", "media_port": "6000",
              "auto_media_port": "6000", "service": "8005551212", "pid": "4711", "call_number": "1", "cseq": "1",
              "branch": "z9hG4bK-corpus", "call_id": "corpus@sipp", "last_To": "To: <sip:a@b>;tag=1", "routes": "",
              "next_url": f"sip:a@{address}", "peer_tag_param": ";tag=2", "len": "0"}
    for block in re.findall(rb"<!\[CDATA\[\s*(.*?)\]\]>", text, re.S):
        lines = [line.strip() for line in block.decode("latin-1").split("\n")]
        message = "\r\n".join(lines).rstrip("\r\n") + "\r\n\r\n"
        yield re.sub(r"\[\$?([A-Za-z_]+)[^\]]*\]", lambda m: values.get(m[1], "1"), message).encode("latin-1")


def protos(octets, number, callee, source):
    """A case of PROTOS and its teardown: each stands behind its length, with placeholders."""
    values = {b"<To>": b"8005551212@" + callee, b"<From>": b"corpus@" + source, b"<From-Address>": source,
              b"<From-IP>": source, b"<Local-Port>": b"5070", b"<Call-ID>": b"protos%d" % number, b"<CSeq>": b"1",
              b"<Branch-ID>": b"b", b"<Teardown-Method>": b"CANCEL"}
    while length := re.match(rb"(\d+) ", octets):
        end = length.end() + int(length[1])
        message, octets = octets[length.end():end], octets[end:]
        for placeholder, value in values.items():
            message = message.replace(placeholder, value)
        body = re.split(rb"\r?\n\r?\n", message, maxsplit=1)
        yield message.replace(b"<Content-Length>", b"%d" % (len(body[1]) if len(body) > 1 else 0))


def corpus(folder, address, port, source):
    messages = []
    # Outside a number of ours is called, inside one of somebody who is not there.
    callee = address.encode() if address.startswith("203.") else b"203.0.113.66"
    for number, path in enumerate(files(os.path.join(folder, PROTOS), "")):
        messages += protos(open(path, "rb").read(), number, callee, source.encode())
    for name, suffix in PLAIN:
        for path in files(os.path.join(folder, name), suffix):
            octets = open(path, "rb").read()
            messages.append(octets)
            if b"\r\n" not in octets:
                messages.append(octets.replace(b"\n", b"\r\n"))
    for name in SCENARIOS:
        for path in files(os.path.join(folder, name), ".xml"):
            messages += scenario(open(path, "rb").read(), address, port, source)
    return [message for message in messages if message]


def fresh(message, number):
    """The same with a Via branch and Call-ID that no transaction has yet."""
    message = re.sub(rb"(?i)(branch=z9hG4bK[^;,\s]*)", rb"\1r%d" % number, message, count=1)
    return re.sub(rb"(?im)^((?:call-id|i)[ \t]*:[ \t]*[^\s]+)", rb"\1r%d" % number, message, count=1)


class Answers:
    def __init__(self):
        self.classes = collections.Counter()

    def note(self, octets):
        for status in re.findall(rb"SIP/2\.0 ([1-6])\d\d", octets):
            self.classes[status.decode() + "xx"] += 1
        self.classes["requests"] += len(re.findall(rb"(?m)^[A-Z]+ \S+ SIP/2\.0\r?$", octets))


def send_udp(messages, target, source, rate, end, answers):
    talker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talker.bind((source, 5070))
    talker.setblocking(False)
    sent, start = 0, time.monotonic()
    while time.monotonic() < end and sent < ROUNDS * len(messages):
        message = messages[sent % len(messages)]
        if sent >= len(messages):
            message = fresh(message, sent // len(messages))
        try:
            talker.sendto(message[:65507], target)
        except (BlockingIOError, OSError):
            pass
        sent += 1
        while select.select([talker], [], [], max(0, start + sent / rate - time.monotonic()))[0]:
            try:
                answers.note(talker.recv(65536))
            except OSError:
                pass
    return sent


def send_tcp(messages, target, source, rate, end, answers):
    """Each message on a connection of its own: whole, then the end of it; some wait for what comes back."""
    sent, start, lost = 0, time.monotonic(), 0
    while time.monotonic() < end and sent < ROUNDS * len(messages):
        message = messages[sent % len(messages)]
        if sent >= len(messages):
            message = fresh(message, sent // len(messages))
        try:
            with socket.create_connection(target, timeout=2, source_address=(source, 0)) as talker:
                talker.sendall(message)
                talker.shutdown(socket.SHUT_WR)
                if sent % 4 == 0:
                    talker.settimeout(0.05)
                    answers.note(talker.recv(65536))
        except OSError:
            lost += 1
        sent += 1
        time.sleep(max(0, start + sent / rate - time.monotonic()))
    answers.classes["connections refused or ended"] += lost
    return sent


def main():
    folder, address, port, source, transport, rate, seconds = sys.argv[1:8]
    messages = corpus(folder, address, int(port), source)
    answers = Answers()
    send = send_udp if transport == "udp" else send_tcp
    end = time.monotonic() + float(seconds)
    sent = send(messages, (address, int(port)), source, float(rate), end, answers)
    classes = ", ".join(f"{count} {name}" for name, count in sorted(answers.classes.items()) if count)
    print(f"{transport} {source:<14} {len(messages):>5} messages, {sent:>6} sent; answers: {classes or 'none'}")
    sys.exit(0 if sent >= len(messages) else 1)


main()
