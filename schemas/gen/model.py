"""What the schemas say, as the writers of C, TypeScript and documentation see it. Made, and checked, by load.py."""

import re
from dataclasses import dataclass, field

PATTERNS = {"id": "[A-Za-z0-9_-]", "key": "[A-Za-z0-9_/-]", "text": "[ -~]"}


class SchemaError(Exception):
    """A schema that cannot be generated from; the text says where and why."""


@dataclass
class Field:
    name: str
    kind: str  # bool int number string enum bytes blob object
    why: str = ""
    optional: bool = False
    mask: bool = False
    list: bool = False
    list_min: int = 0
    list_max: int = 0
    min: float = 0
    max: float = 0
    pattern: str = "any"
    ref: str = ""  # name of the enum or object
    scalar: str = ""  # name of the scalar it was declared with

    @property
    def member(self):
        return snake(self.name)

    @property
    def capacity(self):
        """Bytes of the C array of a string, with its NUL."""
        return (self.max if self.pattern != "any" else 4 * self.max) + 1


@dataclass
class Struct:
    name: str
    why: str
    fields: list
    where: str

    c_kind = "obj"

    @property
    def ident(self):
        return snake(self.name.replace(".", "_"))

    @property
    def c_type(self):
        return f"{self.c_kind}_{self.ident}_t"


@dataclass
class Message(Struct):
    since: str = ""
    actor: str = ""  # of its file; "" for client and runtime messages
    direction: str = ""  # in, out; "" for actor messages
    answers: list = field(default_factory=list)
    senders: list = field(default_factory=list)  # "from"
    to: list = field(default_factory=list)
    is_answer: bool = False

    c_kind = "msg"

    @property
    def constant(self):
        return "MSG_" + self.ident.upper()


@dataclass
class Enum:
    name: str
    why: str
    values: list
    where: str
    rows: dict = field(default_factory=dict)  # value -> {text, transient, http | code}

    @property
    def ident(self):
        return snake(self.name)

    @property
    def c_type(self):
        return "error_code_t" if self.name == "error" else self.ident + "_t"

    def constant(self, value):
        return f"{self.ident}_{snake(value)}".upper()


@dataclass
class Endpoint:
    method: str
    path: str
    why: str
    auth: bool
    request: str
    response: str
    status: int
    errors: list
    dev: bool
    status_not_ready: int
    admin: bool  # of the loopback listener
    query: list  # names of parameters
    role: str  # the least that the bearer's token must allow


@dataclass
class Model:
    enums: dict = field(default_factory=dict)
    objects: dict = field(default_factory=dict)  # in the order in which C must see them
    messages: dict = field(default_factory=dict)
    endpoints: list = field(default_factory=list)
    scalars: dict = field(default_factory=dict)
    actors: list = field(default_factory=list)
    why: dict = field(default_factory=dict)  # file stem -> why

    def inbox(self, actor):
        """Messages that can reach this actor, with the enumerator each has."""
        asked = [m for m in self.messages.values() if actor in m.senders]
        found = {}
        for message in self.messages.values():
            if message.actor == actor and not message.is_answer and not message.to:
                found[message.name] = message
        for name in [a for m in asked for a in m.answers] + [m.name for m in self.messages.values() if actor in m.to]:
            found[name] = self.messages[name]
        if any(m.answers for m in asked):
            found["act.no_answer"] = self.messages["act.no_answer"]
        return list(found.values())

    def closure(self, structs):
        """Names of the objects and enums that these structs reach."""
        names, stack = [], [f for s in structs for f in s.fields]
        while stack:
            ref = stack.pop(0).ref
            if ref and ref not in names:
                names.append(ref)
                stack += self.objects[ref].fields if ref in self.objects else []
        return names


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
