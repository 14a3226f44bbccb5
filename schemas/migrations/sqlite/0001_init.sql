-- What is written down from the first version on. Times are milliseconds since 1970, UTC.

-- A user's characters, and where each stood last. `number` is only the store's own handle: short, and it rises, so
-- "oldest first" is its order. sequence, last_action_id and last_log belong to the newest row of action.
CREATE TABLE character (
    number         INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    user_id        TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    active         INTEGER NOT NULL DEFAULT 0 CHECK (active IN (0, 1)),
    suspended      INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
    x              REAL    NOT NULL DEFAULT 0,
    y              REAL    NOT NULL DEFAULT 0,
    room           TEXT,
    sequence       INTEGER NOT NULL DEFAULT 0,
    last_action_id INTEGER NOT NULL DEFAULT 0,
    last_log       INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX character_user ON character (user_id);
CREATE UNIQUE INDEX character_active ON character (user_id) WHERE active = 1;

-- epoch: the newest lease that was given out; a batch under an older one is refused.
CREATE TABLE room (
    key   TEXT    NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- holder: the character that has it; NULL when it lies at x, y.
CREATE TABLE item (
    room   TEXT NOT NULL REFERENCES room (key),
    id     TEXT NOT NULL,
    kind   TEXT NOT NULL,
    holder TEXT,
    x      REAL NOT NULL,
    y      REAL NOT NULL,
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;

-- The log: only ever appended to. It has no index besides its order on purpose: one keyed by character dirties a page
-- for each action. prev is the id of the same character's row before this one (0: none), character.last_log the
-- newest, so a character's actions are read by walking back.
CREATE TABLE action (
    id           INTEGER PRIMARY KEY,
    character_id TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    action_id    INTEGER NOT NULL,
    room         TEXT    NOT NULL,
    room_version INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    at           INTEGER NOT NULL,
    prev         INTEGER NOT NULL
) STRICT;

-- One row that is written to find out whether the store can be written.
CREATE TABLE health (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    writes INTEGER NOT NULL
) STRICT;

INSERT INTO health (id, writes) VALUES (1, 0);
