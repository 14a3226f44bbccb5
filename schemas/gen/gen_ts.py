"""Writes messages.ts: types, tables and checking decoders of all that a client sees, without a dependency."""

import json

from model import PATTERNS

HEAD = """// Generated from schemas/ by schemas/gen/generate.py; do not edit.
/* eslint-disable */
"""

# The runtime half: one table per struct and one interpreter, as in C.
RUNTIME = """
/** What can be wrong with a value; the same words as the server's codec. */
export type DecodeFault =
  | 'SYNTAX' | 'TYPE' | 'REQUIRED' | 'ENUM' | 'RANGE' | 'LENGTH' | 'PATTERN' | 'UTF8' | 'UNKNOWN' | 'SIZE';

export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  constructor(readonly fault: DecodeFault, readonly field: string) {
    super(field === '' ? `not a valid message: ${fault}` : `not a valid message: ${fault} in the field ${field}`);
  }
}

type Rule =
  | { readonly kind: 'bool' }
  | { readonly kind: 'int' | 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'string'; readonly min: number; readonly max: number; readonly pattern: RegExp | null }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'object'; readonly shape: Shape };
interface FieldRule {
  readonly rule: Rule;
  readonly optional: boolean;
  readonly list: { readonly min: number; readonly max: number } | null;
}
type Shape = { readonly [field: string]: FieldRule };

type Fields = { readonly [key: string]: unknown };
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

function checkNumber(rule: { kind: 'int' | 'number'; min: number; max: number }, value: unknown, field: string): void {
  if (typeof value !== 'number') throw new DecodeError('TYPE', field);
  if (rule.kind === 'int' && Number.isFinite(value) && !Number.isInteger(value)) throw new DecodeError('TYPE', field);
  if (!(value >= rule.min && value <= rule.max)) throw new DecodeError('RANGE', field);
}

function checkString(rule: { min: number; max: number; pattern: RegExp | null }, value: unknown, field: string): void {
  if (typeof value !== 'string') throw new DecodeError('TYPE', field);
  let points = 0;
  for (const character of value) {
    const point = character.codePointAt(0) ?? 0;
    if (point === 0 || (point >= 0xd800 && point <= 0xdfff)) throw new DecodeError('UTF8', field);
    if (++points > rule.max) throw new DecodeError('LENGTH', field);
  }
  if (points < rule.min) throw new DecodeError('LENGTH', field);
  if (rule.pattern !== null && !rule.pattern.test(value)) throw new DecodeError('PATTERN', field);
}

function checkValue(rule: Rule, value: unknown, field: string): void {
  switch (rule.kind) {
    case 'bool':
      if (typeof value !== 'boolean') throw new DecodeError('TYPE', field);
      return;
    case 'int':
    case 'number':
      return checkNumber(rule, value, field);
    case 'string':
      return checkString(rule, value, field);
    case 'enum':
      if (typeof value !== 'string') throw new DecodeError('TYPE', field);
      if (!rule.values.includes(value)) throw new DecodeError('ENUM', field);
      return;
    case 'object':
      if (!isFields(value)) throw new DecodeError('TYPE', field);
      return checkFields(rule.shape, value, false);
  }
}

function checkFields(shape: Shape, value: Fields, tagged: boolean): void {
  for (const [name, content] of Object.entries(value)) {
    const one = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (one === undefined) {
      if (tagged && name === 'type') continue;
      throw new DecodeError('UNKNOWN', '');
    }
    if (one.list === null) {
      checkValue(one.rule, content, name);
      continue;
    }
    if (!Array.isArray(content)) throw new DecodeError('TYPE', name);
    if (content.length < one.list.min || content.length > one.list.max) throw new DecodeError('LENGTH', name);
    for (const element of content) checkValue(one.rule, element, name);
  }
  for (const [name, one] of Object.entries(shape)) {
    if (!one.optional && !Object.hasOwn(value, name)) throw new DecodeError('REQUIRED', name);
  }
}

function decodeTagged(shapes: { readonly [type: string]: Shape }, value: unknown): void {
  if (!isFields(value)) throw new DecodeError('TYPE', '');
  if (!Object.hasOwn(value, 'type')) throw new DecodeError('REQUIRED', 'type');
  const type = value['type'];
  if (typeof type !== 'string') throw new DecodeError('TYPE', 'type');
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (shape === undefined) throw new DecodeError('UNKNOWN', 'type');
  checkFields(shape, value, true);
}

function decodeBody(shape: Shape, value: unknown): void {
  if (!isFields(value)) throw new DecodeError('TYPE', '');
  checkFields(shape, value, false);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DecodeError('SYNTAX', '');
  }
}

/** Checks a message of the server, as JSON.parse or a msgpack decoder gave it. Throws DecodeError. */
export function decodeServerMessage(value: unknown): ServerMessage {
  decodeTagged(SERVER_SHAPES, value);
  return value as ServerMessage;
}

/** Checks a message of a client. Throws DecodeError. */
export function decodeClientMessage(value: unknown): ClientMessage {
  decodeTagged(CLIENT_SHAPES, value);
  return value as ClientMessage;
}

/** Messages of a frame that is parsed already: one message, or an array of them. Throws DecodeError. */
export function decodeMessages(value: unknown): ServerMessage[] {
  return Array.isArray(value) ? value.map(decodeServerMessage) : [decodeServerMessage(value)];
}

/** Messages of a JSON text frame. Throws DecodeError. */
export function decodeFrame(text: string): ServerMessage[] {
  return decodeMessages(parse(text));
}
"""


def pascal(name):
    return "".join(part[:1].upper() + part[1:] for part in name.replace(".", "_").split("_"))


def quote(text):
    return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def doc(text, indent=""):
    return f"{indent}/** {text.replace('*/', '* /')} */" if text else ""


def enum_type(name):
    return {"error": "ErrorCode", "closeCode": "CloseCode"}.get(name, pascal(name))


def ts_type(field):
    base = {"bool": "boolean", "int": "number", "number": "number", "string": "string"}.get(field.kind)
    if field.kind == "enum":
        base = enum_type(field.ref)
    elif field.kind == "object":
        base = pascal(field.ref)
    return f"readonly {base}[]" if field.list else base


def note(field):
    if field.kind in ("int", "number"):
        bounds = f"{field.min}..{field.max}"
    elif field.kind == "string":
        bounds = f"{field.min}..{field.max} characters"
    else:
        bounds = ""
    if field.list:
        bounds = f"{field.list_min}..{field.list_max} of them" + (f", each {bounds}" if bounds else "")
    return "; ".join(part for part in (field.why, bounds) if part)


def interface(struct, tag=None):
    lines = [doc(struct.why), f"export interface {pascal(struct.name)} {{"]
    if tag:
        lines.append(f"  readonly type: {quote(tag)};")
    for field in struct.fields:
        lines += [doc(note(field), "  "), f"  readonly {field.name}{'?' * field.optional}: {ts_type(field)};"]
    return "\n".join(line for line in lines if line) + "\n}\n"


def shape_name(name):
    return "shape" + pascal(name)


def rule_text(field):
    if field.kind == "bool":
        return "{ kind: 'bool' }"
    if field.kind in ("int", "number"):
        return f"{{ kind: '{field.kind}', min: {field.min}, max: {field.max} }}"
    if field.kind == "enum":
        return f"{{ kind: 'enum', values: {table_name(field.ref)} }}"
    if field.kind == "object":
        return f"{{ kind: 'object', shape: {shape_name(field.ref)} }}"
    pattern = "null"
    if field.pattern != "any":
        pattern = "/^" + PATTERNS[field.pattern].replace("/", "\\/") + "*$/"
    return f"{{ kind: 'string', min: {field.min}, max: {field.max}, pattern: {pattern} }}"


def shape(struct):
    lines = [f"const {shape_name(struct.name)}: Shape = {{"]
    for field in struct.fields:
        listed = f"{{ min: {field.list_min}, max: {field.list_max} }}" if field.list else "null"
        optional = "true" if field.optional else "false"
        lines.append(f"  {field.name}: {{ rule: {rule_text(field)}, optional: {optional}, list: {listed} }},")
    return "\n".join(lines) + "\n};\n"


def table_name(name):
    return {"error": "ERROR_CODES", "closeCode": "CLOSE_CODE_NAMES", "reason": "REASON_NAMES"}.get(
        name, "".join("_" + c if c.isupper() else c for c in name).upper() + "_VALUES")


def enum_text(enum):
    values = ", ".join(quote(v) for v in enum.values)
    return f"{doc(enum.why)}\nexport const {table_name(enum.name)} = [{values}] as const;\n" \
           f"export type {enum_type(enum.name)} = (typeof {table_name(enum.name)})[number];\n"


def row_table(enum, name, number):
    lines = [doc(enum.why)]
    extra = f"; readonly {number}: number" if number else ""
    lines.append(f"export const {name}: {{ readonly [name in {enum_type(enum.name)}]: "
                 f"{{ readonly transient: boolean; readonly text: string{extra} }} }} = {{")
    for value, row in enum.rows.items():
        more = f", {number}: {row[number]}" if number else ""
        lines.append(f"  {value}: {{ transient: {str(row['transient']).lower()}, text: {quote(row['text'])}{more} }},")
    return "\n".join(lines) + "\n};\n"


def close_lookup():
    return """/** The close code of a number that a WebSocket closed with; undefined when it is none of ours. */
export function closeCodeOf(code: number): CloseCode | undefined {
  return CLOSE_CODE_NAMES.find((name) => CLOSE_CODES[name].code === code);
}
"""


def module(schema):
    client = [m for m in schema.messages.values() if m.direction == "in"]
    server = [m for m in schema.messages.values() if m.direction == "out"]
    bodies = [schema.objects[n] for e in schema.endpoints for n in (e.request, e.response) if n]
    bodies += [schema.objects["httpError"]] if "httpError" in schema.objects else []
    reached = set(schema.closure(client + server + bodies)) | {b.name for b in bodies}
    objects = [o for o in schema.objects.values() if o.name in reached]
    enums = [e for e in schema.enums.values() if e.name in reached or e.rows]
    parts = [HEAD]
    parts += [enum_text(e) for e in enums]
    parts.append(row_table(schema.enums["reason"], "REASONS", ""))
    parts.append(row_table(schema.enums["error"], "ERRORS", "http"))
    parts.append(row_table(schema.enums["closeCode"], "CLOSE_CODES", "code"))
    parts.append(close_lookup())
    parts += [interface(o) for o in objects]
    parts += [interface(m, m.name) for m in client + server]
    for name, messages in (("ClientMessage", client), ("ServerMessage", server)):
        parts.append(f"export type {name} =\n" + "\n".join(f"  | {pascal(m.name)}" for m in messages) + ";\n")
    parts.append(RUNTIME)
    parts += [shape(s) for s in objects + client + server]
    for name, messages in (("CLIENT_SHAPES", client), ("SERVER_SHAPES", server)):
        rows = "\n".join(f"  {quote(m.name)}: {shape_name(m.name)}," for m in messages)
        parts.append(f"const {name}: {{ readonly [type: string]: Shape }} = {{\n{rows}\n}};\n")
    for body in sorted({b.name for b in bodies}):
        parts.append(f"""/** Checks {body}: {schema.objects[body].why}. Throws DecodeError. */
export function decode{pascal(body)}(value: unknown): {pascal(body)} {{
  decodeBody({shape_name(body)}, value);
  return value as {pascal(body)};
}}
""")
    return "\n".join(parts)
