/* fuzz_envelope -- any bytes as one frame between processes, or at the front door. What is accepted is written again
 * and then read as the same; masked for people it is printable, and fits. */
#include <stdlib.h>
#include <string.h>

#include "envelope.h"

enum { OUT_CAP = 1 << 22, SHOWN_CAP = 512 };

static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX], copy[MSG_BODY_MAX];

static void
check(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void
check_again(const msg_t *msg)
{
    static uint8_t bytes[OUT_CAP];
    msg_t again;
    codec_fault_t fault;
    size_t length = envelope_encode(msg, 0, bytes, sizeof bytes);
    check(length > 0);
    check(envelope_decode(bytes, length, 0, &again, copy, &fault) == CODEC_OK);
    check(again.type == msg->type && again.correlation == msg->correlation && strcmp(again.key, msg->key) == 0);
    check(memcmp(again.trace.bytes, msg->trace.bytes, sizeof again.trace.bytes) == 0);
    codec_release(msg_infos[again.type].type, copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    msg_t msg;
    codec_fault_t fault;
    if (envelope_decode(data, size, 0, &msg, body, &fault) != CODEC_OK) {
        check(fault.error != CODEC_OK && fault.field != NULL);
        return 0;
    }
    char shown[SHOWN_CAP];
    size_t length = codec_show(msg_infos[msg.type].type, body, shown, sizeof shown);
    check(length >= 2 && length <= sizeof shown);
    for (size_t i = 0; i < length; i++) {
        check(shown[i] >= ' ' && shown[i] <= '~');
    }
    if (msg.from.kind != ACT_KIND_NONE) { /* who wants no answer is written as nobody */
        check_again(&msg);
    }
    codec_release(msg_infos[msg.type].type, body);
    return 0;
}
