/* registry_redis_form -- the operations of the Redis form, as registry.h has them, in the files of their subjects. */
#ifndef PLAYHOUSE_REGISTRY_REDIS_FORM_H
#define PLAYHOUSE_REGISTRY_REDIS_FORM_H

#include "registry.h"

/* Each puts its operations into the table. */
void redis_form_seats(registry_t *port);
void redis_form_secrets(registry_t *port);
void redis_form_reads(registry_t *port);
void redis_form_restore(registry_t *port);
void redis_form_attempts(registry_t *port);

#endif
