#!/usr/bin/python3
"""Asks at the front door with ZeroMQ's ordinary tools.

    front_door.py ENDPOINT line LINE              one line of text over a REQ socket
    front_door.py ENDPOINT envelope TYPE KEY BODY one msgpack array; BODY is JSON
    front_door.py ENDPOINT raw HEX                any bytes
    front_door.py ENDPOINT flood COUNT LINE       COUNT lines at once over a DEALER; prints how many were answered

Prints the answer as JSON.
"""

import json
import sys

import msgpack
import zmq

ANSWER_MSEC = 10_000


def ask(socket, frame):
    socket.send(frame)
    return socket.recv()


def main():
    endpoint, form, *words = sys.argv[1:]
    context = zmq.Context()
    socket = context.socket(zmq.DEALER if form == "flood" else zmq.REQ)
    socket.setsockopt(zmq.RCVTIMEO, ANSWER_MSEC)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    if form == "line":
        print(ask(socket, words[0].encode()).decode())
    elif form == "envelope":
        kind, key, body = words
        answer = ask(socket, msgpack.packb([kind, key, "", 7, 5000, bytes(16), json.loads(body)]))
        name, _key, _from, correlation, _ttl, trace, fields = msgpack.unpackb(answer)
        print(json.dumps({"type": name, "correlation": correlation, "trace": trace.hex(), "body": fields}))
    elif form == "raw":
        print(json.dumps({"answer": ask(socket, bytes.fromhex(words[0])).decode("utf-8", "replace")}))
    else:
        for _ in range(int(words[0])):
            socket.send(words[1].encode())
        print(json.dumps({"answered": sum(bool(socket.recv()) for _ in range(int(words[0])))}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
