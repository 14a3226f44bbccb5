/* The admin listener of a process that runs no gateway: the same routes on the same wire, no WebSockets, no sessions.
 */
#include "state.h"

#include <stdlib.h>

static bool
admin_init(void *state, act_ctx_t *ctx, const void *config)
{
    gateway_t *self = state;
    self->ctx = ctx;
    self->config = config;
    ACT_ASSERT(self->config->admin_only);
    self->requests = calloc(GATEWAY_HTTP_CAP, sizeof(*self->requests));
    ACT_ASSERT(self->requests != NULL);
    self->sessions_free = self->watch_first = self->requests_free = GATEWAY_NONE;
    self->generation = act_random(ctx) >> 33; /* as a gateway's */
    instances_init(self);
    self->wire = self->config->wire->start(self, ctx, self->config);
    return self->wire != NULL;
}

static void
admin_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)ctx;
    http_receive(state, msg); /* it hears answers alone */
}

static void
admin_fini(void *state, act_ctx_t *ctx)
{
    (void)ctx;
    gateway_t *self = state;
    http_fini_all(self);
    if (self->wire != NULL) { /* it may have been init that failed */
        self->config->wire->stop(self->wire);
    }
    instances_fini(self);
}

const act_kind_t admin_kind = {
    .id = ACT_KIND_ADMIN,
    .name = "admin",
    .keying = ACT_SHARDED,
    .state_size = sizeof(gateway_t),
    .init = admin_init,
    .receive = admin_receive,
    .fini = admin_fini,
};
