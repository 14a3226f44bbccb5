-- Loses: who is muted and until when, and when the access tokens of sessions run out.
ALTER TABLE character DROP COLUMN muted_until;
ALTER TABLE session DROP COLUMN auth_until;
