/* admission_pending -- the connects (and leaves) of one instance that wait for the store or the registry. Slots have
 * numbers; a number with its turn names one use of a slot, and is what a request to the store carries as its context.
 */
#ifndef PLAYHOUSE_ADMISSION_PENDING_H
#define PLAYHOUSE_ADMISSION_PENDING_H

#include "act.h"

enum { ADMISSION_PENDING_CAP = 4096 }; /* connects that wait for the store; over it OVERLOADED */

typedef struct admission_pending {
    bool used;
    bool is_end;   /* of an admission.end, else of an admission.connect */
    bool decided;  /* nothing is missing but the registry: see admission_decide_all */
    uint32_t turn; /* of this slot: an answer to an earlier use of it means nothing */
    msg_t request; /* its head: no body */
    role_t role;
    int64_t auth_until;                                                   /* of the access token, ms since 1970 */
    char session_id[sizeof((msg_admission_connect_t *)NULL)->session_id]; /* "" of an end */
    char user_id[sizeof((msg_admission_connect_t *)NULL)->user_id];
    char address[sizeof((msg_admission_connect_t *)NULL)->address];
    char replace_token[sizeof((msg_admission_connect_t *)NULL)->replace_token];     /* "": none */
    char reconnect_token[sizeof((msg_admission_connect_t *)NULL)->reconnect_token]; /* likewise */
    char character_id[sizeof((obj_character_t *)NULL)->id];                         /* once it is found */
    char name[sizeof((obj_character_t *)NULL)->name];
} admission_pending_t;

/* All zero is empty. */
typedef struct admission_table {
    uint32_t top;  /* slots at and above it were never used */
    uint32_t size; /* slots there is memory for; grows up to the cap */
    admission_pending_t *slots;
    uint32_t free_count;
    uint32_t free_slots[ADMISSION_PENDING_CAP];
    uint32_t hashes[ADMISSION_PENDING_CAP]; /* of session ids, dense, so that finding one reads little; 0: not in use */
} admission_table_t;

void admission_table_fini(admission_table_t *self);

/* Keeps a request of this session ("": none); NULL: the table is full. All but request and session_id is zero.
 * Pointers from earlier calls are void. */
admission_pending_t *admission_table_add(admission_table_t *self, const msg_t *request, const char *session_id);
/* The connect of this session, or NULL. */
admission_pending_t *admission_table_find(admission_table_t *self, const char *session_id);
void admission_table_drop(admission_table_t *self, admission_pending_t *pending);

uint64_t admission_table_context(const admission_table_t *self, const admission_pending_t *pending);
/* The connect that an answer is for; NULL when it is over. */
admission_pending_t *admission_table_answered(admission_table_t *self, uint64_t context);

#endif
