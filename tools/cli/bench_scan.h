/*
 * bench_scan -- finds what answers intents in the frames of a server, and skips the rest (deltas, mostly) without
 * decoding it: a load generator that reads all deltas as a client does would be busier than the server.
 */
#ifndef PLAYHOUSE_BENCH_SCAN_H
#define PLAYHOUSE_BENCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"

typedef enum bench_answer_kind { BENCH_OTHER, BENCH_ACK, BENCH_ERROR, BENCH_WELCOME } bench_answer_kind_t;

typedef struct bench_answer {
    bench_answer_kind_t kind;
    int64_t action_id; /* 0: none */
    char code[40];     /* of an error */
} bench_answer_t;

typedef void bench_answer_fn(void *owner, const bench_answer_t *answer);

/* Calls `found` for each ack, error and welcome of the frame. False when it cannot be read. */
bool bench_scan(codec_format_t format, const uint8_t *data, size_t length, bench_answer_fn *found, void *owner);

#endif
