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
STATEMENT(SQL_MEMBER, "SELECT sequence, last_action_id, room, x, y FROM character WHERE id = ?1")
STATEMENT(SQL_TAIL, "SELECT number, sequence, last_action_id, last_log FROM character WHERE id = ?1")
STATEMENT(SQL_PROFILE,
          "UPDATE character SET x = ?3, y = ?4, room = ?5, sequence = ?6, last_action_id = ?7, last_log = ?8 "
          "WHERE number = ?1 AND sequence = ?2")
STATEMENT(SQL_LAST_LOG, "SELECT coalesce(max(id), 0) FROM action")
STATEMENT(SQL_ACTION,
          "SELECT character_id, sequence, action_id, room, room_version, kind, payload, prev FROM action WHERE id = ?1")
