/* store_conformance -- what every form of the store must do: a cmocka group that the test of a form runs on it. */
#ifndef PLAYHOUSE_STORE_CONFORMANCE_H
#define PLAYHOUSE_STORE_CONFORMANCE_H

#include "store.h"

typedef struct store_conformance {
    const char *name; /* of the form, for the output */
    /* `fresh`: a store that holds nothing, else the last one opened anew; also in a child process, while the parent has
     * none open. The suite closes it before it asks for the next. */
    store_t *(*open)(void *context, bool fresh);
    /* Returns when what a client that was killed had begun is stored or never will be. */
    void (*settle)(void *context);
    void *context;
    uint32_t walks; /* against the model of sessions */
} store_conformance_t;

/* The number of tests that failed. */
int store_conformance_run(const store_conformance_t *form);

#endif
