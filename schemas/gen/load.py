"""Reads schemas/*.json into a model and refuses what cannot be generated.

Every rule that the C, TypeScript and documentation writers lean on is checked here, so that they need not check again.
"""

import json
import re
from pathlib import Path

from model import PATTERNS, Endpoint, Enum, Field, Message, Model, SchemaError, Struct

INT_MAX = 2**53 - 1  # what a JavaScript number holds exactly
DEPTH_MAX = 8  # CODEC_DEPTH_MAX
FIELDS_MAX = 63  # the decoder keeps one bit per field
LIST_MAX = 65535
BASE_TYPES = {"bool", "int", "number", "string", "bytes", "blob", "array"}
FIELD_KEYS = {
    "bool": set(),
    "int": {"min", "max"},
    "number": {"min", "max"},
    "string": {"min", "max", "pattern"},
    "bytes": {"min", "max"},
    "blob": {"min", "max"},
    "array": {"items", "min", "max"},
}
COMMON_KEYS = {"type", "optional", "mask", "why"}
C_RESERVED = set(
    """auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    _Bool bool true false asm typeof alignas alignof atomic noreturn thread_local unix linux errno stdin stdout stderr
    NULL main unused_""".split()
)


def fail(where, why):
    raise SchemaError(f"{where}: {why}")


def load_file(path):
    def pairs(items):
        keys = [k for k, _ in items]
        for key in keys:
            if keys.count(key) > 1:
                fail(path.name, f"'{key}' stands twice in one object")
        return dict(items)

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=pairs)
    except (OSError, ValueError) as error:
        fail(path.name, f"cannot be read as JSON: {error}")


def check_keys(where, value, known, required=()):
    if not isinstance(value, dict):
        fail(where, "must be an object")
    for key in value:
        if key not in known:
            fail(where, f"unknown key '{key}'; known are {', '.join(sorted(known))}")
    for key in required:
        if key not in value:
            fail(where, f"'{key}' is missing")


def check_name(where, name, form=r"[a-z][A-Za-z0-9]*"):
    if not re.fullmatch(form, name):
        fail(where, f"'{name}' is not a name of the form {form}")


def check_bounds(where, low, high, floor, ceiling):
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            fail(where, "min and max must be numbers")
        if not floor <= bound <= ceiling:
            fail(where, f"{bound} is outside {floor}..{ceiling}")
    if low > high:
        fail(where, f"min {low} is above max {high}")


def base_field(where, name, spec):
    """A Field from a spec of a base type other than array."""
    kind = spec["type"]
    check_keys(where, spec, COMMON_KEYS | FIELD_KEYS[kind])
    result = Field(name, kind)
    if kind == "int":
        result.min, result.max = spec.get("min", 0), spec.get("max", INT_MAX)
        check_bounds(where, result.min, result.max, -INT_MAX, INT_MAX)
        if not isinstance(result.min, int) or not isinstance(result.max, int):
            fail(where, "min and max of an int must be integers")
    elif kind == "number":
        if "min" not in spec or "max" not in spec:
            fail(where, "a number needs min and max")
        result.min, result.max = spec["min"], spec["max"]
        check_bounds(where, result.min, result.max, -1e300, 1e300)
    elif kind in ("string", "bytes", "blob"):
        if "max" not in spec:
            fail(where, f"a {kind} needs max")
        result.min, result.max = spec.get("min", 0), spec["max"]
        check_bounds(where, result.min, result.max, 0, {"string": 65535, "bytes": 65535, "blob": 2**26}[kind])
        result.pattern = spec.get("pattern", "any")
        if result.pattern != "any" and result.pattern not in PATTERNS:
            fail(where, f"unknown pattern '{result.pattern}'; known are {', '.join(PATTERNS)}")
    return result


class Loader:
    def __init__(self, folder):
        self.files = {p.stem: load_file(p) for p in sorted(Path(folder).glob("*.json"))}
        self.model = Model()
        self.raw_objects = {}
        self.owners = dict.fromkeys(BASE_TYPES, "the generator itself")  # of type names

    def load(self):
        for stem, data in self.files.items():
            self.load_head(stem, data)
        if "error" not in self.model.enums or "reason" not in self.model.enums or "closeCode" not in self.model.enums:
            fail("schemas", "errors.json, reasons.json and close_codes.json must be there")
        for name in self.raw_objects:
            self.load_object(name, [])
        for stem, data in self.files.items():
            for name, spec in data.get("messages", {}).items():
                self.load_message(stem, data, name, spec)
        if "act.no_answer" not in self.model.messages:
            fail("act.json", "act.no_answer must be there: the runtime sends it")
        self.link()
        self.load_endpoints()
        self.check_identifiers()
        return self.model

    def load_head(self, stem, data):
        where = f"{stem}.json"
        known = {"why", "actor", "scalars", "enums", "objects", "messages", "endpoints", "reasons", "errors", "codes"}
        check_keys(where, data, known, ["why"])
        self.model.why[stem] = data["why"]
        if "actor" in data:
            if data["actor"] != stem:
                fail(where, f"actor '{data['actor']}' must have the name of its file")
            self.model.actors.append(stem)
        for name, spec in data.get("scalars", {}).items():
            self.new_name(where, name)
            if spec.get("type") not in BASE_TYPES - {"array"}:
                fail(f"{where} {name}", f"a scalar cannot be of type '{spec.get('type')}'")
            self.model.scalars[name] = spec
            base_field(f"{where} {name}", name, spec)
        for name, spec in data.get("enums", {}).items():
            check_keys(f"{where} {name}", spec, {"why", "values"}, ["why", "values"])
            self.add_enum(where, name, spec["why"], spec["values"], {})
        for key, name, number in (("reasons", "reason", ""), ("errors", "error", "http"), ("codes", "closeCode", "code")):
            if key in data:
                for value, row in data[key].items():
                    wanted = {"transient", "text"} | ({number} if number else set())
                    check_keys(f"{where} {value}", row, wanted, wanted)
                self.add_enum(where, name, data["why"], list(data[key]), data[key])
        for name, spec in data.get("objects", {}).items():
            self.new_name(where, name)
            self.raw_objects[name] = (where, spec)

    def new_name(self, where, name):
        check_name(where, name)
        if name in self.owners:
            fail(where, f"the type '{name}' is declared twice, first in {self.owners[name]}")
        self.owners[name] = where

    def add_enum(self, where, name, why, values, rows):
        self.new_name(where, name)
        if not isinstance(values, list) or not values:
            fail(f"{where} {name}", "an enum needs values")
        for value in values:
            check_name(f"{where} {name}", value, r"[A-Za-z][A-Za-z0-9_]*")
            if values.count(value) > 1:
                fail(f"{where} {name}", f"'{value}' stands twice")
        self.model.enums[name] = Enum(name, why, values, where, rows)

    def load_object(self, name, path):
        if name in self.model.objects:
            return
        where, spec = self.raw_objects[name]
        if name in path:
            fail(where, f"object '{name}' contains itself: {' -> '.join(path + [name])}")
        if len(path) + 2 > DEPTH_MAX:
            fail(where, f"object '{name}' is nested deeper than {DEPTH_MAX}")
        check_keys(f"{where} {name}", spec, {"why", "fields"}, ["why", "fields"])
        fields = self.load_fields(f"{where} {name}", spec["fields"], path + [name])
        if not fields:
            fail(f"{where} {name}", "an object needs a field")
        self.model.objects[name] = Struct(name, spec["why"], fields, where)

    def load_fields(self, where, specs, path):
        check_keys(where, specs, specs)
        if len(specs) > FIELDS_MAX:
            fail(where, f"more than {FIELDS_MAX} fields")
        fields, members = [], []
        for name, spec in specs.items():
            check_name(where, name)
            if name == "type":
                fail(where, "no field may be called 'type': it says which message it is")
            one = self.load_field(f"{where} field '{name}'", name, spec, path)
            fields.append(one)
            members += [one.member] + [f"has_{one.member}"] * one.optional
            members += [f"{one.member}_len"] * (one.list or one.kind == "bytes")
        for member in members:
            if member in C_RESERVED:
                fail(where, f"'{member}' is a reserved word of C")
            if members.count(member) > 1:
                fail(where, f"two fields become the C member '{member}'")
        return fields

    def load_field(self, where, name, spec, path):
        check_keys(where, spec, COMMON_KEYS | {"items", "min", "max", "pattern"}, ["type"])
        kind = spec["type"]
        if kind == "array":
            check_keys(where, spec, COMMON_KEYS | FIELD_KEYS["array"], ["items", "max"])
            check_bounds(where, spec.get("min", 0), spec["max"], 0, LIST_MAX)
            one = self.named(where, name, spec["items"], path)
            if one.kind in ("bytes", "blob", "bool"):
                fail(where, f"a list of {one.kind} is not supported")
            one.list, one.list_min, one.list_max = True, spec.get("min", 0), spec["max"]
        elif kind in BASE_TYPES:
            one = base_field(where, name, spec)
        else:
            check_keys(where, spec, COMMON_KEYS)
            one = self.named(where, name, kind, path)
        one.optional, one.mask, one.why = spec.get("optional", False), spec.get("mask", False), spec.get("why", "")
        return one

    def named(self, where, name, type_name, path):
        if type_name in self.model.scalars:
            one = base_field(where, name, self.model.scalars[type_name])
            one.scalar = type_name
            return one
        if type_name in self.model.enums:
            return Field(name, "enum", ref=type_name)
        if type_name in self.raw_objects:
            self.load_object(type_name, path)
            return Field(name, "object", ref=type_name)
        fail(where, f"unknown type '{type_name}'")

    def load_message(self, stem, data, name, spec):
        where = f"{stem}.json {name}"
        check_name(where, name, r"[a-z]+\.[a-z][a-z_]*")
        known = {"since", "why", "fields", "answers", "from", "to", "direction"}
        check_keys(where, spec, known, ["since", "why", "fields"])
        if name in self.model.messages:
            fail(where, "is declared twice")
        actor = data.get("actor", "")
        if actor and name.split(".")[0] != actor:
            fail(where, f"must begin with '{actor}.'")
        if not actor and stem != "act" and spec.get("direction") not in ("in", "out"):
            fail(where, "a client message needs direction in or out")
        if actor and "direction" in spec:
            fail(where, "an actor's message has no direction")
        message = Message(name, spec["why"], self.load_fields(where, spec["fields"], [name]), where)
        message.since, message.actor, message.direction = spec["since"], actor, spec.get("direction", "")
        message.answers, message.senders, message.to = spec.get("answers", []), spec.get("from", []), spec.get("to", [])
        self.model.messages[name] = message

    def link(self):
        for message in self.model.messages.values():
            for name in message.answers:
                if name not in self.model.messages:
                    fail(message.where, f"is answered by '{name}', which does not exist")
                if bool(self.model.messages[name].direction) != bool(message.direction):
                    fail(message.where, f"cannot be answered by '{name}': one is for clients, one for actors")
                if message.actor:
                    self.model.messages[name].is_answer = True
            for name in message.senders + message.to:
                if name not in self.model.actors and name != "front":
                    fail(message.where, f"names '{name}', which is no actor")
        for message in self.model.messages.values():
            reached = [message] + [self.model.objects[n] for n in self.model.closure([message]) if n in self.model.objects]
            if message.direction and any(f.kind in ("bytes", "blob") for s in reached for f in s.fields):
                fail(message.where, "a client message cannot have bytes or a blob")
            if message.is_answer and (message.senders or message.answers or message.to):
                fail(message.where, "is an answer; it has no 'from', 'to' or 'answers'")
            if message.actor and not (message.is_answer or message.senders or message.to):
                fail(message.where, "is neither an answer nor sent by anybody: 'from' or 'to' is missing")

    def load_endpoints(self):
        known = {"method", "path", "why", "auth", "request", "response", "status", "errors", "dev", "statusNotReady",
                 "admin", "query", "role"}
        for spec in self.files.get("http", {}).get("endpoints", []):
            where = f"http.json {spec.get('method')} {spec.get('path')}"
            check_keys(where, spec, known, ["method", "path", "why", "response", "status"])
            for key in ("request", "response"):
                if spec.get(key) and spec[key] not in self.model.objects:
                    fail(where, f"unknown object '{spec[key]}'")
                bodies = [self.model.objects[spec[key]]] if spec.get(key) else []
                bodies += [self.model.objects[n] for n in self.model.closure(bodies) if n in self.model.objects]
                if any(f.kind in ("bytes", "blob") for body in bodies for f in body.fields):
                    fail(where, "an HTTP body cannot have bytes or a blob")
            if spec.get("role", "player") not in self.model.enums["role"].values:
                fail(where, f"unknown role '{spec['role']}'")
            for code in spec.get("errors", []):
                if code not in self.model.enums["error"].values:
                    fail(where, f"unknown error '{code}'")
            self.model.endpoints.append(
                Endpoint(spec["method"], spec["path"], spec["why"], spec.get("auth", True), spec.get("request", ""),
                         spec["response"], spec["status"], spec.get("errors", []), spec.get("dev", False),
                         spec.get("statusNotReady", 0), spec.get("admin", False), spec.get("query", []),
                         spec.get("role", "player")))

    def check_identifiers(self):
        """No two things of C may share a name."""
        seen = {}
        for enum in self.model.enums.values():
            for name in [enum.c_type] + [enum.constant(v) for v in enum.values] + [enum.ident.upper() + "_COUNT"]:
                self.claim(seen, name, f"{enum.where} enum {enum.name}")
        for struct in list(self.model.objects.values()) + list(self.model.messages.values()):
            self.claim(seen, struct.c_type, struct.where)
            self.claim(seen, "type_" + struct.ident, struct.where)
        for message in self.model.messages.values():
            self.claim(seen, message.constant, message.where)

    @staticmethod
    def claim(seen, name, owner):
        if name in C_RESERVED:
            fail(owner, f"'{name}' is a reserved word of C")
        if name in seen:
            fail(owner, f"becomes the C name '{name}', which {seen[name]} has already")
        seen[name] = owner


def load(folder):
    return Loader(folder).load()
