/*
 * client_front -- a socket at the front door of a server (broker.endpoint), plain or with CURVE.
 *
 * With keys broker.endpoint is NAME@tcp://HOST:PORT: the server has the certificate NAME.key in keys.allowed, and
 * keys.secret is the tool's own.
 */
#ifndef PLAYHOUSE_CLIENT_FRONT_H
#define PLAYHOUSE_CLIENT_FRONT_H

#include <czmq.h>

#include "config.h"

/* Connects (which does not wait for the server). `type` is ZMQ_REQ or ZMQ_DEALER; sends and receives give up after
 * `msec`. NULL after saying on standard error, in the name of `command`, what is wrong. The caller destroys it. */
zsock_t *client_front_open(const char *command, config_t *config, int type, int msec);

/* Says that nothing was answered, and what that may come from. */
void client_front_silent(const char *command, config_t *config, int64_t seconds);

#endif
