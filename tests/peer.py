"""Speaks the wire of offspring, written from its specification (the page of `offspring::wire`) alone.

    python3 peer.py SOCKET PROTOCOL

Asks the server on a Unix socket how long three words are, checks the answers, and says goodbye.
Needs the package `msgpack`. Ends with 3 if the two sides do not fit together, with 4 if the server
refuses.
"""

import socket
import struct
import sys

import msgpack

MAGIC = b"\x89OFS\r\n\x1a\n"
MESSAGE, GOODBYE, TAKEN = 0, 1, 2


class Peer:
    def __init__(self, path, protocol, max_message=1 << 20):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(path)
        self.max_message = max_message
        self.sent = self.taken = self.taken_by_peer = 0
        self.said = 0  # the last number of ours in a goodbye or taken
        # Both sides say hello without waiting for the other.
        ours = msgpack.packb({"protocol": protocol, "max_message": max_message, "agent": "peer.py"})
        try:
            self.stream.sendall(MAGIC + struct.pack(">BBH", 1, 1, len(ours)) + ours)
        except BrokenPipeError:
            pass  # a server that refuses does not wait for this; its hello says why
        self.check_hello(protocol)

    def check_hello(self, ours):
        assert self.exactly(8) == MAGIC, "not an offspring program"
        wire_min, wire_max, length = struct.unpack(">BBH", self.exactly(4))
        assert 1 <= wire_min <= wire_max and length <= 4084, "a broken hello"
        hello = msgpack.unpackb(self.exactly(length))
        if "refused" in hello:
            print(hello["refused"], file=sys.stderr)
            sys.exit(4)
        theirs = hello.get("protocol") or {"name": None, "min": 0, "max": 0}
        self.version = min(ours["max"], theirs["max"])
        fits = theirs["name"] == ours["name"] and self.version >= max(ours["min"], theirs["min"])
        if wire_min > 1 or not fits:
            print(f"this side has {ours}, the peer has {theirs}", file=sys.stderr)
            sys.exit(3)
        self.peer_max_message = hello.get("max_message", 16 << 20)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.stream.recv(count - len(data))
            assert piece, "the peer is gone"
            data += piece
        return data

    def write(self, kind, body):
        self.stream.sendall(struct.pack(">IB", 1 + len(body), kind) + body)

    def write_count(self, kind):
        self.said = self.taken
        self.write(kind, struct.pack(">Q", self.taken))

    def send(self, value):
        body = msgpack.packb(value)
        assert len(body) <= self.peer_max_message, "larger than the peer receives"
        self.write(MESSAGE, body)
        self.sent += 1

    def recv(self):
        """The next message, or None after the goodbye of the other side."""
        while True:
            (length,) = struct.unpack(">I", self.exactly(4))
            assert 1 <= length <= 1 + self.max_message, "a frame out of bounds"
            kind, *_ = frame = self.exactly(length)
            if kind == MESSAGE:
                self.taken += 1
                return msgpack.unpackb(frame[1:])
            elif kind in (GOODBYE, TAKEN):
                (self.taken_by_peer,) = struct.unpack(">Q", frame[1:])
                if kind == GOODBYE:
                    if self.taken > self.said:
                        self.write_count(TAKEN)
                    return None
            else:
                assert kind >= 0x80, f"unknown kind {kind}"


def main(path, name):
    peer = Peer(path, {"name": name, "min": 1, "max": 3})
    assert peer.version == 2, peer.version
    peer.write(0xF0, b"from a later version")
    peer.send({"new": [None], "word": "hippo"})  # a field that the other side does not know
    peer.send(["Nash\u00f6rner"])  # without names
    peer.send({"word": "x" * 300_000})
    assert [peer.recv() for _ in range(3)] == [{"length": n} for n in (5, 10, 300_000)]
    peer.write_count(GOODBYE)
    assert peer.recv() is None
    assert peer.taken_by_peer == peer.sent == 3, peer.taken_by_peer
    assert peer.stream.recv(1) == b"", "something behind the end"


if __name__ == "__main__":
    main(*sys.argv[1:])
