/* fuzz_front_line -- any bytes as a line at the front door. What is read is a message that some actor hears and that
 * can be written again; what is not is answered with a sentence of printable ASCII. */
#include <stdlib.h>
#include <string.h>

#include "front_line.h"

enum { OUT_CAP = 1 << 21 };

static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX];

static void
check(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static front_line_t line;
    static uint8_t bytes[OUT_CAP];
    char why[160];
    char *exact = malloc(size > 0 ? size : 1); /* so that reading past its end is seen */
    check(exact != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    front_line_outcome_t outcome = front_line_read(exact, size, &line, body);
    free(exact);
    if (outcome == FRONT_LINE_MESSAGE) {
        const codec_type_t *type = msg_infos[line.type].type;
        check(front_type_is_heard(line.type, why, sizeof why) && front_key_is_good(line.key));
        check(codec_encode(CODEC_JSON, type, NULL, body, bytes, sizeof bytes) > 0);
        codec_release(type, body);
        return 0;
    }
    check(*line.text != '\0' && strlen(line.text) < sizeof line.text);
    for (const char *at = line.text; *at != '\0'; at++) {
        check(*at >= ' ' && *at <= '~');
    }
    return 0;
}
