-- What is written down of play. Times are milliseconds since 1970, UTC. Names and ids are compared byte by byte.

-- A user's characters, and where each stood last. `number` rises, so "oldest first" is its order. sequence and
-- last_action_id belong to its newest row of action. An action changes columns that no index has, and half of each page
-- is left free for that: the new version stands beside the old one, and no index learns of it.
CREATE TABLE character (
    number         bigint           GENERATED ALWAYS AS IDENTITY,
    id             text COLLATE "C" PRIMARY KEY,
    user_id        text COLLATE "C" NOT NULL,
    name           text             NOT NULL,
    active         boolean          NOT NULL DEFAULT false,
    suspended      boolean          NOT NULL DEFAULT false,
    x              double precision NOT NULL DEFAULT 0,
    y              double precision NOT NULL DEFAULT 0,
    room           text COLLATE "C",
    sequence       bigint           NOT NULL DEFAULT 0,
    last_action_id bigint           NOT NULL DEFAULT 0,
    created_at     bigint           NOT NULL,
    muted_until    bigint           NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE INDEX character_user ON character (user_id, number);
CREATE UNIQUE INDEX character_active ON character (user_id) WHERE active;

-- epoch: the newest lease that was given out; a batch under an older one is refused.
CREATE TABLE room (
    key   text COLLATE "C" PRIMARY KEY,
    epoch bigint           NOT NULL
) WITH (fillfactor = 50);

-- holder: the character that has it; NULL when it lies at x, y.
CREATE TABLE item (
    room   text COLLATE "C" NOT NULL REFERENCES room (key),
    id     text COLLATE "C" NOT NULL,
    kind   text             NOT NULL,
    holder text COLLATE "C",
    x      double precision NOT NULL,
    y      double precision NOT NULL,
    PRIMARY KEY (room, id)
) WITH (fillfactor = 50);

-- The log: only ever appended to. It is cut into partitions by time, so that forgetting the oldest is dropping a table.
-- That a character has a sequence once is seen to by the row of the character (play_commit).
CREATE TABLE action (
    character_id text COLLATE "C" NOT NULL,
    sequence     bigint           NOT NULL,
    action_id    bigint           NOT NULL,
    room         text COLLATE "C" NOT NULL,
    room_version bigint           NOT NULL,
    kind         text             NOT NULL,
    payload      bytea            NOT NULL,
    at           bigint           NOT NULL
) PARTITION BY RANGE (at);

CREATE INDEX action_character ON action (character_id, sequence);

-- Its partitions: each has what was accepted from lower on and before upper, both whole hours.
CREATE TABLE action_partition (
    lower bigint PRIMARY KEY,
    upper bigint NOT NULL CHECK (upper > lower),
    name  text   NOT NULL UNIQUE
);

-- Makes the partition that has p_at, p_hours long or what its neighbours leave of that, when there is none. Gives the
-- time where it ends.
CREATE FUNCTION play_partition(p_at bigint, p_hours bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_width bigint := p_hours * 3600000;
    v_lower bigint;
    v_upper bigint;
    v_name  text;
BEGIN
    FOR v_locked IN 0..1 LOOP
        SELECT p.upper INTO v_upper FROM action_partition p
        WHERE p.lower <= p_at AND p.upper > p_at AND to_regclass(quote_ident(p.name)) IS NOT NULL;
        IF FOUND THEN
            RETURN v_upper;
        END IF;
        PERFORM pg_advisory_xact_lock(7020115);
    END LOOP;
    DELETE FROM action_partition p WHERE to_regclass(quote_ident(p.name)) IS NULL; -- dropped by somebody else
    v_lower := greatest(p_at / v_width * v_width, (SELECT max(p.upper) FROM action_partition p WHERE p.upper <= p_at));
    v_upper := least(p_at / v_width * v_width + v_width,
                     (SELECT min(p.lower) FROM action_partition p WHERE p.lower > p_at));
    v_name := 'action_' || to_char(to_timestamp(v_lower / 1000) AT TIME ZONE 'UTC', 'YYYYMMDDHH24');
    -- Made and then attached: that holds up nobody who writes to the others. It is not worth a vacuum before it goes.
    EXECUTE format('CREATE TABLE %I (LIKE action INCLUDING ALL) WITH (autovacuum_vacuum_insert_threshold = -1)', v_name);
    EXECUTE format('ALTER TABLE action ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', v_name, v_lower, v_upper);
    INSERT INTO action_partition (lower, upper, name) VALUES (v_lower, v_upper, v_name);
    RETURN v_upper;
END
$$;

-- Stores one batch, all or nothing. Rooms, characters and items are given once each and in order, so that two batches
-- at the same time wait for each other and do not lock each other out:
--   rooms, epochs                                the leases it was made under
--   characters, befores, firsts                  each one's sequence before the batch, and its first actionId in it
--   lasts, last_actions, xs, ys, places          what it is after it
--   item_rooms, items, holders, item_xs, item_ys the items it changed, as they are after it
--   a_*                                          its actions
-- Errors name the first of rooms (PH001: an old lease), of characters (PH002: unknown, PH003: a gap) or of items
-- (PH004: unknown) that is wrong, counted from 1, in their detail.
-- p_again: the answer to this batch was lost. Waits until nobody can store it any more in an earlier try that has begun
-- (one that has not will find a gap), and stores it only when it is not there. True when it was.
CREATE FUNCTION play_commit(
    p_at bigint, p_again bigint, p_rooms text[], p_epochs bigint[],
    p_characters text[], p_befores bigint[], p_firsts bigint[], p_lasts bigint[], p_last_actions bigint[],
    p_xs double precision[], p_ys double precision[], p_places text[],
    p_item_rooms text[], p_items text[], p_holders text[], p_item_xs double precision[], p_item_ys double precision[],
    a_characters text[], a_sequences bigint[], a_actions bigint[], a_rooms text[], a_versions bigint[], a_kinds text[],
    a_payloads bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_found  bigint;
    v_wrong  bigint;
    v_absent boolean;
BEGIN
    IF p_again <> 0 THEN
        PERFORM 1 FROM unnest(p_rooms) AS u (key) JOIN room r ON r.key = u.key FOR NO KEY UPDATE OF r;
        SELECT count(*) INTO v_found
        FROM unnest(a_characters, a_sequences, a_actions, a_rooms, a_versions)
            AS u (character_id, sequence, action_id, room, room_version)
        JOIN action a ON a.character_id = u.character_id AND a.sequence = u.sequence
        WHERE a.at = p_at AND a.action_id = u.action_id AND a.room = u.room AND a.room_version = u.room_version;
        IF v_found = cardinality(a_characters) THEN
            RETURN true;
        END IF;
    END IF;

    SELECT count(*) INTO v_found FROM (
        SELECT 1 FROM unnest(p_rooms, p_epochs) AS u (key, epoch)
        JOIN room r ON r.key = u.key WHERE r.epoch = u.epoch FOR SHARE OF r
    ) AS locked;
    IF v_found <> cardinality(p_rooms) THEN
        SELECT min(u.n) INTO v_wrong FROM unnest(p_rooms, p_epochs) WITH ORDINALITY AS u (key, epoch, n)
        LEFT JOIN room r ON r.key = u.key WHERE r.epoch IS DISTINCT FROM u.epoch;
        RAISE EXCEPTION 'a batch under an old lease' USING ERRCODE = 'PH001', DETAIL = coalesce(v_wrong, 1);
    END IF;

    UPDATE character c SET x = u.x, y = u.y, room = u.place, sequence = u.last, last_action_id = u.last_action
    FROM unnest(p_characters, p_befores, p_firsts, p_lasts, p_last_actions, p_xs, p_ys, p_places)
        AS u (id, before, first, last, last_action, x, y, place)
    WHERE c.id = u.id AND c.sequence = u.before AND c.last_action_id < u.first;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found <> cardinality(p_characters) THEN -- those that were right have a row of this transaction by now
        SELECT u.n, c.id IS NULL INTO v_wrong, v_absent FROM unnest(p_characters) WITH ORDINALITY AS u (id, n)
        LEFT JOIN character c ON c.id = u.id WHERE c.id IS NULL OR c.xmin <> pg_current_xact_id()::xid
        ORDER BY u.n LIMIT 1;
        RAISE EXCEPTION 'a batch that does not follow on what is stored'
            USING ERRCODE = CASE WHEN v_absent THEN 'PH002' ELSE 'PH003' END, DETAIL = coalesce(v_wrong, 1);
    END IF;

    IF cardinality(p_items) > 0 THEN
        UPDATE item i SET holder = u.holder, x = u.x, y = u.y
        FROM unnest(p_item_rooms, p_items, p_holders, p_item_xs, p_item_ys) AS u (room, id, holder, x, y)
        WHERE i.room = u.room AND i.id = u.id;
        GET DIAGNOSTICS v_found = ROW_COUNT;
        IF v_found <> cardinality(p_items) THEN
            SELECT min(u.n) INTO v_wrong FROM unnest(p_item_rooms, p_items) WITH ORDINALITY AS u (room, id, n)
            LEFT JOIN item i ON i.room = u.room AND i.id = u.id WHERE i.id IS NULL;
            RAISE EXCEPTION 'a batch with an unknown item' USING ERRCODE = 'PH004', DETAIL = coalesce(v_wrong, 1);
        END IF;
    END IF;

    INSERT INTO action (character_id, sequence, action_id, room, room_version, kind, payload, at)
    SELECT u.*, p_at FROM unnest(a_characters, a_sequences, a_actions, a_rooms, a_versions, a_kinds, a_payloads) AS u;
    RETURN false;
END
$$;

-- One row that is written to find out whether the store can be written.
CREATE TABLE health (
    id     bigint PRIMARY KEY CHECK (id = 1),
    writes bigint NOT NULL
) WITH (fillfactor = 50);

INSERT INTO health (id, writes) VALUES (1, 0);
