/*
 * node -- the actor `node`, one in every process that is not alone: registers with every broker, beats, and tells the
 * threads here who is there.
 *
 * Owns   one DEALER socket per broker, what each broker has said (roster.h)
 * Hears  node.told|alive|refused|gone on those sockets; node.view
 * Says   broker.beat once a second and broker.leave at the end, on those sockets
 * Timers BEAT
 * Dies   with its process; brokers miss it after 4 s
 */
#ifndef PLAYHOUSE_NODE_H
#define PLAYHOUSE_NODE_H

#include "broker.h"
#include "roster.h"

typedef struct node_broker {
    char endpoint[SOCKET_ENDPOINT_MAX];
    char name[CERT_NAME_MAX + 1]; /* that its certificate has in keys.allowed; "": the broker of this process */
} node_broker_t;

typedef struct node_config {
    broker_t *broker;
    const node_broker_t *brokers; /* 1 to ROSTER_BROKERS_MAX; complete when init is called */
    const uint32_t *brokers_count;
    /* On the node's thread, after each change of the view. `registered`: a broker has this process in its table. */
    void (*changed)(void *self, bool registered);
    /* This process may not be there: `why` says what is in its way. Called once; it is to end. */
    void (*refused)(void *self, const char *why);
    void *self;
} node_config_t;

extern const act_kind_t node_kind;

#endif
