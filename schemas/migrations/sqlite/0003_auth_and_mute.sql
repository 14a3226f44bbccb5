-- When the access token that opened a session runs out, and until when a moderator has taken a character's voice:
-- milliseconds since 1970, 0: not known, not muted.
ALTER TABLE session ADD COLUMN auth_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE character ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0;
