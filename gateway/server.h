/* server -- the wire over libwebsockets: one context per gateway thread, on that thread's event loop. */
#ifndef PLAYHOUSE_SERVER_H
#define PLAYHOUSE_SERVER_H

#include "gateway.h"

extern const wire_t server_wire;

#endif
