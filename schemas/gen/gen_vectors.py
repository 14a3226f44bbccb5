"""Writes invalid_vectors.json: for every rule of every field of every message a value that breaks just this rule.

Each vector has the message's name, the rule, the error and the field that a decoder must name, and the value as JSON
text (or as hex, where it is no text) and as msgpack in hex; one of them is absent where the rule has no form there.
Client messages have their name under "type"; bodies of actor messages do not. Bytes beyond BIG are left out.
"""

import base64
import json
import struct

BIG = 65536


class Map(list):
    """Pairs, so that a name can stand twice."""

    def replaced(self, index, *pairs):
        return Map(self[:index] + list(pairs) + self[index + 1:])


class Raw:
    """A value spelled out: bytes of JSON and of msgpack; None where there is no such form."""

    def __init__(self, json_bytes, msgpack_bytes):
        self.json, self.msgpack = json_bytes, msgpack_bytes


class Absent(Exception):
    """The value has no form in this format."""


def to_json(value):
    if isinstance(value, Raw):
        if value.json is None:
            raise Absent
        return value.json
    if isinstance(value, Map):
        return b"{" + b",".join(to_json(k) + b":" + to_json(v) for k, v in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(to_json, value)) + b"]"
    if isinstance(value, bytes):
        return b'"' + base64.b64encode(value) + b'"'
    return json.dumps(value, ensure_ascii=False).encode()


def head(lengths, size, fixed=None):
    """The lead byte and size of a string, list, map or byte string."""
    if fixed is not None and size <= fixed[1]:
        return bytes([fixed[0] | size])
    for lead, form, most in lengths:
        if size <= most:
            return bytes([lead]) + struct.pack(form, size)
    raise Absent


def to_msgpack(value):
    if isinstance(value, Raw):
        if value.msgpack is None:
            raise Absent
        return value.msgpack
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if -32 <= value < 128:
            return struct.pack("b", value)
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return head([(0xD9, ">B", 255), (0xDA, ">H", 65535), (0xDB, ">I", 2**32)], len(text), (0xA0, 31)) + text
    if isinstance(value, bytes):
        return head([(0xC4, ">B", 255), (0xC5, ">H", 65535), (0xC6, ">I", 2**32)], len(value)) + value
    wide = (0xDE, 0xDF) if isinstance(value, Map) else (0xDC, 0xDD)
    start = head([(wide[0], ">H", 65535), (wide[1], ">I", 2**32)], len(value),
                 (0x80 if isinstance(value, Map) else 0x90, 15))
    if isinstance(value, Map):
        return start + b"".join(to_msgpack(k) + to_msgpack(v) for k, v in value)
    return start + b"".join(map(to_msgpack, value))


def sample_text(field, length):
    return ("a/b" + "a" * length)[:length] if field.pattern == "key" else "a" * length


def sample(schema, field):
    """A value of one element that breaks nothing, as small as may be."""
    if field.kind == "object":
        return sample_map(schema, schema.objects[field.ref])
    if field.kind == "enum":
        return schema.enums[field.ref].values[0]
    if field.kind == "string":
        return sample_text(field, max(field.min, 1))
    if field.kind in ("bytes", "blob"):
        return b"\0" * max(field.min, 1)
    return {"bool": True}.get(field.kind, field.min)


def sample_map(schema, one):
    return Map((f.name, [sample(schema, f)] * max(f.list_min, 1) if f.list else sample(schema, f)) for f in one.fields)


def text_faults(field):
    for length, rule in ((field.max + 1, "too long"), (field.min - 1, "too short")):
        if length >= 0 and length < BIG:
            yield rule, sample_text(field, length), "LENGTH"
    if field.pattern == "any":
        yield "too long, counted in code points", "\U0001f600" * (field.max + 1), "LENGTH"
    else:
        rest = sample_text(field, max(field.min, 1))[1:]
        for bad in {"id": "! \té/\"", "key": "! \té", "text": "\n\x7fé"}[field.pattern]:
            yield f"U+{ord(bad):04X} in it", bad + rest, "PATTERN"
    size = max(field.min, 4)
    for rule, escaped, raw in (
        ("a lone surrogate", b"\\ud800", b"\xed\xa0\x80"),
        ("a surrogate pair the wrong way round", b"\\udc00\\ud800", b"\xed\xb0\x80\xed\xa0\x80"),
        ("U+0000", b"\\u0000", b"\0"),
        ("a byte that is no UTF-8", b"\xff", b"\xff"),
        ("a sequence that is too long for its code point", b"\xc0\x80", b"\xc0\x80"),
        ("a code point above U+10FFFF", b"\xf4\x90\x80\x80", b"\xf4\x90\x80\x80"),
    ):
        text = raw + b"a" * max(0, size - len(raw))
        text = text if len(text) <= max(field.max, len(raw)) else raw
        start = head([(0xD9, ">B", 255), (0xDA, ">H", 65535)], len(text), (0xA0, 31))
        yield rule, Raw(b'"' + escaped + b'"', start + text), "UTF8"


def number_faults(field):
    if field.kind == "int":
        yield "a fraction", field.min + 0.5, "TYPE"
        yield "an integer with a fraction of zero", Raw(b"1.0", b"\xcb" + struct.pack(">d", 1)), "TYPE"
        yield "an exponent", Raw(b"1e0", None), "TYPE"
        yield "below min", field.min - 1, "RANGE"
        yield "above max", field.max + 1, "RANGE"
    else:
        yield "below min", field.min - 0.5, "RANGE"
        yield "above max", field.max + 0.5, "RANGE"
        yield "not a number", Raw(None, b"\xcb\x7f\xf8" + b"\0" * 6), "RANGE"
        yield "infinite", Raw(b"1e999", b"\xcb\x7f\xf0" + b"\0" * 6), "RANGE"
    yield "above 64 bits", Raw(b"1" + b"0" * 30, b"\xcf" + b"\xff" * 8), "RANGE"


def element_faults(schema, field):
    """(rule, value, error, field) of one element of a field."""
    wrong = {"null": None, "a map": Map([("a", 1)]), "a list": [], "a bool": True, "a number": 7, "a string": "7"}
    own = {"bool": "a bool", "int": "a number", "number": "a number", "object": "a map"}.get(field.kind, "a string")
    for rule, value in wrong.items():
        if rule != own:
            yield f"{rule} instead", value, "TYPE", field.name
    if field.kind in ("bytes", "blob"):
        yield "a string instead", Raw(None, to_msgpack("7")), "TYPE", field.name
        yield "not base64", Raw(b'"a-b_"', None), "PATTERN", field.name
        yield "base64 without its padding", Raw(b'"YQ"', None), "PATTERN", field.name
        for size, rule in ((field.max + 1, "too long"), (field.min - 1, "too short")):
            if 0 <= size < BIG:
                yield rule, b"\0" * size, "LENGTH", field.name
    elif field.kind == "enum":
        yield "a word that is not in the list", "no-such-word", "ENUM", field.name
        yield "the empty word", "", "ENUM", field.name
    elif field.kind == "object":
        yield from map_faults(schema, schema.objects[field.ref], sample_map(schema, schema.objects[field.ref]))
    elif field.kind in ("int", "number"):
        yield from ((*fault, field.name) for fault in number_faults(field))
    elif field.kind == "string":
        yield from ((*fault, field.name) for fault in text_faults(field))


def map_faults(schema, one, base, skip=0):
    """(rule, value, error, field) of a whole map; `skip`: pairs before its fields (the tag)."""
    for index, field in enumerate(one.fields, skip):
        name, value = base[index]
        path = f"{one.name}.{name}"
        if not field.optional:
            yield f"{path}: missing", base.replaced(index), "REQUIRED", name
        yield f"{path}: twice", base.replaced(index, (name, value), (name, value)), "DUPLICATE", name
        if field.list:
            for rule, wrong in (("null", None), ("a map", Map()), ("a number", 7), ("a string", "a")):
                yield f"{path}: {rule} instead", base.replaced(index, (name, wrong)), "TYPE", name
            long = [sample(schema, field)] * (field.list_max + 1)
            yield f"{path}: too many", base.replaced(index, (name, long)), "LENGTH", name
            if field.list_min > 0:
                yield f"{path}: too few", base.replaced(index, (name, long[: field.list_min - 1])), "LENGTH", name
        for rule, wrong, error, at in element_faults(schema, field):
            deeper = rule if "." in rule.split(":")[0] else f"{path}: {rule}"
            yield deeper, base.replaced(index, (name, [wrong] if field.list else wrong)), error, at
    yield f"{one.name}: an unknown field", Map(base + [("noSuchField", 1)]), "UNKNOWN", ""
    yield f"{one.name}: a name that is no string", Map(base + [(Raw(None, b"\x01"), 1)]), "TYPE", ""
    bad = Raw(b'"\xff"', b"\xa1\xff")
    yield f"{one.name}: a name that is no UTF-8", Map(base + [(bad, 1)]), "UTF8", ""
    deep = 1
    for _ in range(8):
        deep = [deep]
    yield f"{one.name}: nested too deep", Map(base + [("noSuchField", deep)]), "DEPTH", ""


def tag_faults(base):
    rest = base[1:]
    yield "type: missing", Map(rest), "REQUIRED", "type"
    yield "type: twice", Map(base + [base[0]]), "DUPLICATE", "type"
    yield "type: unknown", Map([("type", "no.such_message")] + rest), "UNKNOWN", "type"
    yield "type: a number instead", Map([("type", 7)] + rest), "TYPE", "type"
    yield "type: null instead", Map(rest + [("type", None)]), "TYPE", "type"


def render(value, cut):
    result = {}
    for key, writer in (("json", to_json), ("msgpack", to_msgpack)):
        try:
            data = writer(value)
        except Absent:
            continue
        data = data[: len(data) // 2] if cut else data
        try:
            result[key] = data.decode() if key == "json" else data.hex()
        except UnicodeDecodeError:
            result["jsonHex"] = data.hex()
    return result


def invalid(schema):
    rows = []
    for message in schema.messages.values():
        tag = [("type", message.name)] if message.direction else []
        base = Map(tag + sample_map(schema, message))
        faults = [(f"{message.name}: cut short", base, "SYNTAX", "")]
        faults += map_faults(schema, message, base, len(tag))
        faults += tag_faults(base) if tag else []
        for rule, value, error, field in faults:
            rows.append({"message": message.name, "rule": rule, "error": error, "field": field,
                         **render(value, error == "SYNTAX")})
    lines = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    return f'{{"why": "each of these must be refused, with this error and this field", "vectors": [\n{lines}\n]}}\n'
