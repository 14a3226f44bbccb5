#include "front_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "front_text.h"
#include "nearest.h"

static const char front_expected[] =
    "expected one line: KIND KEY TYPE JSON, with - for an empty key, for example: room plaza/main room.peek {}";
static const char front_help[] =
    "one line puts a message in: KIND KEY TYPE JSON, with - for an empty key, for example: room plaza/main room.peek "
    "{}. Questions: kinds; types KIND, for example: types room; help TYPE, for example: help room.peek. "
    "docs/front-door.md says more";

typedef struct front_word {
    const char *at;
    size_t length;
} front_word_t;

/* Cuts the next word off; its length is 0 when there is none. */
static front_word_t
front_word(front_word_t *rest)
{
    while (rest->length > 0 && *rest->at == ' ') {
        rest->at++;
        rest->length--;
    }
    front_word_t word = {.at = rest->at};
    while (rest->length > 0 && *rest->at != ' ') {
        rest->at++;
        rest->length--;
        word.length++;
    }
    return word;
}

static bool
word_is(front_word_t word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

/* A word as it may be said back. */
static const char *
word_shown(front_word_t word, char out[64])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
    bool shown = word.length <= FRONT_WORD_SHOWN;
    for (size_t i = 0; i < word.length && shown; i++) {
        shown = word.at[i] != '\0' && strchr(plain, word.at[i]) != NULL;
    }
    if (shown) {
        snprintf(out, 64, "'%.*s'", (int)word.length, word.at);
    } else {
        snprintf(out, 64, "a word of %zu bytes", word.length);
    }
    return out;
}

static act_kind_id_t
word_kind(front_word_t word)
{
    for (int i = 1; i < ACT_KIND_COUNT; i++) {
        if (word_is(word, act_kind_names[i])) {
            return (act_kind_id_t)i;
        }
    }
    return ACT_KIND_NONE;
}

static bool
type_is_for(msg_type_t type, act_kind_id_t kind)
{
    return msg_infos[type].kind == kind && !msg_infos[type].answer;
}

/* "; did you mean ...?" among the kinds, or among the types of a kind (ACT_KIND_NONE: of all). */
static void
word_hint(front_word_t word, bool kinds, act_kind_id_t kind, char *hint, size_t size)
{
    char text[FRONT_WORD_SHOWN + 1];
    snprintf(text, sizeof text, "%.*s", (int)(word.length < sizeof text ? word.length : sizeof text - 1), word.at);
    nearest_t nearest = nearest_start(text);
    for (int i = 1; i < (kinds ? ACT_KIND_COUNT : MSG_COUNT); i++) {
        if (kinds) {
            nearest_offer(&nearest, act_kind_names[i]);
        } else if (msg_infos[i].kind != ACT_KIND_NONE && (kind == ACT_KIND_NONE || msg_infos[i].kind == kind)) {
            nearest_offer(&nearest, msg_infos[i].name);
        }
    }
    nearest_hint(&nearest, hint, size);
}

/* ---- questions ---- */

static front_line_outcome_t
front_list_kinds(front_line_t *line)
{
    front_text_t out = front_text_to(line->text, sizeof line->text);
    front_text_add(&out, "kinds that hear messages:");
    for (int i = 1; i < ACT_KIND_COUNT; i++) {
        if (i != ACT_KIND_FRONT) {
            front_text_add(&out, " %s", act_kind_names[i]);
        }
    }
    return FRONT_LINE_EXPLAINED;
}

static front_line_outcome_t
front_list_types(front_line_t *line, front_word_t word)
{
    char shown[64], hint[2 * NEAREST_WORD_CAP] = "";
    act_kind_id_t kind = word_kind(word);
    front_text_t out = front_text_to(line->text, sizeof line->text);
    if (kind == ACT_KIND_NONE) {
        word_hint(word, true, kind, hint, sizeof hint);
        front_text_add(&out, "there is no kind %s%s; expected: types KIND, for example: types room",
                       word_shown(word, shown), hint);
        return FRONT_LINE_FAULT;
    }
    front_text_add(&out, "%s hears:", act_kind_names[kind]);
    for (int i = 1; i < MSG_COUNT; i++) {
        if (type_is_for((msg_type_t)i, kind)) {
            front_text_add(&out, " %s", msg_infos[i].name);
        }
    }
    return FRONT_LINE_EXPLAINED;
}

static front_line_outcome_t
front_explain_type(front_line_t *line, front_word_t word)
{
    char shown[64], hint[2 * NEAREST_WORD_CAP] = "";
    msg_type_t type = msg_type_find(word.at, word.length);
    front_text_t out = front_text_to(line->text, sizeof line->text);
    if (type == MSG_NONE) {
        word_hint(word, false, ACT_KIND_NONE, hint, sizeof hint);
        front_text_add(&out, "no message has the type %s%s; docs/protocol.md lists them", word_shown(word, shown),
                       hint);
        return FRONT_LINE_FAULT;
    }
    char fields[FRONT_EXPLAINED_MAX / 2];
    front_describe(type, fields, sizeof fields);
    front_text_add(&out, "%s {%s}%s", msg_infos[type].name, fields, msg_infos[type].asks ? ", answered" : "");
    return FRONT_LINE_EXPLAINED;
}

/* True: the line was a question. */
static bool
front_question(front_line_t *line, front_word_t first, front_word_t second, front_line_outcome_t *outcome)
{
    if (word_is(first, "help") && second.length == 0) {
        snprintf(line->text, sizeof line->text, "%s", front_help);
        *outcome = FRONT_LINE_EXPLAINED;
    } else if (word_is(first, "kinds") && second.length == 0) {
        *outcome = front_list_kinds(line);
    } else if (word_is(first, "types") && second.length > 0) {
        *outcome = front_list_types(line, second);
    } else if (word_is(first, "help")) {
        *outcome = front_explain_type(line, second);
    } else {
        return false;
    }
    return true;
}

/* ---- messages ---- */

bool
front_key_is_good(const char *key)
{
    size_t length = 0;
    for (; key[length] != '\0'; length++) {
        if (key[length] <= ' ' || key[length] > '~' || length == ACT_KEY_MAX) {
            return false;
        }
    }
    return true;
}

bool
front_type_is_heard(msg_type_t type, char *why, size_t size)
{
    const msg_info_t *info = &msg_infos[type];
    if (info->kind == ACT_KIND_NONE || info->answer) {
        snprintf(why, size, "no actor hears messages of the type %s: it is %s", info->name,
                 info->answer ? "an answer" : "for clients, or of the runtime");
        return false;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static front_line_outcome_t
front_fault(front_line_t *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    return FRONT_LINE_FAULT;
}

/* The head of a message: kind, key and type. */
static front_line_outcome_t
front_read_head(front_line_t *line, front_word_t kind, front_word_t key, front_word_t name)
{
    char shown[64], hint[2 * NEAREST_WORD_CAP] = "";
    act_kind_id_t id = word_kind(kind);
    line->type = msg_type_find(name.at, name.length);
    if (id == ACT_KIND_NONE) {
        word_hint(kind, true, id, hint, sizeof hint);
        return front_fault(line, "there is no kind %s%s; %s", word_shown(kind, shown), hint, front_expected);
    }
    if (name.length == 0) {
        return front_fault(line, "understood kind '%s'%s, but there is no type; %s", act_kind_names[id],
                           key.length > 0 ? " and a key" : "", front_expected);
    }
    if (line->type == MSG_NONE) {
        word_hint(name, false, id, hint, sizeof hint);
        return front_fault(line, "understood kind '%s' and a key, but no message has the type %s%s; ask: types %s",
                           act_kind_names[id], word_shown(name, shown), hint, act_kind_names[id]);
    }
    const msg_info_t *info = &msg_infos[line->type];
    char why[160];
    if (!front_type_is_heard(line->type, why, sizeof why)) {
        return front_fault(line, "%s; ask: types %s", why, act_kind_names[id]);
    }
    if (info->kind != id) {
        return front_fault(line, "%s is not for the kind '%s': its first word names the kind, %s", info->name,
                           act_kind_names[id], act_kind_names[info->kind]);
    }
    size_t length = word_is(key, "-") ? 0 : key.length;
    snprintf(line->key, sizeof line->key, "%.*s", (int)(length < sizeof line->key ? length : 0), key.at);
    if (length > ACT_KEY_MAX || !front_key_is_good(line->key)) {
        return front_fault(line, "the key is %zu bytes: expected at most %d, printable ASCII", length, ACT_KEY_MAX);
    }
    return FRONT_LINE_MESSAGE;
}

front_line_outcome_t
front_line_read(const char *data, size_t length, front_line_t *line, void *body)
{
    *line = (front_line_t){.type = MSG_NONE};
    while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r')) {
        length--;
    }
    if (length > 0 && (memchr(data, '\0', length) || memchr(data, '\n', length) || memchr(data, '\r', length))) {
        return front_fault(line, "a request is one line: it holds a line's end or a NUL; %s", front_expected);
    }
    front_word_t rest = {.at = length > 0 ? data : "", .length = length};
    front_word_t kind = front_word(&rest), key = front_word(&rest), name = front_word(&rest);
    front_line_outcome_t outcome;
    if (kind.length == 0) {
        return front_fault(line, "the line is empty; %s; or ask: help", front_expected);
    }
    if (front_question(line, kind, key, &outcome)) {
        return outcome;
    }
    outcome = front_read_head(line, kind, key, name);
    if (outcome != FRONT_LINE_MESSAGE) {
        return outcome;
    }
    codec_fault_t fault;
    while (rest.length > 0 && *rest.at == ' ') {
        rest.at++;
        rest.length--;
    }
    front_word_t json = rest.length > 0 ? rest : (front_word_t){.at = "{}", .length = 2};
    if (codec_decode(CODEC_JSON, msg_infos[line->type].type, (const uint8_t *)json.at, json.length, body, &fault) !=
        CODEC_OK) {
        front_explain_fault(line->type, &fault, line->text, sizeof line->text);
        return FRONT_LINE_FAULT;
    }
    return FRONT_LINE_MESSAGE;
}
