/* registry_redis_script -- the scripts of schemas/lua as actors/redis/embed_scripts.py has put them into the binary:
 * prelude.lua stands in front of each of the others. */
#ifndef PLAYHOUSE_REGISTRY_REDIS_SCRIPT_H
#define PLAYHOUSE_REGISTRY_REDIS_SCRIPT_H

#include "redis_link.h"

extern const redis_script_t redis_script_ask, redis_script_attempt_failed, redis_script_attempt_left,
    redis_script_authorize, redis_script_beat, redis_script_claim, redis_script_count, redis_script_drop,
    redis_script_end_attempt, redis_script_find, redis_script_forget, redis_script_get_switches, redis_script_leave,
    redis_script_list, redis_script_promote, redis_script_renew, redis_script_replace, redis_script_restore_add,
    redis_script_join, redis_script_restore_begin, redis_script_restore_end, redis_script_set_switches,
    redis_script_show, redis_script_sweep, redis_script_tell, redis_script_touch, redis_script_unask,
    redis_script_waiting;

#endif
