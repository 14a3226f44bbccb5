/* fuzz_message -- any bytes as the body of any message between actors. The first byte chooses the message, the second
 * the format; what is accepted must survive being written and read again, in both formats, without a leak. */
#include <stdlib.h>
#include <string.h>

#include "msg.h"

enum { OUT_CAP = 1 << 21 };

static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX], copy[MSG_BODY_MAX];

static void
check(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void
check_round_trip(const codec_type_t *type, codec_format_t format)
{
    static uint8_t bytes[OUT_CAP], again[OUT_CAP];
    size_t length = codec_encode(format, type, NULL, body, bytes, sizeof bytes);
    check(length > 0);
    codec_fault_t fault;
    check(codec_decode(format, type, bytes, length, copy, &fault) == CODEC_OK);
    check(codec_encode(format, type, NULL, copy, again, sizeof again) == length);
    check(memcmp(bytes, again, length) == 0);
    codec_release(type, copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const codec_type_t *type = msg_infos[1 + data[0] % (MSG_COUNT - 1)].type;
    codec_format_t format = data[1] % 2 == 0 ? CODEC_JSON : CODEC_MSGPACK;
    codec_fault_t fault;
    if (codec_decode(format, type, data + 2, size - 2, body, &fault) == CODEC_OK) {
        check(fault.error == CODEC_OK);
        check_round_trip(type, CODEC_JSON);
        check_round_trip(type, CODEC_MSGPACK);
    } else {
        check(fault.error != CODEC_OK && fault.field != NULL);
    }
    codec_release(type, body);
    return 0;
}
