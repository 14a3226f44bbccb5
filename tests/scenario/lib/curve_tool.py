#!/usr/bin/python3
"""Speaks at a ZeroMQ socket with pyzmq, plain or with CURVE.

    curve_tool.py ENDPOINT                        plain
    curve_tool.py ENDPOINT SECRET_FILE KEY_FILE   with the keys of SECRET_FILE, to a server whose certificate is KEY_FILE

Each line of standard input is sent as one frame over one and the same DEALER. Prints a line of JSON for each: {"answer":
text}, or {"refused": true} when the connection was closed before or without an answer.
"""

import json
import sys

import zmq
import zmq.auth
from zmq.utils.monitor import recv_monitor_message

WAIT_MSEC = 15_000
FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
)


def ask(socket, monitor, line):
    try:
        socket.send(line.encode(), zmq.NOBLOCK)
    except zmq.Again:  # refused for good, before it was asked
        return {"refused": True}
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(monitor, zmq.POLLIN)
    for _ in range(2):
        ready = dict(poller.poll(WAIT_MSEC))
        if socket in ready:
            return {"answer": socket.recv().decode("utf-8", "replace")}
        if monitor in ready:
            recv_monitor_message(monitor)
            return {"refused": True}
    return {"silent": True}


def main():
    endpoint, *files = sys.argv[1:]
    socket = zmq.Context().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    if files:
        secret, server = files
        socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(secret)
        socket.curve_serverkey, _ = zmq.auth.load_certificate(server)
    monitor = socket.get_monitor_socket(FAILED)
    socket.connect(endpoint)
    for line in sys.stdin:
        print(json.dumps(ask(socket, monitor, line.rstrip("\n"))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
