/* What the front door says about messages: their fields, and why one was refused. */
#include "front_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "front_line.h"

enum { FRONT_DESCRIBED_DEPTH = 2 /* objects inside objects are told by their name */ };

front_text_t
front_text_to(char *text, size_t size)
{
    text[0] = '\0';
    return (front_text_t){.text = text, .size = size};
}

void
front_text_add(front_text_t *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(self->text + self->used, self->size - self->used, format, arguments);
    va_end(arguments);
    size_t left = self->size - self->used - 1;
    self->used += length < 0 ? 0 : (size_t)length < left ? (size_t)length : left;
}

static void front_add_fields(front_text_t *out, const codec_type_t *type, int depth);

/* What one value of a field may be. */
static void
front_add_value(front_text_t *out, const codec_field_t *field, int depth)
{
    static const char *const patterns[] = {[CODEC_PATTERN_ANY] = "",
                                           [CODEC_PATTERN_ID] = " of letters, digits, - and _",
                                           [CODEC_PATTERN_KEY] = " of letters, digits, -, _ and /",
                                           [CODEC_PATTERN_TEXT] = " of printable ASCII"};
    switch ((codec_field_kind_t)field->kind) {
    case CODEC_FIELD_BOOL:
        front_text_add(out, "true or false");
        return;
    case CODEC_FIELD_INT:
        front_text_add(out, "whole number %" PRId64 " to %" PRId64, field->int_min, field->int_max);
        return;
    case CODEC_FIELD_NUMBER:
        front_text_add(out, "number %g to %g", field->number_min, field->number_max);
        return;
    case CODEC_FIELD_STRING:
        front_text_add(out, "string of %u to %u characters%s", field->length_min, field->length_max,
                       patterns[field->pattern]);
        return;
    case CODEC_FIELD_ENUM:
        for (uint32_t i = 0; i < field->names_count; i++) {
            front_text_add(out, "%s\"%s\"", i == 0 ? "" : "|", field->names[i]);
        }
        return;
    case CODEC_FIELD_BYTES:
    case CODEC_FIELD_BLOB:
        front_text_add(out, "base64 of at most %u bytes", field->length_max);
        return;
    case CODEC_FIELD_OBJECT:
        if (depth == 0) {
            front_text_add(out, "%s", field->type->name);
            return;
        }
        front_text_add(out, "{");
        front_add_fields(out, field->type, depth - 1);
        front_text_add(out, "}");
        return;
    }
}

static void
front_add_field(front_text_t *out, const codec_field_t *field, int depth)
{
    if (field->list) {
        front_text_add(out, "list of %u to %u: ", field->list_min, field->list_max);
    }
    front_add_value(out, field, depth);
}

static void
front_add_fields(front_text_t *out, const codec_type_t *type, int depth)
{
    for (uint32_t i = 0; i < type->fields_count; i++) {
        const codec_field_t *field = &type->fields[i];
        front_text_add(out, "%s%s%s: ", i == 0 ? "" : ", ", field->name, field->optional ? " (optional)" : "");
        front_add_field(out, field, depth);
    }
}

void
front_describe(msg_type_t type, char *text, size_t size)
{
    front_text_t out = front_text_to(text, size);
    front_add_fields(&out, msg_infos[type].type, FRONT_DESCRIBED_DEPTH);
}

/* The field of that name, also inside objects; NULL: there is none. */
static const codec_field_t *
front_field(const codec_type_t *type, const char *name, int depth)
{
    const codec_field_t *found = NULL;
    for (uint32_t i = 0; i < type->fields_count && found == NULL; i++) {
        const codec_field_t *field = &type->fields[i];
        if (strcmp(field->name, name) == 0) {
            return field;
        }
        if (field->kind == CODEC_FIELD_OBJECT && depth > 0) {
            found = front_field(field->type, name, depth - 1);
        }
    }
    return found;
}

void
front_explain_fault(msg_type_t type, const codec_fault_t *fault, char *why, size_t size)
{
    front_text_t out = front_text_to(why, size);
    const codec_type_t *table = msg_infos[type].type;
    front_text_add(&out, "%s: ", msg_infos[type].name);
    if (*fault->field != '\0') {
        front_text_add(&out, "field '%s': ", fault->field);
    }
    front_text_add(&out, "%s", codec_error_text(fault->error));
    const codec_field_t *field = *fault->field != '\0' && fault->error != CODEC_UNKNOWN
                                     ? front_field(table, fault->field, CODEC_DEPTH_MAX)
                                     : NULL;
    if (field != NULL) {
        front_text_add(&out, "; expected ");
        front_add_field(&out, field, 0);
    } else if (table->fields_count == 0) {
        front_text_add(&out, "; expected {}, it has no fields");
    } else {
        front_text_add(&out, "; expected {");
        front_add_fields(&out, table, 0);
        front_text_add(&out, "}");
    }
}
