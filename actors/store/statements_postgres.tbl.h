/* One row per statement of the PostgreSQL form: id, SQL. */
STATEMENT(PG_PROBE, "UPDATE health SET writes = writes + 1")
STATEMENT(PG_CHARACTERS,
          "SELECT id, name, active, suspended FROM character WHERE user_id = $1 ORDER BY number LIMIT 16")
STATEMENT(PG_CHARACTER, "SELECT id, name, active, suspended, user_id FROM character WHERE id = $1")
STATEMENT(PG_ACTIVE, "SELECT id, name, active, suspended, user_id FROM character WHERE user_id = $1 AND active")
/* Until the end of the transaction nobody else makes or selects characters of this user. */
STATEMENT(PG_USER_LOCK, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
STATEMENT(PG_CREATE,
          "INSERT INTO character (id, user_id, name, active, created_at) "
          "SELECT $1, $2, $3, NOT EXISTS (SELECT 1 FROM character WHERE user_id = $2), $4 "
          "WHERE (SELECT count(*) FROM character WHERE user_id = $2) < $5 ON CONFLICT (id) DO NOTHING")
STATEMENT(PG_DESELECT, "UPDATE character SET active = false WHERE user_id = $1 AND active AND id <> $2")
STATEMENT(PG_SELECT, "UPDATE character SET active = true WHERE id = $1 AND NOT active")
STATEMENT(PG_MEMBER, "SELECT sequence, last_action_id, room, x, y, muted_until FROM character WHERE id = $1")
STATEMENT(PG_MUTE, "UPDATE character SET muted_until = $2 WHERE id = $1")
STATEMENT(PG_LEASE, "INSERT INTO room AS r (key, epoch) VALUES ($1, 1) "
                    "ON CONFLICT (key) DO UPDATE SET epoch = r.epoch + 1 WHERE r.epoch < $2 RETURNING epoch")
STATEMENT(PG_SEED, "INSERT INTO item (room, id, kind, holder, x, y) "
                   "SELECT $1, i.id, i.kind, i.holder, i.x, i.y FROM unnest($2, $3, $4, $5, $6) "
                   "AS i (id, kind, holder, x, y)")
STATEMENT(PG_ITEMS, "SELECT id, kind, holder, x, y FROM item WHERE room = $1 ORDER BY id LIMIT 64")
STATEMENT(PG_COMMIT, "SELECT play_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
                     "$19, $20, $21, $22, $23, $24)")
STATEMENT(PG_FIND_ACTION,
          "SELECT a.character_id, a.sequence, a.action_id, a.room, a.room_version, a.kind, a.payload FROM character c "
          "JOIN action a ON a.character_id = c.id AND a.sequence > c.sequence - $3 "
          "WHERE c.id = $1 AND a.action_id = $2 LIMIT 1")
/* No row: no such character. A NULL sequence: it has no such action. */
STATEMENT(PG_READ_ACTIONS,
          "SELECT c.id, a.sequence, a.action_id, a.room, a.room_version, a.kind, a.payload FROM character c "
          "LEFT JOIN LATERAL (SELECT * FROM action r WHERE r.character_id = c.id AND r.sequence >= $2 "
          "ORDER BY r.sequence LIMIT $3) a ON true WHERE c.id = $1 ORDER BY a.sequence")
STATEMENT(PG_MAINTAIN_LOCK, "SELECT pg_try_advisory_lock($1)")
STATEMENT(PG_MAINTAIN_UNLOCK, "SELECT pg_advisory_unlock($1)")
STATEMENT(PG_PARTITION, "SELECT play_partition($1, $2)")
/* How to detach and to drop the oldest partitions; NULL: it is detached already. */
STATEMENT(PG_OLD_PARTITIONS,
          "SELECT p.lower, format(CASE WHEN i.inhdetachpending THEN 'ALTER TABLE action DETACH PARTITION %1$I FINALIZE' "
          "WHEN NOT i.inhdetachpending THEN 'ALTER TABLE action DETACH PARTITION %1$I CONCURRENTLY' END, p.name), "
          "format('DROP TABLE IF EXISTS %I', p.name) FROM action_partition p LEFT JOIN pg_inherits i "
          "ON i.inhrelid = to_regclass(quote_ident(p.name)) AND i.inhparent = 'action'::regclass "
          "WHERE p.upper <= $1 ORDER BY p.lower LIMIT 2")
STATEMENT(PG_PARTITION_FORGET, "DELETE FROM action_partition WHERE lower = $1")
STATEMENT(PG_PATIENCE, "SELECT set_config('statement_timeout', $1, false)")
STATEMENT(PG_SESSIONS_SAVE, "SELECT sessions_save($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
                            "$16, $17, $18, $19)")
STATEMENT(PG_SESSIONS_CLEAN, "SELECT sessions_clean($1, $2)")
/* One row at least: the highest number, and a session or NULLs. */
STATEMENT(PG_SESSIONS,
          "SELECT h.number, s.id, s.character_id, s.user_id, s.name, s.role, s.state, s.room, s.holder, s.connection, "
          "s.number, s.version, s.turn, s.secret, s.until, s.auth_until FROM (SELECT greatest(0, "
          "(SELECT max(number) FROM session WHERE instance = $1), (SELECT forgotten FROM instance WHERE id = $1)) "
          "AS number) AS h LEFT JOIN LATERAL (SELECT * FROM session WHERE instance = $1 AND number > $2 "
          "AND coalesce(ended_at, -1) = -1 ORDER BY number LIMIT 16) AS s ON true ORDER BY s.number")
STATEMENT(PG_INSTANCE, "SELECT capacity, drain, maintenance, ends_at, message FROM instance WHERE id = $1")
STATEMENT(PG_INSTANCE_SAVE,
          "INSERT INTO instance (id, capacity, drain, maintenance, ends_at, message) "
          "VALUES ($1, $2, $3 <> 0, $4 <> 0, $5, $6) ON CONFLICT (id) DO UPDATE SET capacity = excluded.capacity, "
          "drain = excluded.drain, maintenance = excluded.maintenance, ends_at = excluded.ends_at, "
          "message = excluded.message")
