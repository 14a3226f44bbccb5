/*
 * front -- the front door: a ROUTER socket where people and tools put messages in. Plain on loopback; with keys.tools
 *          wherever it is bound, and then only for the tools whose certificates are there.
 *
 * Owns   the socket of broker.endpoint and FRONT_PENDING_CAP questions under way
 * Hears  answers to what was put in
 * Says   whatever it was handed, checked against the schema as strictly as any other message
 *
 * A request is one frame (after REQ's empty delimiter, if any): either an envelope (envelope.h) or one line of text,
 *     KIND KEY TYPE JSON          for example: room plaza/main room.peek {}
 * with "-" for an empty key. The answer comes in the same form: an envelope, or one line of JSON with "type". What the
 * front door itself has to say is always a line of JSON: {"type":"front.sent"} for a message that has no answer,
 * {"type":"front.fault","message":...} for one that was not put in, {"type":"front.help",...} for "help"
 */
#ifndef PLAYHOUSE_FRONT_H
#define PLAYHOUSE_FRONT_H

#include "act.h"
#include "curve.h"

typedef struct front_config {
    void *zmq;                        /* the context, of broker_zmq */
    curve_t *curve;                   /* NULL: plain */
    const char *endpoint;             /* tcp://127.0.0.1:5570; port * means any */
    void (*bound)(const char *where); /* told the endpoint that was bound, before init returns; may be NULL */
} front_config_t;

extern const act_kind_t front_kind;

#endif
