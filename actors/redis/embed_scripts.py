#!/usr/bin/env python3
"""Turns the *.lua of a folder into C, so that the binary carries its own scripts: a redis_script_t PREFIX_NAME of each
NAME.lua, which HEADER declares. prelude.lua, if there is one, stands in front of each (it is not repeated in the binary).

usage: embed_scripts.py FOLDER OUT.c HEADER PREFIX
"""
import hashlib
import pathlib
import re
import sys


def literal(text):
    lines = text.splitlines(keepends=True)
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for line in lines)
    return "\n".join(f'    "{line}"' for line in escaped) or '    ""'


def without_comments(text):
    """Lines that are only a comment or empty are for the reader; the number of lines stays, for errors."""
    return "".join("\n" if re.match(r"\s*(--.*)?$", line) else line for line in text.splitlines(keepends=True))


def main(folder, out, header, prefix):
    folder = pathlib.Path(folder)
    texts = {path.stem: without_comments(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.lua"))}
    prelude = texts.pop("prelude", "")
    if not texts:
        sys.exit(f"{folder}: scripts are expected")
    parts = [f'#include "{header}"\n', f"static const char prelude[] =\n{literal(prelude)};\n"]
    for name, text in texts.items():
        if not re.fullmatch(r"[a-z_]+", name):
            sys.exit(f"{folder}/{name}.lua: a script is named with small letters and _")
        sha1 = hashlib.sha1((prelude + text).encode()).hexdigest()
        parts.append(f'const redis_script_t {prefix}_{name} = {{"{sha1}", prelude,\n{literal(text)}}};\n')
    pathlib.Path(out).write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
