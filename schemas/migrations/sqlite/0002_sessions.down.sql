-- Loses: every session and place in a queue, and what is switched of instances.
DROP TABLE session;
DROP TABLE instance;
