-- Sessions outlive the processes that hold them: who has a seat, who waits, and since which number. Times are
-- milliseconds since 1970, UTC.

-- One row for each session. Its instance has drawn `number` for it and for nobody else, so that is the key: new rows
-- stand at the end, and a change finds its row among those of the same time. id, character_id, user_id, name and role
-- never change. secret: the SHA-256 of what opens it, never the secret; empty when it has ended. until: when its state
-- is over by itself; -1: it lasts. ended_at, and not state, says in the indexes who is live: a change of state between
-- two live ones then touches no index.
CREATE TABLE session (
    instance     TEXT    NOT NULL,
    number       INTEGER NOT NULL,
    id           TEXT    NOT NULL UNIQUE,
    character_id TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    room         TEXT    NOT NULL,
    holder       TEXT    NOT NULL,
    connection   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    turn         INTEGER NOT NULL,
    secret       BLOB    NOT NULL,
    until        INTEGER NOT NULL,
    ended_at     INTEGER,
    PRIMARY KEY (instance, number),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- One live session of a character, in all instances together.
CREATE UNIQUE INDEX session_character ON session (character_id) WHERE ended_at IS NULL;
-- The live ones of an instance by number, without a walk over the ended ones between them.
CREATE INDEX session_live ON session (instance, number) WHERE ended_at IS NULL;
-- What is to be forgotten, oldest first.
CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL;

-- What an operator has switched (capacity 0: as configured), and the highest number among the sessions that were
-- forgotten: a new one must have a higher number. No row: nothing was.
CREATE TABLE instance (
    id          TEXT    NOT NULL PRIMARY KEY,
    capacity    INTEGER NOT NULL DEFAULT 0,
    drain       INTEGER NOT NULL DEFAULT 0 CHECK (drain IN (0, 1)),
    maintenance INTEGER NOT NULL DEFAULT 0 CHECK (maintenance IN (0, 1)),
    ends_at     INTEGER NOT NULL DEFAULT 0,
    message     TEXT    NOT NULL DEFAULT '',
    forgotten   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
