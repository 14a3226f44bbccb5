/* What people who watch are shown of a message: masked, ASCII, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"

enum { SHOWN_CAP = 512 };

static void
check_shown(msg_type_t type, const void *body, const char *expected)
{
    char text[SHOWN_CAP + 1];
    text[codec_show(msg_infos[type].type, body, text, SHOWN_CAP)] = '\0';
    assert_string_equal(text, expected);
}

static void
secrets_and_what_was_said_are_masked(void **state)
{
    (void)state;
    msg_room_chat_t chat = {.connection = 1, .member = 2, .action_id = 3, .text = "swordfish"};
    check_shown(MSG_ROOM_CHAT, &chat, "{\"connection\":1,\"member\":2,\"actionId\":3,\"text\":\"***\"}");
    msg_persistence_list_characters_t list = {.user_id = "ann@example.org"};
    check_shown(MSG_PERSISTENCE_LIST_CHARACTERS, &list, "{\"userId\":\"***\"}");
}

static void
bytes_and_blobs_are_told_by_their_number(void **state)
{
    (void)state;
    msg_metrics_text_t text = {.text = blob_new("swordfish", 9)};
    check_shown(MSG_METRICS_TEXT, &text, "{\"text\":\"(9 bytes)\"}");
    blob_release(&text.text);
}

static void
all_of_it_is_ascii(void **state)
{
    (void)state;
    msg_persistence_create_character_t create = {.user_id = "u", .character_id = "c"};
    snprintf(create.name, sizeof create.name, "J\xc3\xb6 \xe2\x82\xac \xf0\x9f\x98\x80 \"");
    check_shown(MSG_PERSISTENCE_CREATE_CHARACTER, &create,
                "{\"userId\":\"***\",\"characterId\":\"c\",\"name\":\"J\\u00f6 \\u20ac \\ud83d\\ude00 \\\"\"}");
}

static void
what_does_not_fit_is_left_out_and_marked(void **state)
{
    (void)state;
    static msg_persistence_room_loaded_t loaded;
    loaded = (msg_persistence_room_loaded_t){.room = "plaza/main", .epoch = 1};
    for (uint32_t i = 0; i < 40; i++) {
        loaded.items_len++;
        snprintf(loaded.items[i].item_id, sizeof loaded.items[i].item_id, "item-%u", i);
        snprintf(loaded.items[i].kind, sizeof loaded.items[i].kind, "lantern");
    }
    char text[SHOWN_CAP + 1];
    for (size_t capacity = 16; capacity <= SHOWN_CAP; capacity++) {
        size_t length = codec_show(msg_infos[MSG_PERSISTENCE_ROOM_LOADED].type, &loaded, text, capacity);
        assert_in_range(length, 4, capacity);
        assert_memory_equal(text + length - 3, "...", 3);
        assert_memory_equal(text, "{\"room\":\"plaza/main\"", length - 3 < 20 ? length - 3 : 20);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_and_what_was_said_are_masked),
        cmocka_unit_test(bytes_and_blobs_are_told_by_their_number),
        cmocka_unit_test(all_of_it_is_ascii),
        cmocka_unit_test(what_does_not_fit_is_left_out_and_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
