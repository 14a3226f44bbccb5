#!/usr/bin/python3
"""Watches a server with nothing but pyzmq: prints one line per message that its actors handle.

    watcher.py ENDPOINT [FILTER [SECONDS]]      FILTER is JSON, for example {"kind": "room", "bodies": true}
"""

import json
import sys
import time

import zmq

POLL_SECONDS = 0.25


def ask(socket, body):
    socket.send_string("watch - watch.tail " + json.dumps(body))
    answer = json.loads(socket.recv())
    if answer["type"] != "watch.tailed":
        sys.exit(answer.get("why") or answer.get("message") or answer["type"])
    return answer


def main():
    endpoint = sys.argv[1]
    question = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    until = time.monotonic() + float(sys.argv[3]) if len(sys.argv) > 3 else float("inf")
    socket = zmq.Context().socket(zmq.REQ)
    socket.setsockopt(zmq.RCVTIMEO, 10_000)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    while time.monotonic() < until:
        answer = ask(socket, question)
        question["cursor"] = answer["cursor"]
        for entry in answer["entries"]:
            actor = f"{entry['kind']}/{entry['thread']} {entry['key'] or '-'}"
            print(entry["atUs"], actor, entry["message"], f"{entry['handlerUs']} us", entry["trace"],
                  entry.get("body", ""), flush=True)
        if not answer["more"]:
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
