/* fuzz_frame -- any bytes as a client's frame: read to its end, and what is accepted must survive being written and
 * read again. Shared by the JSON and the msgpack target. */
#ifndef PLAYHOUSE_FUZZ_FRAME_H
#define PLAYHOUSE_FUZZ_FRAME_H

#include <stdlib.h>
#include <string.h>

#include "msg.h"

#define FUZZ_CHECK(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

enum { FUZZ_FRAME_OUT = 1 << 14, FUZZ_FRAME_BODY = 2 * MSG_CLIENT_IN_MAX };

/* Writes *body in both formats, reads both back, and expects the same bytes from them. */
static inline void
fuzz_round_trip(const msg_info_t *info, uint32_t type, const void *body)
{
    static uint8_t bytes[FUZZ_FRAME_OUT], again[FUZZ_FRAME_OUT];
    static union msg_client_in copy;
    for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
        size_t length = codec_encode((codec_format_t)format, info->type, info->name, body, bytes, sizeof bytes);
        FUZZ_CHECK(length > 0);
        codec_frame_t frame;
        codec_fault_t fault;
        uint32_t found = 0;
        uint64_t action_id = 0;
        codec_frame_open(&frame, (codec_format_t)format, bytes, length);
        FUZZ_CHECK(codec_frame_next(&frame, msg_find_client_in, &found, &copy, sizeof copy, &action_id, &fault) == 1);
        FUZZ_CHECK(found == type);
        FUZZ_CHECK(codec_encode((codec_format_t)format, info->type, info->name, &copy, again, sizeof again) == length);
        FUZZ_CHECK(memcmp(bytes, again, length) == 0);
        FUZZ_CHECK(codec_frame_next(&frame, msg_find_client_in, &found, &copy, sizeof copy, &action_id, &fault) == 0);
    }
}

static inline int
fuzz_frame(codec_format_t format, const uint8_t *data, size_t size)
{
    static _Alignas(max_align_t) uint8_t body[FUZZ_FRAME_BODY];
    codec_frame_t frame;
    codec_fault_t fault;
    uint32_t type = 0;
    uint64_t action_id = 0;
    codec_frame_open(&frame, format, data, size);
    for (unsigned i = 0; i <= CODEC_FRAME_MESSAGES_MAX + 1; i++) {
        int result = codec_frame_next(&frame, msg_find_client_in, &type, body, sizeof body, &action_id, &fault);
        FUZZ_CHECK(fault.field != NULL && codec_error_text(fault.error) != NULL);
        FUZZ_CHECK((result == -1) == (fault.error != CODEC_OK) && action_id < UINT64_C(1) << 53);
        if (result == 0) {
            return 0;
        }
        if (result == 1) {
            fuzz_round_trip(&msg_infos[type], type, body);
        }
    }
    abort(); /* a frame comes to its end */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
