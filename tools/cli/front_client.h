/*
 * front_client -- questions of a subcommand to the front door of a server, several under way at the same time.
 */
#ifndef PLAYHOUSE_FRONT_CLIENT_H
#define PLAYHOUSE_FRONT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "act.h"
#include "config.h"

enum {
    FRONT_CLIENT_NODES_MAX = 64,  /* processes that are asked; the rest is left out */
    FRONT_CLIENT_ANSWER_SEC = 2,  /* how long a process may take before it counts as silent */
    FRONT_CLIENT_REFRESH_SEC = 5, /* how often those that watch look who is there */
};

typedef struct front_client front_client_t;

/* `front`: an endpoint, or NULL for that of the configuration. NULL after saying why. */
front_client_t *front_client_new(const char *command, const char *front, const config_t *config);
void front_client_destroy(front_client_t **self_p);

/* `number` comes back as the answer's correlation. */
bool front_client_send(front_client_t *self, msg_type_t type, const char *key, const void *body, uint64_t number);

typedef enum front_client_heard {
    FRONT_CLIENT_ANSWER,
    FRONT_CLIENT_NOTHING, /* not within that time, or a signal came */
    FRONT_CLIENT_FAULT,   /* the front door refuses; it has been said on standard error */
} front_client_heard_t;

/* The next answer. Its body is valid until the next call. */
front_client_heard_t front_client_receive(front_client_t *self, msg_t *msg, int64_t msec);

/* The names of the processes that are there; one, "", when the server is alone. 0: no answer, and that has been said.
 */
size_t front_client_nodes(front_client_t *self, char names[FRONT_CLIENT_NODES_MAX][ACT_KEY_MAX + 1]);

/* Of the monotonic clock, in microseconds. */
int64_t front_client_now(void);
/* Has SIGINT or SIGTERM come since this was first called? */
bool front_client_stopped(void);

/* Writes `text` as a JSON string. */
void front_client_write_json(FILE *out, const char *text);

#endif
