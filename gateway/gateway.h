/*
 * gateway -- the only place that meets strangers: HTTP, WebSockets, the sessions on them; see README.md.
 *
 * Owns   the connections of one thread, their outboxes and rates, the HTTP requests under way
 * Hears  gateway.* from rooms, admission and queue (schemas/gateway.json), frames and requests from its wire (wire.h)
 * Says   auth.verify|ping, admission.*, queue.attach|detach|locate, room.join|leave|move|chat|action|resync,
 * persistence.*, metrics.* Timers SWEEP, while something waits that has a time limit; BEAT, once a second: this gateway
 * is alive, and a look at sessions that do nothing and access tokens that run out
 */
#ifndef PLAYHOUSE_GATEWAY_H
#define PLAYHOUSE_GATEWAY_H

#include <pthread.h>

#include "act.h"
#include "config.h"
#include "proxies.h"
#include "wire.h"

/* What threads of one process must agree on: with port 0 the first to bind chooses. Zero it, and init the mutex. */
typedef struct gateway_ports {
    pthread_mutex_t lock;
    int port, admin_port; /* 0: not bound yet */
} gateway_ports_t;

typedef struct gateway_config {
    const config_t *config;
    const char *build;
    const wire_t *wire;           /* &server_wire (libwebsockets), or a test's */
    void *wire_config;            /* for a test's wire */
    gateway_ports_t *ports;       /* of the process; NULL with a test's wire */
    const proxies_t *proxies;     /* NULL: nobody is believed when he says for whom he asks */
    unsigned threads;             /* how many gateway threads there are; over 1 they share the port */
    const char *const *instances; /* ids, NULL-terminated, 1 to 64; the first is where a client goes that names none */
    const obj_limits_t *limits;   /* of the default instance's world, for bootstrap; NULL: not told */
    const char *static_folder;    /* the built page; may not exist, then a page says how to build it */
    /* Called on a gateway's thread once for each port that listens. May be NULL. */
    void (*bound)(void *self, bool admin, const char *host, int port);
    /* Makes an access token, of at most `capacity` bytes with NUL; false: the name will not do. NULL: no --dev. */
    bool (*dev_token)(void *self, const char *name, int64_t wall_msec, char *out, size_t capacity);
    const obj_sign_in_t *sign_in; /* how people sign in: checked, it goes out as it is; NULL: somewhere else */
    int64_t dev_token_seconds;    /* how long such a token is good */
    void *self;                   /* given to bound and dev_token */
    const char *node, *roles;     /* this process among others, as health tells; NULL: it is alone */
    uint32_t kinds;               /* that run in this process: bits of act_kind_id_t; only looked at among others */
    bool admin_only;              /* set by whoever runs admin_kind */
} gateway_config_t;

extern const act_kind_t gateway_kind;
/* The admin listener alone, for processes that run no gateway; see admin.c. Its config is a gateway_config_t. */
extern const act_kind_t admin_kind;

#endif
