#include "store_postgres.h"
#include "store_sqlite.h"

store_t *
store_open(const store_options_t *options, char error[STORE_ERROR_MAX])
{
    return *options->url != '\0' ? store_postgres_open(options->url, options->timeout_msec, error)
                                 : store_sqlite_open(options->path, true, error);
}
