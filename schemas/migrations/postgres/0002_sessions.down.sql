-- Loses: every session and place in a queue, and what is switched of instances.
DROP FUNCTION sessions_save, sessions_clean, sessions_forget;
DROP TABLE session, instance;
