-- Loses: all characters, rooms, items, and the log of actions.
DROP FUNCTION play_commit, play_partition;
DO $$
DECLARE
    v_name text;
BEGIN -- also those that are no partition any more, and were not dropped yet
    FOR v_name IN SELECT p.name FROM action_partition p LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', v_name);
    END LOOP;
END
$$;
DROP TABLE action, action_partition, item, room, character, health;
