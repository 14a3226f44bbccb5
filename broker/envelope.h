/*
 * envelope -- a message as one ZeroMQ frame: one msgpack array [type, key, from, correlation, ttl_ms, trace, body].
 * type, key and from are strings (from is node:kind:thread:key), ttl_ms is what is left of the deadline (0: none;
 * clocks are not compared), trace is 16 bytes, body is a map by field name. Anyone with a msgpack library can read
 * and write it.
 */
#ifndef PLAYHOUSE_ENVELOPE_H
#define PLAYHOUSE_ENVELOPE_H

#include "act.h"

enum { ENVELOPE_HEAD_MAX = 512 /* everything but the body */ };

/* Returns the length, 0 when it does not fit. */
size_t envelope_encode(const msg_t *msg, act_usec_t now, uint8_t *out, size_t capacity);

/* Fills *msg and its body (MSG_BODY_MAX bytes at `body`, which must be aligned for any type; blobs are owned by it).
 * On failure *body owns nothing and fault says why: "type", "key", "from", ... or a field of the body. */
codec_error_t envelope_decode(const uint8_t *data, size_t length, act_usec_t now, msg_t *msg, void *body,
                              codec_fault_t *fault);

#endif
