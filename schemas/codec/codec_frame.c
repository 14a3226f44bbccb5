#include "codec_internal.h"

void
codec_frame_open(codec_frame_t *frame, codec_format_t format, const uint8_t *data, size_t length)
{
    *frame = (codec_frame_t){.format = format, .data = length > 0 ? data : codec_nothing, .length = length};
}

codec_error_t
codec_message_find(codec_reader_t *in, codec_find_fn find, const codec_word_t *name, uint32_t *type, size_t capacity,
                   const codec_type_t **table)
{
    in->field = "type";
    *table = find(name->text, name->length, type);
    if (*table == NULL) {
        *type = 0;
        return CODEC_UNKNOWN;
    }
    return (*table)->size > capacity ? CODEC_SIZE : CODEC_OK;
}

static bool
codec_is_fatal(codec_error_t error)
{
    return error == CODEC_SYNTAX || error == CODEC_DEPTH || error == CODEC_SIZE;
}

static int
codec_frame_refuse(codec_frame_t *frame, codec_fault_t *fault, codec_error_t error, const char *field)
{
    bool fatal = codec_is_fatal(error);
    frame->done |= fatal;
    *fault = (codec_fault_t){error, fatal || field == NULL ? "" : field};
    return -1;
}

/* The "actionId" of a message that was read. */
static uint64_t
codec_frame_action(const codec_type_t *type, const void *body)
{
    for (uint32_t i = 0; i < type->fields_count; i++) {
        const codec_field_t *field = &type->fields[i];
        if (field->name_length == 8 && field->kind == CODEC_FIELD_INT && !field->list &&
            memcmp(field->name, "actionId", 8) == 0) {
            int64_t value = 0;
            memcpy(&value, (const char *)body + field->offset, sizeof value);
            return (uint64_t)value;
        }
    }
    return 0;
}

int
codec_frame_next(codec_frame_t *frame, codec_find_fn find, uint32_t *type, void *body, size_t capacity,
                 uint64_t *action_id, codec_fault_t *fault)
{
    bool json = frame->format == CODEC_JSON;
    *type = 0;
    *action_id = 0;
    *fault = (codec_fault_t){CODEC_OK, ""};
    if (frame->done) {
        return 0;
    }
    codec_error_t error = json ? codec_json_step(frame) : codec_msgpack_step(frame);
    if (error != CODEC_OK) {
        return codec_frame_refuse(frame, fault, error, NULL);
    }
    if (frame->done) {
        return 0;
    }
    if (++frame->seen > CODEC_FRAME_MESSAGES_MAX) {
        return codec_frame_refuse(frame, fault, CODEC_SIZE, NULL);
    }
    const codec_type_t *table = NULL;
    codec_reader_t in = {frame->data + frame->at, frame->data + frame->length, NULL};
    codec_reader_t whole = in;
    error = json ? codec_json_message(&in, find, type, body, capacity, &table)
                 : codec_msgpack_message(&in, find, type, body, capacity, &table);
    if (error == CODEC_OK) {
        frame->at = (size_t)(in.at - frame->data);
        *action_id = codec_frame_action(table, body);
        return 1;
    }
    if (table != NULL && error != CODEC_SIZE) {
        codec_release(table, body);
    }
    /* Where the next message begins is found by passing over the whole of this one. */
    codec_error_t skip = json ? codec_json_skip(&whole, 0, action_id) : codec_msgpack_skip(&whole, 0, action_id);
    frame->at = (size_t)(whole.at - frame->data);
    return codec_frame_refuse(frame, fault, skip != CODEC_OK ? skip : error, in.field);
}
