/* One row per prepared statement: id, SQL. */
STATEMENT(SQL_BEGIN, "BEGIN IMMEDIATE")
STATEMENT(SQL_COMMIT, "COMMIT")
STATEMENT(SQL_ROLLBACK, "ROLLBACK")
STATEMENT(SQL_PROBE, "UPDATE health SET writes = writes + 1")
STATEMENT(SQL_CHARACTERS,
          "SELECT id, name, active, suspended FROM character WHERE user_id = ?1 ORDER BY number LIMIT 16")
STATEMENT(SQL_CHARACTER, "SELECT id, name, active, suspended, user_id FROM character WHERE id = ?1")
STATEMENT(SQL_ACTIVE, "SELECT id, name, active, suspended, user_id FROM character WHERE user_id = ?1 AND active = 1")
STATEMENT(SQL_CHARACTERS_COUNT, "SELECT count(*) FROM character WHERE user_id = ?1")
STATEMENT(SQL_CREATE, "INSERT INTO character (id, user_id, name, active, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")
STATEMENT(SQL_DESELECT, "UPDATE character SET active = 0 WHERE user_id = ?1 AND active = 1")
STATEMENT(SQL_SELECT, "UPDATE character SET active = 1 WHERE id = ?1")
STATEMENT(SQL_ROOM, "SELECT epoch FROM room WHERE key = ?1")
STATEMENT(SQL_ROOM_CREATE, "INSERT INTO room (key, epoch) VALUES (?1, 1)")
STATEMENT(SQL_ROOM_LEASE, "UPDATE room SET epoch = ?2 WHERE key = ?1")
STATEMENT(SQL_ITEMS, "SELECT id, kind, holder, x, y FROM item WHERE room = ?1 ORDER BY id LIMIT 64")
STATEMENT(SQL_ITEM_CREATE, "INSERT INTO item (room, id, kind, holder, x, y) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
STATEMENT(SQL_ITEM, "UPDATE item SET holder = ?3, x = ?4, y = ?5 WHERE room = ?1 AND id = ?2")
STATEMENT(SQL_MEMBER, "SELECT sequence, last_action_id, room, x, y, muted_until FROM character WHERE id = ?1")
STATEMENT(SQL_MUTE, "UPDATE character SET muted_until = ?2 WHERE id = ?1")
STATEMENT(SQL_TAIL, "SELECT number, sequence, last_action_id, last_log FROM character WHERE id = ?1")
STATEMENT(SQL_PROFILE,
          "UPDATE character SET x = ?3, y = ?4, room = ?5, sequence = ?6, last_action_id = ?7, last_log = ?8 "
          "WHERE number = ?1 AND sequence = ?2")
STATEMENT(SQL_LAST_LOG, "SELECT coalesce(max(id), 0) FROM action")
/* Of the oldest ones. The newest row of all stays: its id is not given twice. */
STATEMENT(SQL_FORGET, "DELETE FROM action WHERE id IN (SELECT id FROM action ORDER BY id LIMIT ?2) AND at < ?1 "
                      "AND id < (SELECT max(id) FROM action)")
STATEMENT(SQL_ACTION,
          "SELECT character_id, sequence, action_id, room, room_version, kind, payload, prev FROM action WHERE id = ?1")
STATEMENT(SQL_SESSION, "SELECT instance, number, character_id, version, state FROM session WHERE id = ?1")
STATEMENT(SQL_SESSION_NUMBER, "SELECT ?2 <= coalesce((SELECT forgotten FROM instance WHERE id = ?1), 0) "
                              "OR EXISTS (SELECT 1 FROM session WHERE instance = ?1 AND number = ?2)")
STATEMENT(SQL_SESSION_OF, "SELECT instance, number, character_id, version, state FROM session "
                          "WHERE character_id = ?1 AND ended_at IS NULL")
STATEMENT(SQL_SESSION_ADD,
          "INSERT INTO session (instance, number, id, character_id, user_id, name, role, state, room, holder, "
          "connection, version, turn, secret, until, ended_at, auth_until) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, nullif(?16, -1), ?17)")
STATEMENT(SQL_SESSION_CHANGE,
          "UPDATE session SET state = ?3, room = ?4, holder = ?5, connection = ?6, version = ?7, turn = ?8, "
          "secret = ?9, until = ?10, auth_until = ?11 WHERE instance = ?1 AND number = ?2")
STATEMENT(SQL_SESSION_END, "UPDATE session SET state = 'ended', version = ?3, secret = x'', until = -1, ended_at = ?4 "
                           "WHERE instance = ?1 AND number = ?2")
STATEMENT(SQL_SEATS, "SELECT count(*) FROM session INDEXED BY session_live "
                     "WHERE instance = ?1 AND ended_at IS NULL AND state <> 'waiting'")
STATEMENT(SQL_SESSIONS,
          "SELECT id, character_id, user_id, name, role, state, room, holder, connection, number, version, turn, "
          "secret, until, auth_until FROM session INDEXED BY session_live "
          "WHERE instance = ?1 AND number > ?2 AND ended_at IS NULL ORDER BY number LIMIT 16")
STATEMENT(SQL_SESSIONS_NUMBER, "SELECT max(coalesce((SELECT max(number) FROM session WHERE instance = ?1), 0), "
                               "coalesce((SELECT forgotten FROM instance WHERE id = ?1), 0))")
STATEMENT(SQL_SESSIONS_NOTE,
          "INSERT INTO instance (id, forgotten) SELECT instance, max(number) FROM "
          "(SELECT instance, number FROM session WHERE ended_at < ?1 ORDER BY ended_at, instance, number LIMIT ?2) "
          "WHERE true GROUP BY instance ON CONFLICT (id) DO UPDATE SET forgotten = max(forgotten, excluded.forgotten)")
STATEMENT(SQL_SESSIONS_FORGET,
          "DELETE FROM session WHERE (instance, number) IN "
          "(SELECT instance, number FROM session WHERE ended_at < ?1 ORDER BY ended_at, instance, number LIMIT ?2)")
STATEMENT(SQL_INSTANCE, "SELECT capacity, drain, maintenance, ends_at, message FROM instance WHERE id = ?1")
STATEMENT(SQL_INSTANCE_SAVE,
          "INSERT INTO instance (id, capacity, drain, maintenance, ends_at, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
          "ON CONFLICT (id) DO UPDATE SET capacity = ?2, drain = ?3, maintenance = ?4, ends_at = ?5, message = ?6")
