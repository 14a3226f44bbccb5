-- Sessions outlive the processes that hold them: who has a seat, who waits, and since which number. Times are
-- milliseconds since 1970, UTC. Names and ids are compared byte by byte.

-- One row for each session. Its instance has drawn `number` for it and for nobody else. id, character_id, user_id, name
-- and role never change. secret: the SHA-256 of what opens it, never the secret; empty when it has ended. until: when
-- its state is over by itself; -1: it lasts. ended_at, and not state, says in the indexes who is live: a change of state
-- between two live ones then touches no index, and its new version stands in the part of the page that is left free.
CREATE TABLE session (
    instance     text COLLATE "C" NOT NULL,
    number       bigint           NOT NULL,
    id           text COLLATE "C" NOT NULL UNIQUE,
    character_id text COLLATE "C" NOT NULL,
    user_id      text             NOT NULL,
    name         text             NOT NULL,
    role         text             NOT NULL,
    state        text             NOT NULL CHECK (state IN ('waiting', 'connecting', 'active', 'grace', 'ended')),
    room         text             NOT NULL,
    holder       text             NOT NULL,
    connection   bigint           NOT NULL,
    version      bigint           NOT NULL,
    turn         bigint           NOT NULL,
    secret       bytea            NOT NULL,
    until        bigint           NOT NULL,
    auth_until   bigint           NOT NULL,
    ended_at     bigint,
    PRIMARY KEY (instance, number),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
) WITH (fillfactor = 60);

-- One live session of a character, in all instances together: the last word, whoever writes.
CREATE UNIQUE INDEX session_character ON session (character_id) WHERE ended_at IS NULL;
-- The live ones of an instance by number, without a walk over the ended ones between them. It says "live" in its own
-- words: else, while the table is new, a search for the live one of a character may walk over it.
CREATE INDEX session_live ON session (instance, number) WHERE coalesce(ended_at, -1) = -1;
-- What is to be forgotten of an instance, oldest first.
CREATE INDEX session_ended ON session (instance, ended_at) WHERE ended_at IS NOT NULL;

-- What an operator has switched (capacity 0: as configured), how many live sessions have a seat, and the highest number
-- among the sessions that were forgotten: a new one must have a higher number. Whoever writes sessions of an instance
-- locks its row first, and of several instances in the order of their ids; so what is read after that stays true.
CREATE TABLE instance (
    id          text COLLATE "C" PRIMARY KEY,
    capacity    bigint           NOT NULL DEFAULT 0,
    drain       boolean          NOT NULL DEFAULT false,
    maintenance boolean          NOT NULL DEFAULT false,
    ends_at     bigint           NOT NULL DEFAULT 0,
    message     text             NOT NULL DEFAULT '',
    seats       bigint           NOT NULL DEFAULT 0 CHECK (seats >= 0),
    forgotten   bigint           NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Deletes up to p_limit sessions of an instance that ended before p_before, oldest first, and keeps their numbers from
-- being given again. The caller has locked the row of the instance. Gives how many there were.
CREATE FUNCTION sessions_forget(p_instance text, p_before bigint, p_limit bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_count   bigint;
    v_highest bigint;
BEGIN
    WITH gone AS (
        DELETE FROM session s WHERE s.instance = p_instance AND s.number = ANY (ARRAY(
            SELECT o.number FROM session o WHERE o.instance = p_instance AND o.ended_at < p_before
            ORDER BY o.ended_at LIMIT p_limit))
        RETURNING s.number
    )
    SELECT count(*), max(gone.number) INTO v_count, v_highest FROM gone;
    IF v_count > 0 THEN
        UPDATE instance SET forgotten = v_highest WHERE id = p_instance AND forgotten < v_highest;
    END IF;
    RETURN v_count;
END
$$;

-- The same over all instances.
CREATE FUNCTION sessions_clean(p_before bigint, p_limit bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint := 0;
    v_id    text;
BEGIN
    FOR v_id IN SELECT i.id FROM instance i ORDER BY i.id LOOP
        IF EXISTS (SELECT 1 FROM session s WHERE s.instance = v_id AND s.ended_at < p_before) THEN
            PERFORM 1 FROM instance i WHERE i.id = v_id FOR NO KEY UPDATE;
            v_count := v_count + sessions_forget(v_id, p_before, p_limit - v_count);
            EXIT WHEN v_count >= p_limit;
        END IF;
    END LOOP;
    RETURN v_count;
END
$$;

-- Saves sessions in the order given, and gives a letter for each: '.' it is saved, or changed nothing; 'N' a conflict of
-- its number, 'C' of its character, 'S' of seats, and then it changed nothing. It also forgets up to as many, of the
-- same instances, as ended before p_before.
--
-- It runs at the same time in several processes. Rows of instances are locked first; then the characters of sessions
-- that are new, since theirs may be live in an instance that is not locked. Both in order, so that nobody waits in a
-- circle.
CREATE FUNCTION sessions_save(
    p_at bigint, p_before bigint, p_instances text[], p_numbers bigint[], p_ids text[], p_characters text[],
    p_users text[], p_names text[], p_roles text[], p_states text[], p_rooms text[], p_holders text[],
    p_connections bigint[], p_versions bigint[], p_turns bigint[], p_secrets bytea[], p_untils bigint[],
    p_auth_untils bigint[], p_seats bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_instances text[];
    v_held      bigint[]; -- seats, by the place in v_instances
    v_forgotten bigint[];
    v_saved     text := '';
    v_verdict   text;
    v_at        int;      -- place in v_instances
    v_sits      boolean;  -- the one to be saved has a seat
    v_lives     boolean;  -- its character has another live session,
    v_over      boolean;  -- which ends for this one
    v_freed     int;      -- seats that are free then
    v_old       record;
    v_other     record;
    s           record;
    v_left      bigint := cardinality(p_ids);
BEGIN
    INSERT INTO instance (id)
    SELECT DISTINCT u.id FROM unnest(p_instances) AS u (id)
    WHERE NOT EXISTS (SELECT 1 FROM instance i WHERE i.id = u.id) ORDER BY u.id
    ON CONFLICT (id) DO NOTHING;
    SELECT array_agg(l.id), array_agg(l.seats), array_agg(l.forgotten) INTO v_instances, v_held, v_forgotten
    FROM (SELECT i.id, i.seats, i.forgotten FROM instance i WHERE i.id = ANY (p_instances)
          ORDER BY i.id FOR NO KEY UPDATE) AS l;
    PERFORM pg_advisory_xact_lock(7020116, c.hash)
    FROM (SELECT DISTINCT hashtext(u.character_id) AS hash
          FROM unnest(p_ids, p_characters, p_states) AS u (id, character_id, state)
          WHERE u.state <> 'ended' AND NOT EXISTS (SELECT 1 FROM session t WHERE t.id = u.id) ORDER BY 1) AS c;

    FOR s IN SELECT * FROM unnest(p_instances, p_numbers, p_ids, p_characters, p_users, p_names, p_roles, p_states,
                                  p_rooms, p_holders, p_connections, p_versions, p_turns, p_secrets, p_untils,
                                  p_auth_untils, p_seats)
        AS u (instance, number, id, character_id, user_id, name, role, state, room, holder, connection, version, turn,
              secret, until, auth_until, seats)
    LOOP
        v_at := array_position(v_instances, s.instance);
        v_sits := s.state NOT IN ('waiting', 'ended');
        v_verdict := '.';
        SELECT t.instance, t.number, t.character_id, t.version, t.state INTO v_old FROM session t WHERE t.id = s.id;
        IF FOUND THEN
            IF v_old.number <> s.number OR v_old.instance <> s.instance OR v_old.character_id <> s.character_id THEN
                v_verdict := 'N';
            ELSIF v_old.state = 'ended' OR v_old.version >= s.version THEN
                NULL; -- as it is
            ELSIF v_sits AND v_old.state = 'waiting' AND s.seats > 0 AND v_held[v_at] >= s.seats THEN
                v_verdict := 'S';
            ELSE
                UPDATE session t SET state = s.state, room = s.room, holder = s.holder, connection = s.connection,
                    version = s.version, turn = s.turn, secret = s.secret, until = s.until, auth_until = s.auth_until,
                    ended_at = CASE WHEN s.state = 'ended' THEN p_at END
                WHERE t.instance = s.instance AND t.number = s.number;
                v_held[v_at] := v_held[v_at] + v_sits::int - (v_old.state <> 'waiting')::int;
            END IF;
        ELSIF s.number <= v_forgotten[v_at]
            OR EXISTS (SELECT 1 FROM session t WHERE t.instance = s.instance AND t.number = s.number) THEN
            v_verdict := 'N';
        ELSE
            SELECT t.instance, t.number, t.state INTO v_other
            FROM session t WHERE t.character_id = s.character_id AND t.ended_at IS NULL;
            v_lives := FOUND;
            v_over := v_lives AND v_other.instance = s.instance AND v_other.number < s.number;
            v_freed := (v_over AND v_other.state <> 'waiting')::int;
            IF v_lives AND NOT v_over AND s.state <> 'ended' THEN
                v_verdict := 'C';
            ELSIF v_sits AND s.seats > 0 AND v_held[v_at] - v_freed >= s.seats THEN
                v_verdict := 'S';
            ELSE
                IF v_over THEN
                    UPDATE session t SET state = 'ended', secret = '', until = -1, ended_at = p_at
                    WHERE t.instance = v_other.instance AND t.number = v_other.number;
                END IF;
                INSERT INTO session (instance, number, id, character_id, user_id, name, role, state, room, holder,
                                     connection, version, turn, secret, until, auth_until, ended_at)
                VALUES (s.instance, s.number, s.id, s.character_id, s.user_id, s.name, s.role, s.state, s.room,
                        s.holder, s.connection, s.version, s.turn, s.secret, s.until, s.auth_until,
                        CASE WHEN s.state = 'ended' THEN p_at END)
                ON CONFLICT DO NOTHING;
                -- Somebody who has not locked what we have locked may have been faster: an index says so.
                IF FOUND THEN
                    v_held[v_at] := v_held[v_at] + v_sits::int - v_freed;
                ELSIF v_over THEN
                    RAISE EXCEPTION 'a session was written without its locks' USING ERRCODE = 'serialization_failure';
                ELSIF EXISTS (SELECT 1 FROM session t WHERE t.id = s.id)
                    OR EXISTS (SELECT 1 FROM session t WHERE t.instance = s.instance AND t.number = s.number) THEN
                    v_verdict := 'N';
                ELSE
                    v_verdict := 'C';
                END IF;
            END IF;
        END IF;
        v_saved := v_saved || v_verdict;
    END LOOP;

    UPDATE instance i SET seats = u.seats FROM unnest(v_instances, v_held) AS u (id, seats)
    WHERE i.id = u.id AND i.seats <> u.seats;
    FOR v_at IN 1 .. cardinality(v_instances) LOOP
        EXIT WHEN v_left = 0;
        v_left := v_left - sessions_forget(v_instances[v_at], p_before, v_left);
    END LOOP;
    RETURN v_saved;
END
$$;
