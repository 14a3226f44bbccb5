/* Vectors: what every codec of ours must read and write (golden), and what it must refuse, and how (invalid, generated
 * from the schemas: each rule of each field). Arguments: invalid_vectors.json golden.json */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"

enum { BYTES_CAP = 1 << 18 };

static const char *invalid_path, *golden_path;
static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX];

static json_t *
vectors_load(const char *path)
{
    json_error_t error;
    json_t *page = json_load_file(path, 0, &error);
    if (page == NULL) {
        fail_msg("cannot read %s: %s, line %d", path, error.text, error.line);
    }
    return page;
}

static size_t
hex_read(const char *hex, uint8_t *out)
{
    size_t length = strlen(hex) / 2;
    assert_true(length <= BYTES_CAP);
    for (size_t i = 0; i < length; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return length;
}

/* The bytes of a vector in an allocation of just their size, so that reading past the end is seen. NULL: no form. */
static uint8_t *
vector_bytes(json_t *vector, codec_format_t format, size_t *length)
{
    static uint8_t bytes[BYTES_CAP];
    const char *text = json_string_value(json_object_get(vector, "json"));
    const char *hex = json_string_value(json_object_get(vector, format == CODEC_JSON ? "jsonHex" : "msgpack"));
    if (format == CODEC_JSON && text != NULL) {
        *length = strlen(text);
        assert_true(*length <= BYTES_CAP);
        memcpy(bytes, text, *length);
    } else if (hex != NULL) {
        *length = hex_read(hex, bytes);
    } else {
        return NULL;
    }
    uint8_t *exact = malloc(*length > 0 ? *length : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, *length);
    return exact;
}

static const msg_info_t *
vector_info(json_t *vector, msg_type_t *type)
{
    const char *name = json_string_value(json_object_get(vector, "message"));
    *type = msg_type_find(name, strlen(name));
    assert_int_not_equal(*type, MSG_NONE);
    return &msg_infos[*type];
}

static bool
is_client_message(msg_type_t type)
{
    return strncmp(msg_infos[type].name, "event.", 6) == 0 || strncmp(msg_infos[type].name, "intent.", 7) == 0 ||
           strncmp(msg_infos[type].name, "session.", 8) == 0 || type == MSG_QUEUE_WATCH;
}

static const codec_type_t *
find_any_client(const char *name, size_t length, uint32_t *type)
{
    msg_type_t found = msg_type_find(name, length);
    *type = found;
    return found != MSG_NONE && is_client_message(found) ? msg_infos[found].type : NULL;
}

static codec_error_t
refusal(codec_format_t format, msg_type_t type, const uint8_t *data, size_t length, codec_fault_t *fault)
{
    if (!is_client_message(type)) {
        return codec_decode(format, msg_infos[type].type, data, length, body, fault);
    }
    codec_frame_t frame;
    uint32_t found = 0;
    uint64_t action_id = 0;
    codec_frame_open(&frame, format, data, length);
    int result = codec_frame_next(&frame, find_any_client, &found, body, sizeof body, &action_id, fault);
    return result == 1 ? CODEC_OK : fault->error;
}

static const char *const error_words[] = {
    [CODEC_OK] = "OK",     [CODEC_SYNTAX] = "SYNTAX",   [CODEC_TYPE] = "TYPE",           [CODEC_REQUIRED] = "REQUIRED",
    [CODEC_ENUM] = "ENUM", [CODEC_RANGE] = "RANGE",     [CODEC_LENGTH] = "LENGTH",       [CODEC_PATTERN] = "PATTERN",
    [CODEC_UTF8] = "UTF8", [CODEC_UNKNOWN] = "UNKNOWN", [CODEC_DUPLICATE] = "DUPLICATE", [CODEC_DEPTH] = "DEPTH",
    [CODEC_SIZE] = "SIZE",
};

static size_t
check_invalid(json_t *vector, codec_format_t format)
{
    size_t length = 0;
    msg_type_t type = MSG_NONE;
    uint8_t *data = vector_bytes(vector, format, &length);
    if (data == NULL) {
        return 0;
    }
    vector_info(vector, &type);
    codec_fault_t fault;
    codec_error_t error = refusal(format, type, data, length, &fault);
    const char *rule = json_string_value(json_object_get(vector, "rule"));
    const char *wanted = json_string_value(json_object_get(vector, "error"));
    const char *field = json_string_value(json_object_get(vector, "field"));
    if (strcmp(error_words[error], wanted) != 0 || (error != CODEC_OK && strcmp(fault.field, field) != 0)) {
        fail_msg("%s, %s, %s: wanted %s of '%s', got %s of '%s'", msg_infos[type].name, rule,
                 format == CODEC_JSON ? "JSON" : "msgpack", wanted, field, error_words[error], fault.field);
    }
    free(data);
    return 1;
}

static void
every_breach_of_every_rule_is_refused_by_name(void **state)
{
    (void)state;
    json_t *page = vectors_load(invalid_path), *vector;
    size_t index, checked = 0;
    json_array_foreach(json_object_get(page, "vectors"), index, vector)
    {
        checked += check_invalid(vector, CODEC_JSON) + check_invalid(vector, CODEC_MSGPACK);
    }
    assert_true(checked > 5000);
    json_decref(page);
}

/* Decodes what `from` says, and encodes it as `to`. */
static void
check_golden(json_t *vector, codec_format_t from, codec_format_t to)
{
    msg_type_t type = MSG_NONE;
    const msg_info_t *info = vector_info(vector, &type);
    size_t length = 0, wanted_length = 0;
    uint8_t *data = vector_bytes(vector, from, &length), *wanted = vector_bytes(vector, to, &wanted_length);
    codec_fault_t fault;
    if (refusal(from, type, data, length, &fault) != CODEC_OK) {
        fail_msg("%s: %s in '%s'", json_string_value(json_object_get(vector, "name")), codec_error_text(fault.error),
                 fault.field);
    }
    const char *tag = is_client_message(type) ? info->name : NULL;
    uint8_t *out = malloc(BYTES_CAP);
    size_t written = codec_encode(to, info->type, tag, body, out, BYTES_CAP);
    assert_int_equal(written, wanted_length);
    assert_memory_equal(out, wanted, wanted_length);
    assert_int_equal(codec_encode(to, info->type, tag, body, out, written), written);
    assert_int_equal(codec_encode(to, info->type, tag, body, out, written - 1), 0);
    codec_release(info->type, body);
    free(out);
    free(data);
    free(wanted);
}

static void
golden_bytes_are_read_and_written_in_both_formats(void **state)
{
    (void)state;
    json_t *page = vectors_load(golden_path), *vector;
    size_t index;
    json_array_foreach(json_object_get(page, "vectors"), index, vector)
    {
        check_golden(vector, CODEC_JSON, CODEC_JSON);
        check_golden(vector, CODEC_JSON, CODEC_MSGPACK);
        check_golden(vector, CODEC_MSGPACK, CODEC_JSON);
        check_golden(vector, CODEC_MSGPACK, CODEC_MSGPACK);
    }
    assert_true(index > 20);
    json_decref(page);
}

static void
golden_bytes_cut_anywhere_are_refused(void **state)
{
    (void)state;
    json_t *page = vectors_load(golden_path), *vector;
    size_t index;
    json_array_foreach(json_object_get(page, "vectors"), index, vector)
    {
        for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
            msg_type_t type = MSG_NONE;
            vector_info(vector, &type);
            size_t length = 0;
            uint8_t *data = vector_bytes(vector, (codec_format_t)format, &length);
            for (size_t cut = 0; cut < length; cut += cut < 512 ? 1 : 61) {
                uint8_t *part = malloc(cut > 0 ? cut : 1);
                memcpy(part, data, cut);
                codec_fault_t fault;
                assert_int_equal(refusal((codec_format_t)format, type, part, cut, &fault), CODEC_SYNTAX);
                assert_string_equal(fault.field, "");
                free(part);
            }
            free(data);
        }
    }
    json_decref(page);
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s invalid_vectors.json golden.json\n", argv[0]);
        return 2;
    }
    invalid_path = argv[1];
    golden_path = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_breach_of_every_rule_is_refused_by_name),
        cmocka_unit_test(golden_bytes_are_read_and_written_in_both_formats),
        cmocka_unit_test(golden_bytes_cut_anywhere_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
