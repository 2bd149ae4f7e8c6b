"""The driver for Python: see src/driver.rs for what it is told and what it answers."""

import multiprocessing
import sys
import time

WANT_REPLY = 1


def echo(pipe, small):
    try:
        while True:
            if small:
                message = pipe.recv()
                if message["reply"]:
                    pipe.send(message)
            else:
                message = pipe.recv_bytes()
                if message[0] == WANT_REPLY:
                    pipe.send_bytes(message)
    except EOFError:
        pass


class Child:
    def __init__(self, size):
        self.small = size <= 64
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=echo, args=(theirs, self.small))
        self.process.start()
        theirs.close()
        if self.small:
            self.message = {"id": 4294967296, "reply": True, "price": 12.25, "name": "sixteen letters!"}
            self.quiet = dict(self.message, reply=False)
        else:
            self.message = bytes([WANT_REPLY]) * size
            self.quiet = bytes(size)

    def round_trips(self, count):
        send, recv = (self.pipe.send, self.pipe.recv) if self.small else (self.pipe.send_bytes, self.pipe.recv_bytes)
        for _ in range(count):
            send(self.message)
            recv()

    def stream(self, count):
        send = self.pipe.send if self.small else self.pipe.send_bytes
        for _ in range(count - 1):
            send(self.quiet)
        self.round_trips(1)

    def end(self):
        self.pipe.close()
        self.process.join()


def family(many, size):
    begin = time.perf_counter_ns()
    children = [Child(size) for _ in range(many)]
    for child in children:
        child.round_trips(1)
    wall = time.perf_counter_ns() - begin
    for child in children:
        child.end()
    return wall


def main():
    kind, size, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    child = None
    for line in sys.stdin:
        if line.strip() == "open":
            if kind in ("round-trip", "stream"):
                child = Child(size)
            print("ok", flush=True)
            continue
        count = int(line[4:])
        begin = time.perf_counter_ns()
        wall = 0
        if kind == "round-trip":
            child.round_trips(count)
        elif kind == "stream":
            child.stream(count)
        else:
            wall = sum(family(many, size) for _ in range(count))
        print("ok", wall or time.perf_counter_ns() - begin, flush=True)
    if child:
        child.end()


if __name__ == "__main__":
    main()
