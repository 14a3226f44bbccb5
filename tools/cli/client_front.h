/*
 * client_front -- a socket at the front door of a server (broker.endpoint), plain or with CURVE.
 *
 * With keys broker.endpoint is NAME@tcp://HOST:PORT: the server has the certificate NAME.key in keys.allowed, and
 * keys.secret is the tool's own.
 */
#ifndef PLAYHOUSE_CLIENT_FRONT_H
#define PLAYHOUSE_CLIENT_FRONT_H

#include <stdint.h>

#include "config.h"

/* Connects (which does not wait for the server) to `endpoint`, or broker.endpoint when that is NULL. `type` is ZMQ_REQ
 * or ZMQ_DEALER; sends and receives give up after `msec`. A ZeroMQ socket, for zmq_close; NULL after saying on standard
 * error, in the name of `command`, what is wrong. */
void *client_front_open(const char *command, const config_t *config, const char *endpoint, int type, int msec);

/* Says that nothing was answered, and what that may come from. */
void client_front_silent(const char *command, const config_t *config, const char *endpoint, int64_t seconds);

#endif
