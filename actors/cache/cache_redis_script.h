/* cache_redis_script -- the scripts of schemas/lua/cache as actors/redis/embed_scripts.py has put them into the
 * binary. */
#ifndef PLAYHOUSE_CACHE_REDIS_SCRIPT_H
#define PLAYHOUSE_CACHE_REDIS_SCRIPT_H

#include "redis_link.h"

extern const redis_script_t cache_script_forget, cache_script_look, cache_script_put;

#endif
