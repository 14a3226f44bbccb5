"""Writes protocol.md, the reference page, and openapi.json, the description of the HTTP API."""

import json
import re

from model import PATTERNS


def kind_text(field):
    text = f"`{field.ref}`" if field.ref else field.kind
    if field.list:
        text = f"list of {text}"
    return f"{text}, optional" if field.optional else text


def span(low, high):
    return f"{low}" if low == high else f"{low} to {high}"


def limit_text(field):
    parts = [f"{span(field.list_min, field.list_max)} elements"] if field.list else []
    if field.kind in ("int", "number"):
        parts.append(span(field.min, field.max))
    elif field.kind in ("string", "bytes", "blob"):
        unit = "bytes" if field.kind != "string" else "characters"
        pattern = f" of `{PATTERNS[field.pattern]}`" if field.pattern != "any" else ""
        parts.append(f"{span(field.min, field.max)} {unit}{pattern}")
    return "; ".join(parts)


def cell(text):
    return text.replace("|", "\\|")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(cell(str(c)) for c in row) + " |" for row in rows] + [""]


def field_table(schema, struct):
    if not struct.fields:
        return ["No fields.", ""]
    rows = []
    for field in struct.fields:
        why = field.why or schema.scalars.get(field.scalar, {}).get("why", "")
        rows.append((f"`{field.name}`", kind_text(field), limit_text(field), why))
    return table(("field", "type", "limits", "meaning"), rows)


def message_section(schema, message, level):
    lines = [f"{'#' * level} `{message.name}`", "", message.why + f" Since {message.since}.", ""]
    told = []
    if message.senders:
        told.append("Sent by " + ", ".join(message.senders) + ".")
    if message.to:
        told.append("Sent to " + ", ".join(message.to) + ", to an address it had kept.")
    if message.answers:
        told.append("Answered by " + " or ".join(f"`{a}`" for a in message.answers) + ".")
    return lines + ([" ".join(told), ""] if told else []) + field_table(schema, message)


HEAD = """# Protocol

Generated from `schemas/` by `schemas/gen/generate.py`; do not edit. To renew it: `cmake --build <build> --target protocol_page`.

## How messages are written

Between a client and the gateway a message is a map with its name under `type` and its fields beside it. A WebSocket frame is one
message or an array of at most 64; the subprotocol says whether as JSON text (`playhouse.v1.json`) or as msgpack in binary frames
(`playhouse.v1.msgpack`). Every rule of the tables is checked on arrival: type, presence, range, length, alphabet, UTF-8 without U+0000;
a field that is not in the table, or is there twice, is refused. `null` is no way to leave a field out. A message that breaks a rule is answered
by `event.error` `BAD_REQUEST` and the messages after it are still read; a frame that is no JSON or msgpack at all closes the connection.

Integers are at most 2^53 - 1. In JSON an integer has no fraction and no exponent; in msgpack it is of an integer type. A number may be
of either. Lengths of strings count code points. Bytes are msgpack `bin`, and base64 with padding in JSON.

Between actors a message is one ZeroMQ frame with one msgpack array:

| position | what | type |
|---|---|---|
| 0 | `type`, such as `"room.join"` | string |
| 1 | `key`: which of the receiving kind's states | string |
| 2 | `from`: node, kind, thread and key of the sender, joined by `:`; empty when it wants no answer | string |
| 3 | `correlation`: 0 when nobody waits for an answer | int |
| 4 | `ttl_ms`: what is left of the deadline, 0 for none | int |
| 5 | `trace`: 16 bytes, made at the edge and kept through every hop | bin |
| 6 | `body`: the fields by name | map |
"""


def endpoint_rows(schema):
    for e in schema.endpoints:
        query = "?" + "&".join(f"{name}=" for name in e.query) if e.query else ""
        article = "an" if e.role[0] in "aeiou" else "a"
        least = "bearer token" if e.role == "player" else f"bearer token of {article} {e.role}"
        needs = "loopback" if e.admin else least if e.auth else "none"
        yield (f"`{e.method} {e.path}{query}`", e.why, f"`{e.request}`" if e.request else "",
               f"{e.status} `{e.response}`", needs, ", ".join(e.errors))


def protocol(schema):
    lines = [HEAD, "## What a client says", ""]
    client = [m for m in schema.messages.values() if m.direction]
    for message in (m for m in client if m.direction == "in"):
        lines += message_section(schema, message, 3)
    lines += ["## What the server says", ""]
    for message in (m for m in client if m.direction == "out"):
        lines += message_section(schema, message, 3)
    lines += ["## HTTP", "", schema.why.get("http", ""), ""]
    lines += table(("request", "what it does", "body", "answer", "needs", "errors"), endpoint_rows(schema))
    lines += ["## Objects", ""]
    for struct in schema.objects.values():
        lines += [f"### `{struct.name}`", "", struct.why + ".", ""] + field_table(schema, struct)
    lines += ["## Words", ""]
    for enum in (e for e in schema.enums.values() if not e.rows):
        lines += [f"- `{enum.name}`, {enum.why}: " + ", ".join(f"`{v}`" for v in enum.values) + "."]
    lines += ["", "## Errors", "", schema.why["errors"], ""]
    lines += code_table(schema.enums["error"], "http", "HTTP")
    lines += ["## Reasons of a connect", "", schema.why["reasons"], ""]
    lines += code_table(schema.enums["reason"], None, None)
    lines += ["## Close codes", "", schema.why["close_codes"], ""]
    lines += code_table(schema.enums["closeCode"], "code", "number")
    lines += ["## Between actors", ""]
    for stem in ["act"] + sorted(schema.actors):
        lines += [f"### {stem}", "", schema.why[stem], ""]
        for message in (m for m in schema.messages.values() if m.name.split(".")[0] == stem):
            lines += message_section(schema, message, 4)
    return "\n".join(lines).rstrip("\n") + "\n"


def code_table(enum, number, title):
    head = ("word",) + ((title,) if number else ()) + ("transient", "text")
    rows = [(f"`{value}`",) + ((row[number],) if number else ()) + ("yes" if row["transient"] else "no", row["text"])
            for value, row in enum.rows.items()]
    return table(head, rows)


def property_schema(schema, field):
    if field.kind == "object":
        one = {"$ref": f"#/components/schemas/{field.ref}"}
    elif field.kind == "enum":
        one = {"type": "string", "enum": schema.enums[field.ref].values}
    elif field.kind == "bool":
        one = {"type": "boolean"}
    elif field.kind == "string":
        one = {"type": "string", "minLength": field.min, "maxLength": field.max}
        if field.pattern != "any":
            one["pattern"] = f"^{PATTERNS[field.pattern]}*$"
    else:
        one = {"type": "integer" if field.kind == "int" else "number", "minimum": field.min, "maximum": field.max}
    if field.list:
        one = {"type": "array", "items": one, "minItems": field.list_min, "maxItems": field.list_max}
    why = field.why or schema.scalars.get(field.scalar, {}).get("why", "")
    return {**one, "description": why} if why else one


def object_schema(schema, struct):
    return {
        "type": "object",
        "description": struct.why,
        "properties": {f.name: property_schema(schema, f) for f in struct.fields},
        "required": [f.name for f in struct.fields if not f.optional],
        "additionalProperties": False,
    }


def body_of(name):
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


EXAMPLE_SECRET = "q1Zr7cT0mWlX8vYb2NfKdE5hJgUo3aSiP4tR6uCwDxM"


def connect_examples(schema):
    """One answer of every kind: an admission, a place in the queue, and each reason that comes with status 200."""
    examples = {
        "admitted": {"outcome": "admitted", "ticket": EXAMPLE_SECRET, "characterId": "c-ada", "sessionId": "s-0001"},
        "queued": {"outcome": "queued", "position": 3, "etaSeconds": 40, "reconnectToken": EXAMPLE_SECRET,
                   "characterId": "c-ada", "sessionId": "s-0001"},
    }
    for reason, row in schema.enums["reason"].rows.items():
        if reason in ("UNAUTHENTICATED", "RATE_LIMITED"):  # 401 and 429
            continue
        value = {"outcome": "timeout" if reason == "TIMEOUT" else "failed", "reason": reason,
                 "transient": row["transient"], "message": row["text"]}
        if reason == "REPLACEMENT_REQUIRED":
            value["replaceToken"] = EXAMPLE_SECRET
        elif row["transient"]:
            value["retryAfterSeconds"] = 5
        examples[reason] = value
    return {name: {"value": value} for name, value in examples.items()}


def error_examples(schema, codes):
    return {code: {"value": {"code": code, "message": schema.enums["error"].rows[code]["text"],
                             "transient": schema.enums["error"].rows[code]["transient"], "traceId": "0" * 32}}
            for code in codes}


def operation(schema, endpoint):
    words = re.findall(r"[A-Za-z]+", endpoint.path)
    result = {
        "operationId": endpoint.method.lower() + "".join(w[:1].upper() + w[1:] for w in words),
        "summary": endpoint.why,
        "security": [{"bearer": []}] if endpoint.auth else [],
        "responses": {str(endpoint.status): {"description": schema.objects[endpoint.response].why,
                                             "content": body_of(endpoint.response)}},
    }
    if endpoint.status_not_ready:
        result["responses"][str(endpoint.status_not_ready)] = {"description": "not ready",
                                                               "content": body_of(endpoint.response)}
    errors = schema.enums["error"].rows
    for status in sorted({errors[code]["http"] for code in endpoint.errors}):
        codes = [code for code in endpoint.errors if errors[code]["http"] == status]
        result["responses"][str(status)] = {"description": "; ".join(f"{c}: {errors[c]['text']}" for c in codes),
                                            "content": body_of("httpError")}
        result["responses"][str(status)]["content"]["application/json"]["examples"] = error_examples(schema, codes)
    if endpoint.response == "connectResult":
        answer = result["responses"][str(endpoint.status)]["content"]["application/json"]
        answer["examples"] = connect_examples(schema)
    result["responses"]["default"] = {"description": "any other error", "content": body_of("httpError")}
    parameters = re.findall(r"{(\w+)}", endpoint.path)
    if parameters:
        text = {"type": "string", "pattern": f"^{PATTERNS['id']}*$", "minLength": 1, "maxLength": 24}
        result["parameters"] = [{"name": p, "in": "path", "required": True, "schema": text} for p in parameters]
    for name in endpoint.query:
        text = {"type": "string", "pattern": f"^{PATTERNS['id']}*$", "minLength": 1, "maxLength": 24}
        result.setdefault("parameters", []).append({"name": name, "in": "query", "schema": text})
    if endpoint.role != "player":
        result["x-role"] = endpoint.role
    if endpoint.admin:
        result["servers"] = [{"url": "http://127.0.0.1:8081", "description": "the loopback listener, admin.port"}]
    if endpoint.request:
        result["requestBody"] = {"required": True, "content": body_of(endpoint.request)}
    return result


def openapi(schema):
    bodies = {n for e in schema.endpoints for n in (e.request, e.response) if n} | {"httpError"}
    bodies |= set(schema.closure([schema.objects[n] for n in bodies if n in schema.objects]))
    paths = {}
    for endpoint in schema.endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(schema, endpoint)
    page = {
        "openapi": "3.1.0",
        "info": {"title": "Playhouse", "version": "1", "description": schema.why.get("http", ""),
                 "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": {n: object_schema(schema, o) for n, o in schema.objects.items() if n in bodies},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"
