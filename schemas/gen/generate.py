#!/usr/bin/env python3
"""Writes everything that follows from schemas/*.json: C, TypeScript, reference page, OpenAPI, invalid vectors.

    generate.py --schemas DIR --out DIR

Files are written only when they change, so that nothing is compiled twice. Exit 1 and one line on stderr when the
schemas cannot be generated from.
"""

import argparse
import sys
from pathlib import Path

import gen_c
import gen_docs
import gen_ts
import gen_vectors
import load
import model
import pow10


def write(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemas", required=True, type=Path, help="folder of the *.json files")
    parser.add_argument("--out", required=True, type=Path, help="folder to write to; made when missing")
    arguments = parser.parse_args()
    try:
        schema = load.load(arguments.schemas)
    except model.SchemaError as error:
        print(f"generate.py: the schemas are not sound: {error}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "msg.h": gen_c.header(schema),
        "msg.c": gen_c.source(schema),
        "send.h": gen_c.senders(schema),
        "pow10.h": pow10.header(),
        "messages.ts": gen_ts.module(schema),
        "protocol.md": gen_docs.protocol(schema),
        "openapi.json": gen_docs.openapi(schema),
        "invalid_vectors.json": gen_vectors.invalid(schema),
    }.items():
        write(arguments.out / name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
