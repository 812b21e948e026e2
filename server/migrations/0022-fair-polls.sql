-- Reads of upstream tasks in lanes, so that an upstream that hangs delays no other's; and the operator's keys that were
-- replaced a while ago, by which tasks that were made with them are read on.

-- Which reads share a bound: the provider, apart for the operator's key and for customers' own.
ALTER TABLE poll ADD COLUMN lane text NOT NULL DEFAULT '';
UPDATE poll p SET lane = a.provider || CASE WHEN g.own_providers IS NULL THEN '' ELSE ':own' END
  FROM generation g JOIN attempt a ON a.generation_id = g.id AND a.n = g.attempts AND a.part = 0
  WHERE g.id = p.generation_id;
DROP INDEX poll_due;
CREATE INDEX poll_due ON poll (lane, due_at);

-- Here, so that whoever plans a poll need not know of lanes. All parts of an order are at one provider, to its end.
CREATE FUNCTION set_lane() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT a.provider || CASE WHEN g.own_providers IS NULL THEN '' ELSE ':own' END INTO NEW.lane
    FROM generation g JOIN attempt a ON a.generation_id = g.id AND a.n = g.attempts
    WHERE g.id = NEW.generation_id LIMIT 1;
  NEW.lane := coalesce(NEW.lane, '');
  RETURN NEW;
END $$;
CREATE TRIGGER poll_set_lane BEFORE INSERT ON poll FOR EACH ROW EXECUTE FUNCTION set_lane();

-- As in 0019, from each lane as many as the process has places left in it: p_lanes and p_reading say how many it reads
-- now. Lanes are as many as providers, and each is found by one look into the index. An address that was given up is
-- not fetched again.
DROP FUNCTION claim_polls(int, int);
CREATE FUNCTION claim_polls(p_lease_ms int, p_places int, p_lanes text[], p_reading int[])
RETURNS TABLE (id uuid, lane text, account_id uuid, epoch int, n int, left_ms float8, age_ms float8, wakes int,
  told boolean, tasks jsonb, has_address boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_now timestamptz := app_now();
BEGIN
  RETURN QUERY WITH RECURSIVE lanes AS (
    (SELECT p.lane FROM poll p ORDER BY p.lane LIMIT 1)
    UNION ALL
    SELECT (SELECT p.lane FROM poll p WHERE p.lane > lanes.lane ORDER BY p.lane LIMIT 1)
      FROM lanes WHERE lanes.lane IS NOT NULL
  ), due AS (
    SELECT d.generation_id, is_open(g.state) AS open
      FROM lanes LEFT JOIN unnest(p_lanes, p_reading) AS busy (lane, reading) ON busy.lane = lanes.lane
      CROSS JOIN LATERAL (
        SELECT p.generation_id FROM poll p WHERE p.lane = lanes.lane AND p.due_at <= v_now ORDER BY p.due_at
          LIMIT greatest(0, p_places - coalesce(busy.reading, 0)) FOR UPDATE SKIP LOCKED
      ) d JOIN generation g ON g.id = d.generation_id
  ), gone AS (
    -- An end is final, however old this snapshot is.
    DELETE FROM poll p USING due WHERE p.generation_id = due.generation_id AND NOT due.open RETURNING p.generation_id
  ), forgotten AS (
    DELETE FROM upstream_task t USING gone WHERE t.generation_id = gone.generation_id
  ), taken AS (
    UPDATE poll p SET due_at = v_now + p_lease_ms * interval '1 ms',
        reading_until = v_now + p_lease_ms * interval '1 ms'
      FROM due WHERE p.generation_id = due.generation_id AND due.open
      RETURNING p.generation_id, p.lane, p.wakes, p.told, p.began_at
  )
  SELECT g.id, taken.lane, g.account_id, g.epoch, g.attempts, extract(epoch FROM g.deadline - v_now)::float8 * 1000,
      extract(epoch FROM v_now - taken.began_at)::float8 * 1000, taken.wakes, taken.told,
      (SELECT jsonb_agg(jsonb_build_object('part', a.part, 'provider', a.provider, 'model', a.upstream_model,
          'task', a.upstream_task))
        FROM attempt a WHERE a.generation_id = g.id AND a.n = g.attempts AND a.state = 'accepted'),
      EXISTS (SELECT 1 FROM attempt a WHERE a.generation_id = g.id AND a.n = g.attempts AND a.state = 'done'
        AND jsonb_path_exists(a.result, '$.images[*] ? (exists (@.url) && !(exists (@.lost)))'))
    FROM taken JOIN generation g ON g.id = taken.generation_id
    WHERE g.state = 'awaiting' AND (g.lease_until IS NULL OR g.lease_until < v_now);
END $$;

-- Keys of the operator that another has replaced. Kept for as long as a task that was made with them may run, for
-- reading such tasks only, and not at all once the operator removes the key.
CREATE TABLE replaced_provider_key (
  provider provider_name NOT NULL,
  fingerprint text NOT NULL,
  sealed text NOT NULL,
  replaced_at timestamptz NOT NULL,
  PRIMARY KEY (provider, fingerprint)
);
