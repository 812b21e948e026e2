-- Which term each worker was given, so that one which differs is told of, and holds the shorter one up however seldom it
-- comes to take a step of its own. And what a shorter term deletes is counted at most once an hour.

-- The workers of the last minutes.
CREATE TABLE retention_seen (
  process text PRIMARY KEY,
  -- As in retention_term: 0 keeps everything.
  days int NOT NULL,
  -- When it said so first, and last.
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  -- What it has told the log of others: told once until that changes.
  told text
) WITH (fillfactor = 50);

ALTER TABLE retention_term
  -- Which term `generations` was counted for, and when; it may have failed, and then `generations` is NULL.
  ADD COLUMN counted_days int,
  ADD COLUMN counted_at timestamptz,
  -- The count ended at its limit: there are more.
  ADD COLUMN is_more boolean NOT NULL DEFAULT false;

DROP FUNCTION note_retention(int, bigint);

-- Says which term a worker was given; true if a shorter one is announced by that. Of what the workers of the last
-- p_lately_ms said the longest counts. If it is longer than the one in force it holds at once; a shorter one p_wait_ms
-- after all were first seen with it, and while they differ none is announced.
CREATE FUNCTION note_retention(p_process text, p_days int, p_wait_ms bigint, p_lately_ms bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_term retention_term;
  v_now timestamptz;
  v_days int;
  v_differ boolean;
BEGIN
  SELECT * INTO v_term FROM retention_term FOR UPDATE;
  v_now := app_now();
  DELETE FROM retention_seen WHERE seen_at < v_now - p_lately_ms * interval '1 ms';
  INSERT INTO retention_seen AS s (process, days, since, seen_at) VALUES (p_process, p_days, v_now, v_now)
    ON CONFLICT (process) DO UPDATE SET days = excluded.days, seen_at = excluded.seen_at,
      since = CASE WHEN s.days = excluded.days THEN s.since ELSE excluded.since END;
  SELECT CASE WHEN bool_or(days = 0) THEN 0 ELSE max(days) END, min(days) <> max(days) INTO v_days, v_differ
    FROM retention_seen;
  IF v_days = 0 OR (v_term.days > 0 AND v_days >= v_term.days)
    OR (NOT v_differ AND v_term.next_days = v_days AND v_term.seen_at <= v_now - p_wait_ms * interval '1 ms')
  THEN
    UPDATE retention_term SET days = v_days, next_days = NULL, seen_at = NULL
      WHERE days <> v_days OR next_days IS NOT NULL;
    RETURN false;
  END IF;
  IF v_differ THEN
    UPDATE retention_term SET next_days = NULL, seen_at = NULL WHERE next_days IS NOT NULL;
    RETURN false;
  END IF;
  IF v_term.next_days = v_days THEN RETURN false; END IF;
  UPDATE retention_term SET next_days = v_days, seen_at = v_now;
  RETURN true;
END $$;
