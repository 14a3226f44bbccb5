/* Mailboxes, deadlines in order, and a message as one frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "heap.h"
#include "mailbox.h"

static msg_t
move(const msg_room_move_t *body)
{
    return (msg_t){.type = MSG_ROOM_MOVE, .key = "plaza/main", .body = body};
}

static void
messages_come_out_in_order_while_more_go_in(void **state)
{
    (void)state;
    mailbox_t box;
    mailbox_init(&box, 100000);
    int64_t in = 0, out = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < round; i++) {
            msg_room_move_t body = {.action_id = ++in};
            msg_t msg = move(&body);
            assert_true(mailbox_push(&box, &msg));
        }
        for (int i = 0; i < round / 2; i++) {
            const msg_t *msg = mailbox_next(&box);
            assert_int_equal(((const msg_room_move_t *)msg->body)->action_id, ++out);
            msg_room_move_t again = {.action_id = ++in}; /* a handler that sends to itself */
            msg_t more = move(&again);
            assert_true(mailbox_push(&box, &more));
            assert_int_equal(((const msg_room_move_t *)msg->body)->action_id, out); /* has not moved */
        }
    }
    const msg_t *msg;
    while ((msg = mailbox_next(&box)) != NULL) {
        assert_int_equal(((const msg_room_move_t *)msg->body)->action_id, ++out);
    }
    assert_int_equal(in, out);
    assert_int_equal(box.count, 0);
    mailbox_fini(&box);
}

static void
a_full_mailbox_refuses_and_takes_again(void **state)
{
    (void)state;
    mailbox_t box;
    mailbox_init(&box, 2);
    msg_room_move_t body = {.action_id = 1};
    msg_t msg = move(&body);
    assert_true(mailbox_push(&box, &msg));
    assert_true(mailbox_push(&box, &msg));
    assert_false(mailbox_push(&box, &msg));
    assert_non_null(mailbox_next(&box));
    assert_true(mailbox_push(&box, &msg));
    mailbox_fini(&box);
}

static void
a_mailbox_is_bounded_in_bytes_too(void **state)
{
    (void)state;
    mailbox_t box;
    mailbox_init(&box, 1000000);
    msg_persistence_actions_t *body = calloc(1, sizeof *body);
    msg_t msg = {.type = MSG_PERSISTENCE_ACTIONS, .body = body};
    int pushed = 0;
    while (mailbox_push(&box, &msg)) {
        pushed++;
        assert_true((size_t)pushed * sizeof *body <= MAILBOX_BYTES_MAX);
    }
    assert_true(pushed > 10);
    mailbox_fini(&box);
    free(body);
}

static void
a_blob_lives_as_long_as_its_message(void **state)
{
    (void)state;
    mailbox_t box;
    mailbox_init(&box, 10);
    blob_t *blob = blob_new("abc", 3);
    msg_gateway_state_t body = {.connection = 1, .frame = blob};
    msg_t msg = {.type = MSG_GATEWAY_STATE, .body = &body};
    assert_true(mailbox_push(&box, &msg));
    assert_true(mailbox_push(&box, &msg));
    assert_int_equal(atomic_load(&blob->references), 3);
    assert_non_null(mailbox_next(&box));
    assert_int_equal(atomic_load(&blob->references), 3);
    assert_non_null(mailbox_next(&box));
    assert_int_equal(atomic_load(&blob->references), 2);
    mailbox_fini(&box);
    assert_int_equal(atomic_load(&blob->references), 1);
    blob_release(&blob);
}

static void
deadlines_come_out_in_order_and_ties_in_order_of_putting(void **state)
{
    (void)state;
    enum { NODES = 500 };
    heap_t heap = {0};
    heap_node_t nodes[NODES] = {0};
    uint32_t random = 1;
    for (int i = 0; i < NODES; i++) {
        random = random * 1664525u + 1013904223u;
        heap_put(&heap, &nodes[i], random >> 26);
    }
    for (int i = 0; i < NODES; i += 3) {
        heap_remove(&heap, &nodes[i]);
        heap_remove(&heap, &nodes[i]); /* twice is harmless */
    }
    for (int i = 1; i < NODES; i += 3) {
        heap_put(&heap, &nodes[i], nodes[i].due + 7); /* moved */
    }
    heap_node_t *node, *before = NULL;
    int count = 0;
    while ((node = heap_first(&heap)) != NULL) {
        heap_remove(&heap, node);
        assert_true(before == NULL || before->due < node->due ||
                    (before->due == node->due && before->order < node->order));
        before = node;
        count++;
    }
    assert_int_equal(count, NODES - (NODES + 2) / 3);
    heap_fini(&heap);
}

static void
an_envelope_says_what_the_message_said(void **state)
{
    (void)state;
    uint8_t frame[4096];
    msg_room_move_t body = {.connection = 3, .member = 7, .action_id = 9, .x = 1.5, .y = 1000};
    msg_t msg = {.type = MSG_ROOM_MOVE,
                 .from = {.node = 4, .kind = ACT_KIND_GATEWAY, .thread = 2, .key = "a/b:c"},
                 .correlation = 1ull << 40,
                 .deadline = 5 * ACT_SEC,
                 .trace = {{1, 2, 3}},
                 .key = "plaza/main",
                 .body = &body};
    size_t length = envelope_encode(&msg, 3 * ACT_SEC, frame, sizeof frame);
    assert_true(length > 0);
    msg_t back;
    msg_room_move_t seen;
    codec_fault_t fault;
    assert_int_equal(envelope_decode(frame, length, 100 * ACT_SEC, &back, &seen, &fault), CODEC_OK);
    assert_int_equal(back.type, MSG_ROOM_MOVE);
    assert_memory_equal(&back.from, &msg.from, offsetof(act_addr_t, key));
    assert_string_equal(back.from.key, "a/b:c");
    assert_string_equal(back.key, "plaza/main");
    assert_true(back.correlation == msg.correlation);
    assert_in_range(back.deadline - 102 * ACT_SEC, 0, ACT_MSEC); /* what was left, on the reader's clock */
    assert_memory_equal(&back.trace, &msg.trace, sizeof msg.trace);
    assert_int_equal(seen.action_id, 9);
    assert_true(seen.x == 1.5 && seen.y == 1000);
    for (size_t cut = 0; cut < length; cut++) { /* every beginning of it is refused */
        assert_int_not_equal(envelope_decode(frame, cut, 0, &back, &seen, &fault), CODEC_OK);
    }
    for (size_t room = 0; room < length; room++) { /* and it is not written past the end */
        assert_int_equal(envelope_encode(&msg, 0, frame, room), 0);
    }
}

static void
an_envelope_with_a_wrong_part_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *field;
    } cases[] = {
        {"\x96", 1, "envelope"},
        {"\x97\xa5hello", 7, "type"},
        {"\x97\xa9room.peek\x01", 12, "key"},
        {"\x97\xa9room.peek\xa1k\xa3x:y", 17, "from"},
        {"\x97\xa9room.peek\xa1k\xa0\xa1x", 16, "correlation"},
        {"\x97\xa9room.peek\xa1k\xa0\x01\xce\xff\xff\xff\xff", 20, "ttl_ms"},
        {"\x97\xa9room.peek\xa1k\xa0\x01\x01\xc4\x01x", 19, "trace"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        msg_t msg;
        msg_room_peek_t body;
        codec_fault_t fault = {0};
        assert_int_not_equal(envelope_decode((const uint8_t *)cases[i].bytes, cases[i].length, 0, &msg, &body, &fault),
                             CODEC_OK);
        assert_string_equal(fault.field, cases[i].field);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order_while_more_go_in),
        cmocka_unit_test(a_full_mailbox_refuses_and_takes_again),
        cmocka_unit_test(a_mailbox_is_bounded_in_bytes_too),
        cmocka_unit_test(a_blob_lives_as_long_as_its_message),
        cmocka_unit_test(deadlines_come_out_in_order_and_ties_in_order_of_putting),
        cmocka_unit_test(an_envelope_says_what_the_message_said),
        cmocka_unit_test(an_envelope_with_a_wrong_part_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
