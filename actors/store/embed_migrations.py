#!/usr/bin/env python3
"""Turns schemas/migrations/FORM/NNNN_name.sql and NNNN_name.down.sql into a C table, so that the binary carries its
own migrations. The checksum is of the file that goes up; the one that goes down says in its first line what it loses.

usage: embed_migrations.py FOLDER FORM... OUT.c
"""
import hashlib
import pathlib
import re
import sys

LOSES = "-- Loses: "


def literal(text):
    lines = text.splitlines(keepends=True)
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for line in lines)
    return "\n".join(f'     "{line}"' for line in escaped)


def row(path, number):
    match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
    if not match:
        sys.exit(f"{path}: a migration is named NNNN_name.sql, and what undoes it NNNN_name.down.sql")
    if int(match[1]) != number:
        sys.exit(f"{path}: expected number {number:04d}; versions rise by one from 0001")
    up = path.read_text(encoding="utf-8")
    down_path = path.with_suffix(".down.sql")
    if not down_path.exists():
        sys.exit(f"{path}: there is no {down_path.name} to undo it")
    down = down_path.read_text(encoding="utf-8")
    if not down.startswith(LOSES):
        sys.exit(f"{down_path}: its first line is to say '{LOSES}...'")
    loses = down.splitlines()[0][len(LOSES):].rstrip(".")
    checksum = hashlib.sha256(up.encode()).hexdigest()
    return (f'    {{{number}, "{match[2]}", "{checksum}",\n     /* up */\n{literal(up)},\n     /* down */\n'
            f'{literal(down)},\n{literal(loses)}}},\n')


def table(folder, form):
    paths = sorted((pathlib.Path(folder) / form).glob("*.sql"))
    ups = [path for path in paths if not path.name.endswith(".down.sql")]
    for path in paths:
        if path not in ups and path.with_name(path.name.replace(".down.sql", ".sql")) not in ups:
            sys.exit(f"{path}: there is nothing that it undoes")
    if not ups:
        sys.exit(f"{folder}/{form}: no migrations")
    rows = [row(path, number) for number, path in enumerate(ups, 1)]
    return (f"const migration_t {form}_migrations[] = {{\n" + "".join(rows) + "};\n"
            f"const uint32_t {form}_migrations_count = {len(rows)};\n")


def main(folder, forms, out):
    text = '#include "store_migrations.h"\n\n' + "\n".join(table(folder, form) for form in forms)
    pathlib.Path(out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:-1], sys.argv[-1])
