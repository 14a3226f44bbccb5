#!/usr/bin/env python3
"""schemas/vectors/golden.json against Python's own json and msgpack: two codecs that we did not write.

    golden_test.py            checks
    golden_test.py --write    writes the texts and bytes anew from the values, after a value was added

A value is written as JSON; {"$bytes": "hex"} stands for bytes: base64 in JSON, bin in msgpack.
"""

import base64
import json
import sys
import unittest
from pathlib import Path

import msgpack

GOLDEN = Path(__file__).resolve().parents[2] / "schemas" / "vectors" / "golden.json"


def with_bytes(value, make):
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return make(bytes.fromhex(value["$bytes"]))
        return {key: with_bytes(one, make) for key, one in value.items()}
    if isinstance(value, list):
        return [with_bytes(one, make) for one in value]
    return value


def as_json(value):
    plain = with_bytes(value, lambda data: base64.b64encode(data).decode())
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def as_msgpack(value):
    return msgpack.packb(with_bytes(value, bytes), use_bin_type=True)


class Golden(unittest.TestCase):
    def setUp(self):
        self.vectors = json.loads(GOLDEN.read_text(encoding="utf-8"))["vectors"]

    def test_json_is_what_python_writes(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                self.assertEqual(vector["json"], as_json(vector["value"]))

    def test_msgpack_is_what_python_writes(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                self.assertEqual(vector["msgpack"], as_msgpack(vector["value"]).hex())

    def test_both_say_the_same(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                unpacked = msgpack.unpackb(bytes.fromhex(vector["msgpack"]))
                self.assertEqual(unpacked, with_bytes(vector["value"], bytes))

    def test_every_client_message_has_a_vector(self):
        schema = json.loads((GOLDEN.parents[1] / "client.json").read_text(encoding="utf-8"))
        covered = {vector["message"] for vector in self.vectors}
        self.assertEqual([], [name for name in schema["messages"] if name not in covered])


def rewrite():
    page = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for vector in page["vectors"]:
        vector["json"] = as_json(vector["value"])
        vector["msgpack"] = as_msgpack(vector["value"]).hex()
    GOLDEN.write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        rewrite()
    else:
        unittest.main()
