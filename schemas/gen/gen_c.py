"""Writes msg.h, msg.c and send.h."""

from model import snake

NOTICE = "/* Generated from schemas/ by schemas/gen/generate.py; do not edit. */\n"
KINDS = {"bool": "bool", "int": "int64_t", "number": "double"}


def comment(text):
    return f" /* {text.replace('*/', '* /')} */" if text else ""


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_type(schema, field):
    if field.kind == "enum":
        return schema.enums[field.ref].c_type
    if field.kind == "object":
        return schema.objects[field.ref].c_type
    return KINDS.get(field.kind)


def member_lines(schema, field):
    lines, name, why = [], field.member, comment(field.why)
    if field.optional:
        lines.append(f"bool has_{name};")
    if field.list or field.kind == "bytes":
        lines.append(f"uint32_t {name}_len;")
    dimension = f"[{field.list_max}]" if field.list else ""
    if field.kind == "string":
        lines.append(f"char {name}{dimension}[{field.capacity}];{why}")
    elif field.kind == "bytes":
        lines.append(f"uint8_t {name}[{field.max}];{why}")
    elif field.kind == "blob":
        lines.append(f"blob_t *{name};{why}")
    else:
        lines.append(f"{c_type(schema, field)} {name}{dimension};{why}")
    return lines


def struct_text(schema, struct):
    lines = [f"/* {struct.name}: {struct.why} */", f"typedef struct {struct.c_type[:-2]} {{"]
    for field in struct.fields:
        lines += ["    " + line for line in member_lines(schema, field)]
    if not struct.fields:
        lines.append("    char unused_;")
    return "\n".join(lines + [f"}} {struct.c_type};", ""])


def enum_text(enum):
    head = enum.ident
    tag = enum.c_type[:-2]
    names = [enum.constant(v) for v in enum.values] + [f"{head.upper()}_COUNT"]
    lines = [f"/* {enum.name}: {enum.why} */", f"typedef enum {tag} {{"]
    lines += [f"    {name}," for name in names]
    count = names[-1]
    lines += [f"}} {enum.c_type};", f"extern const char *const {head}_names[{count}];"]
    for _, kind, suffix in enum_columns(enum):
        lines.append(f"extern const {kind}{head}_{suffix}[{count}];")
    return "\n".join(lines + [""])


def enum_columns(enum):
    """(key of a row, C type, suffix of the table) for the tables that errors, reasons and close codes have."""
    if not enum.rows:
        return []
    columns = [("text", "char *const ", "texts"), ("transient", "bool ", "transient")]
    row = next(iter(enum.rows.values()))
    if "http" in row:
        columns.append(("http", "uint16_t ", "http"))
    if "code" in row:
        columns.append(("code", "uint16_t ", "numbers"))
    return columns


def enum_tables(enum):
    head, count = enum.ident, f"{enum.ident.upper()}_COUNT"
    lines = [f"const char *const {head}_names[{count}] = {{"]
    lines += [f"    [{enum.constant(v)}] = {quote(v)}," for v in enum.values] + ["};"]
    for key, kind, suffix in enum_columns(enum):
        lines.append(f"const {kind}{head}_{suffix}[{count}] = {{")
        for value in enum.values:
            cell = enum.rows[value][key]
            text = quote(cell) if key == "text" else str(cell).lower()
            lines.append(f"    [{enum.constant(value)}] = {text},")
        lines.append("};")
    return "\n".join(lines + [""])


def kind_enum(schema):
    kinds = ["NONE"] + [a.upper() for a in sorted(schema.actors)] + ["FRONT"]
    lines = ["typedef enum act_kind_id {"] + [f"    ACT_KIND_{k}," for k in kinds]
    return "\n".join(lines + ["    ACT_KIND_COUNT,", "} act_kind_id_t;",
                              '_Static_assert(ACT_KIND_COUNT <= 32, "kinds are bits of msg_info_t.heard_by");',
                              "extern const char *const act_kind_names[ACT_KIND_COUNT];", ""])


def inbox_enum(schema, actor):
    lines = [f"/* All that {actor} can hear. */", f"typedef enum {actor}_inbox {{"]
    for message in schema.inbox(actor):
        name = message.name.split(".")[1] if message.actor == actor and not message.is_answer else message.ident
        lines.append(f"    {actor.upper()}_INBOX_{snake(name).upper()} = {message.constant},")
    return "\n".join(lines + [f"}} {actor}_inbox_t;", ""])


def header(schema):
    structs = list(schema.objects.values())
    messages = list(schema.messages.values())
    parts = [NOTICE + '#ifndef PLAYHOUSE_MSG_H\n#define PLAYHOUSE_MSG_H\n\n#include "codec.h"\n']
    parts += [enum_text(e) for e in schema.enums.values()]
    parts += [struct_text(schema, s) for s in structs + messages]
    lines = ["typedef enum msg_type {", "    MSG_NONE,"] + [f"    {m.constant}," for m in messages]
    parts.append("\n".join(lines + ["    MSG_COUNT,", "} msg_type_t;", ""]))
    parts.append(kind_enum(schema))
    parts += [inbox_enum(schema, actor) for actor in sorted(schema.actors)]
    answers_max = max(len(m.answers) for m in messages)
    parts.append(f"enum {{ MSG_ANSWERS_MAX = {answers_max} }};\n")
    parts.append("""typedef struct msg_info {
    const char *name;
    const codec_type_t *type;
    act_kind_id_t kind; /* whom it is addressed to; none for client messages, answers and what the runtime says */
    bool asks;          /* has answers */
    msg_type_t answers[MSG_ANSWERS_MAX]; /* which; the rest are MSG_NONE */
    bool answer;        /* goes back to an asker, or to an address kept from an earlier message */
    bool addressed;     /* may go, unasked, to an address kept from an earlier message */
    bool masked;        /* some field is never shown by tools or logs */
    uint32_t heard_by;  /* the kinds that it can reach: bits of act_kind_id_t */
} msg_info_t;
extern const msg_info_t msg_infos[MSG_COUNT]; /* row MSG_NONE has no type */

/* MSG_NONE if there is no such message. */
msg_type_t msg_type_find(const char *name, size_t length);
/* May `asked` be answered so? act.no_answer, which the runtime says, is no message's own. */
bool msg_answers(msg_type_t asked, msg_type_t answer);
/* A codec_find_fn of the messages that clients may send. */
const codec_type_t *msg_find_client_in(const char *name, size_t length, uint32_t *type);
""")
    parts.append("\n".join(f"extern const codec_type_t type_{s.ident};" for s in structs + messages) + "\n")
    for union, constant, members in (("msg_any", "MSG_BODY_MAX", messages),
                                     ("msg_client_in", "MSG_CLIENT_IN_MAX", [m for m in messages if m.direction == "in"])):
        lines = [f"union {union} {{"] + [f"    {m.c_type} {m.ident};" for m in members]
        parts.append("\n".join(lines + ["};", f"enum {{ {constant} = sizeof(union {union}) }};", ""]))
    return "\n".join(parts + ["#endif\n"])


def has_blobs(schema, struct):
    return any(f.kind == "blob" or (f.kind == "object" and has_blobs(schema, schema.objects[f.ref]))
               for f in struct.fields)


def is_masked(schema, struct):
    return any(f.mask or (f.kind == "object" and is_masked(schema, schema.objects[f.ref])) for f in struct.fields)


def number(value):
    return repr(float(value))


def integer(value):
    return f"INT64_C({int(value)})"


def field_row(schema, struct, field):
    owner, name = struct.c_type, field.member
    element = f"(({owner} *)0)->{name}" + ("[0]" if field.list else "")
    cells = [f".name = {quote(field.name)}", f".name_length = {len(field.name)}",
             f".kind = CODEC_FIELD_{field.kind.upper()}", f".offset = offsetof({owner}, {name})",
             f".element_size = sizeof({element})"]
    if field.optional:
        cells += [".optional = true", f".has_offset = offsetof({owner}, has_{name})"]
    if field.mask:
        cells.append(".mask = true")
    if field.list or field.kind == "bytes":
        cells.append(f".count_offset = offsetof({owner}, {name}_len)")
    if field.list:
        cells += [".list = true", f".list_min = {field.list_min}", f".list_max = {field.list_max}"]
    if field.kind == "int":
        cells += [f".int_min = {integer(field.min)}", f".int_max = {integer(field.max)}"]
    elif field.kind == "number":
        cells += [f".number_min = {number(field.min)}", f".number_max = {number(field.max)}"]
    elif field.kind in ("string", "bytes", "blob"):
        cells += [f".length_min = {field.min}", f".length_max = {field.max}"]
        cells.append(f".pattern = CODEC_PATTERN_{field.pattern.upper()}")
    elif field.kind == "enum":
        enum = schema.enums[field.ref]
        cells += [f".names = {enum.ident}_names", f".names_count = {enum.ident.upper()}_COUNT"]
    elif field.kind == "object":
        cells.append(f".type = &type_{schema.objects[field.ref].ident}")
    return "    {" + ",\n     ".join(cells) + "},"


def type_table(schema, struct):
    lines = []
    if struct.fields:
        lines.append(f"static const codec_field_t fields_{struct.ident}[] = {{")
        lines += [field_row(schema, struct, f) for f in struct.fields] + ["};"]
    lines.append(f"const codec_type_t type_{struct.ident} = {{")
    lines.append(f"    .name = {quote(struct.name)},\n    .size = sizeof({struct.c_type}),")
    if struct.fields:
        lines.append(f"    .fields_count = {len(struct.fields)},\n    .fields = fields_{struct.ident},")
    if has_blobs(schema, struct):
        lines.append("    .has_blobs = true,")
    return "\n".join(lines + ["};", ""])


def hash_name(name, seed):
    value = seed
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value >> 20  # 12 bits


def name_table(schema):
    """A hash table without collisions, so that finding a name is one hash and one comparison."""
    names = [m.name for m in schema.messages.values()]
    seed = next((s for s in range(1, 1 << 20) if len({hash_name(n, s) for n in names}) == len(names)), None)
    if seed is None:
        raise SystemExit("generate.py: too many messages for the name table of 4096 places")
    rows = sorted((hash_name(m.name, seed), m.constant) for m in schema.messages.values())
    lines = ["/* No two names share a place; see hash_name in gen_c.py. */", "static const uint16_t msg_places[4096] = {"]
    lines += [f"    [{place}] = {constant}," for place, constant in rows]
    return "\n".join(lines + ["};", ""]) + f"""
msg_type_t
msg_type_find(const char *name, size_t length)
{{
    msg_type_t type = (msg_type_t)msg_places[fnv32_bytes({seed}u, name, length) >> 20];
    const char *found = msg_infos[type].name;
    return strlen(found) == length && memcmp(found, name, length) == 0 ? type : MSG_NONE;
}}
"""


def source(schema):
    messages = list(schema.messages.values())
    parts = [NOTICE + '#include "msg.h"\n\n#include <string.h>\n\n#include "fnv.h"\n']
    parts += [enum_tables(e) for e in schema.enums.values()]
    parts += [type_table(schema, s) for s in list(schema.objects.values()) + messages]
    kinds = ["none"] + sorted(schema.actors) + ["front"]
    lines = ["const char *const act_kind_names[ACT_KIND_COUNT] = {"]
    parts.append("\n".join(lines + [f"    [ACT_KIND_{k.upper()}] = {quote(k)}," for k in kinds] + ["};", ""]))
    lines = ["const msg_info_t msg_infos[MSG_COUNT] = {", '    [MSG_NONE] = {.name = ""},']
    inboxes = {actor: {m.name for m in schema.inbox(actor)} for actor in sorted(schema.actors)}
    for message in messages:
        answer = message.is_answer or bool(message.to)
        cells = [f".name = {quote(message.name)}", f".type = &type_{message.ident}"]
        if message.actor and not answer:
            cells.append(f".kind = ACT_KIND_{message.actor.upper()}")
        if message.answers:
            cells += [".asks = true", f".answers = {{{', '.join(schema.messages[a].constant for a in message.answers)}}}"]
        cells += [".answer = true"] * answer + [".addressed = true"] * bool(message.to)
        cells += [".masked = true"] * is_masked(schema, message)
        hearers = [actor for actor, names in inboxes.items() if message.name in names]
        hearers += ["front"] * (message.is_answer or message.name == "act.no_answer")
        if hearers:
            cells.append(".heard_by = " + " | ".join(f"1u << ACT_KIND_{h.upper()}" for h in hearers))
        lines.append(f"    [{message.constant}] = {{{', '.join(cells)}}},")
    parts.append("\n".join(lines + ["};", ""]))
    parts.append(name_table(schema))
    lines = [f"    case {m.constant}:" for m in messages if m.direction == "in"]
    parts.append("""bool
msg_answers(msg_type_t asked, msg_type_t answer)
{
    for (int i = 0; answer != MSG_NONE && i < MSG_ANSWERS_MAX; i++) {
        if (msg_infos[asked].answers[i] == answer) {
            return true;
        }
    }
    return false;
}
""")
    parts.append("""const codec_type_t *
msg_find_client_in(const char *name, size_t length, uint32_t *type)
{
    msg_type_t found = msg_type_find(name, length);
    switch ((int)found) {
""" + "\n".join(lines) + """
        *type = found;
        return msg_infos[found].type;
    default:
        return NULL;
    }
}
""")
    return "\n".join(parts)


def senders(schema):
    parts = [NOTICE + '#ifndef PLAYHOUSE_SEND_H\n#define PLAYHOUSE_SEND_H\n\n#include "act.h"\n']
    for m in schema.messages.values():
        if not m.actor:
            continue
        if m.is_answer:
            parts.append(f"""static inline void
reply_{m.ident}(act_ctx_t *ctx, const msg_t *request, const {m.c_type} *body)
{{
    act_reply(ctx, request, {m.constant}, body);
}}
""")
            continue
        parts.append(f"""static inline bool
send_to_{m.ident}(act_ctx_t *ctx, const act_addr_t *to, const {m.c_type} *body)
{{
    return act_send_to(ctx, to, {m.constant}, body);
}}
""")
        if m.to or m.actor == "gateway":
            continue
        parts.append(f"""static inline bool
send_{m.ident}(act_ctx_t *ctx, const char *key, const {m.c_type} *body)
{{
    return act_send(ctx, {m.constant}, key, body);
}}
""")
        if m.answers:
            for to, argument in ("", "const char *key"), ("_to", "const act_addr_t *to"):
                name = f"request{to}_{m.ident}"
                parts.append(f"""static inline void
{name}(act_ctx_t *ctx, {argument}, const {m.c_type} *body, act_usec_t timeout,
{' ' * (len(name) + 1)}uint64_t context)
{{
    act_request{to}(ctx, {m.constant if not to else f"to, {m.constant}"}{", key" if not to else ""}, body, timeout, context);
}}
""")
    return "\n".join(parts + ["#endif\n"])
