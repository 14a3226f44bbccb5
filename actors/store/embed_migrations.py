#!/usr/bin/env python3
"""Turns schemas/migrations/NNNN_name.sql into a C table, so that the binary carries its own migrations.

usage: embed_migrations.py FOLDER OUT.c
"""
import hashlib
import pathlib
import re
import sys


def literal(text):
    lines = text.splitlines(keepends=True)
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for line in lines)
    return "\n".join(f'     "{line}"' for line in escaped)


def main(folder, out):
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if not match:
            sys.exit(f"{path}: a migration is named NNNN_name.sql")
        if int(match[1]) != len(rows) + 1:
            sys.exit(f"{path}: expected number {len(rows) + 1:04d}; versions rise by one from 0001")
        text = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        rows.append(f'    {{{len(rows) + 1}, "{match[2]}", "{checksum}",\n{literal(text)}}},\n')
    if not rows:
        sys.exit(f"{folder}: no migrations")
    pathlib.Path(out).write_text(
        '#include "store_sqlite_form.h"\n\n'
        "const migration_t migrations[] = {\n" + "".join(rows) + "};\n"
        f"const uint32_t migrations_count = {len(rows)};\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
