#!/usr/bin/env python3
"""Writes tests/fuzz/corpus from schemas/vectors/golden.json. Run it after a golden vector was added.

A file of `message` begins with the number of the message (the order of MSG_* in msg.h, from 0) and the format.
"""

import json
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "schemas" / "vectors" / "golden.json"


# Lines that no vector has.
LINES = [b"help", b"kinds", b"types room", b"help room.move", b"room plaza/main room.peek {}\r\n", b"room plaza/main room.pek",
         b"room - room.mute", b"rom"]


def envelope(name):
    """The head of a frame of that message, up to its body."""
    text = lambda value: bytes([0xD9, len(value)]) + value
    return b"\x97" + text(name.encode()) + text(b"plaza/main") + text(b"7:room:0:plaza/main") + b"\x09\xcd\x13\x88\xc4\x10" + bytes(range(16))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_corpus.py <build>/gen/msg.h")
    header = Path(sys.argv[1]).read_text(encoding="utf-8")
    numbers = re.findall(r"MSG_(\w+),", header[header.index("typedef enum msg_type {"):header.index("MSG_COUNT")])[1:]
    shutil.rmtree(HERE / "corpus", ignore_errors=True)
    texts, packs = [], []
    for index, vector in enumerate(json.loads(GOLDEN.read_text(encoding="utf-8"))["vectors"]):
        text, pack = vector["json"].encode(), bytes.fromhex(vector["msgpack"])
        if re.match(r"(session|intent|queue)\.", vector["message"]):
            texts.append(text)
            packs.append(pack)
        elif len(pack) < 1200 and not vector["message"].startswith("event."):
            number = numbers.index(vector["message"].replace(".", "_").upper())
            write("message", f"{index:02}-json", bytes([number, 0]) + text)
            write("message", f"{index:02}-msgpack", bytes([number, 1]) + pack)
            kind = vector["message"].split(".")[0]
            write("front_line", f"{index:02}", f"{kind} plaza/main {vector['message']} ".encode() + text)
            write("envelope", f"{index:02}", envelope(vector["message"]) + pack)
    for index, line in enumerate(LINES):
        write("front_line", f"line-{index}", line)
    for index, (text, pack) in enumerate(zip(texts, packs)):
        if len(pack) < 1200:
            write("frame_json", f"{index:02}", text)
            write("frame_msgpack", f"{index:02}", pack)
    write("frame_json", "all", b"[" + b", ".join(t for t in texts if len(t) < 1200) + b"]")
    few = [p for p in packs if len(p) < 1200]
    write("frame_msgpack", "all", bytes([0x90 | len(few)]) + b"".join(few))


def write(folder, name, data):
    (HERE / "corpus" / folder).mkdir(parents=True, exist_ok=True)
    (HERE / "corpus" / folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
