-- Loses: every character, room, item and action.
DROP TABLE health;
DROP TABLE action;
DROP TABLE item;
DROP TABLE room;
DROP TABLE character;
