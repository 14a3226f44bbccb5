/* The PostgreSQL form does what every form must do, on a real server. */
#include "store_conformance.h"
#include "store_postgres.h"
#include "store_postgres_test_helpers.h"

static store_t *
form_open(void *context, bool fresh)
{
    postgres_fixture_t *postgres = context;
    char error[STORE_ERROR_MAX] = "";
    if (fresh) {
        postgres_fixture_fresh(postgres);
    }
    store_t *store = store_postgres_open(postgres->url, POSTGRES_TIMEOUT_MSEC, error);
    if (store == NULL) {
        print_error("%s\n", error);
    }
    return store;
}

static void
form_settle(void *context)
{
    postgres_fixture_settle(context);
}

int
main(void)
{
    postgres_fixture_t postgres = {.durable = false};
    postgres_fixture_open(&postgres);
    const store_conformance_t form = {
        .name = "store postgres", .open = form_open, .settle = form_settle, .context = &postgres, .walks = 3};
    int failed = store_conformance_run(&form);
    postgres_fixture_close(&postgres);
    return failed;
}
