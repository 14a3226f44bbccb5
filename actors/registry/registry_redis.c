#include "registry_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "registry_redis_call.h"
#include "registry_redis_form.h"

static bool
redis_is_degraded(const registry_t *port)
{
    (void)port;
    return false;
}

static void
redis_why(registry_t *port, char *text, size_t size)
{
    registry_redis_t *self = (registry_redis_t *)port;
    pthread_mutex_lock(&self->lock);
    snprintf(text, size, "%s", self->trouble);
    pthread_mutex_unlock(&self->lock);
}

static bool
redis_try_return(registry_t *port, act_usec_t now)
{
    (void)port;
    (void)now;
    return false;
}

static void
redis_destroy(registry_t *port)
{
    registry_redis_t *self = (registry_redis_t *)port;
    redis_link_destroy(&self->link);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

registry_t *
registry_redis_new(const char *url, int64_t timeout_msec, int64_t window_msec, char *why, size_t why_size)
{
    redis_link_t *link = redis_link_new(url, timeout_msec, why, why_size);
    if (link == NULL) {
        return NULL;
    }
    registry_redis_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->link = link;
    self->window_msec = window_msec;
    pthread_mutex_init(&self->lock, NULL);
    registry_t *port = &self->port;
    redis_form_seats(port);
    redis_form_secrets(port);
    redis_form_reads(port);
    redis_form_restore(port);
    redis_form_attempts(port);
    port->is_degraded = redis_is_degraded;
    port->why = redis_why;
    port->try_return = redis_try_return;
    port->destroy = redis_destroy;
    return port;
}

void
registry_redis_use_caller_clock(registry_t *port)
{
    ((registry_redis_t *)port)->caller_clock = true;
}
