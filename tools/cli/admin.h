/*
 * admin -- operators' commands ask the loopback listener of a server on this machine (admin.port), one question each.
 *
 * What goes wrong is said on standard error in the name of the command. Every function returns the exit status: 0 it
 * was answered, 1 not, 2 it cannot be asked.
 */
#ifndef PLAYHOUSE_ADMIN_H
#define PLAYHOUSE_ADMIN_H

#include <stdio.h>

#include "config.h"
#include "msg.h"

typedef struct admin {
    const char *command;
    const config_t *config;
    const char *instance; /* a word that cli_word_id took; NULL: all of them */
} admin_t;

/* Asks /admin/instances, with an instance /admin/instances/INSTANCE`rest`: POST with `body` of this type, or GET when
 * `body` is NULL. *answer is filled when the status is 0. */
int admin_ask(const admin_t *self, const char *rest, const codec_type_t *body_type, const void *body,
              const codec_type_t *answer_type, void *answer);

/* instances, drain, maintenance and capacity show instances alike. */
void admin_print_instances(const obj_instance_info_t *instances, uint32_t count, FILE *out);
/* `body` as one line of JSON. */
void admin_print_json(const codec_type_t *type, const void *body, FILE *out);

#endif
