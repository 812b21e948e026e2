-- What an upstream said of its progress is kept by a read that told nothing new, and forgotten by another attempt.

-- The attempt whose tasks are read.
ALTER TABLE poll ADD COLUMN n int;
UPDATE poll p SET n = g.attempts FROM generation g WHERE g.id = p.generation_id;
DELETE FROM poll WHERE n IS NULL;
ALTER TABLE poll ALTER COLUMN n SET NOT NULL;

-- As in 0023, but that another attempt starts from nothing.
CREATE OR REPLACE FUNCTION plan_poll(p_row generation, p_poll_after_ms int, p_told boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := app_now();
  v_due timestamptz := poll_due(v_now + p_poll_after_ms * interval '1 ms', p_row.deadline);
  v_called boolean := EXISTS (SELECT 1 FROM attempt a WHERE a.generation_id = p_row.id AND a.n = p_row.attempts
    AND a.state = 'accepted' AND a.called_at IS NOT NULL);
BEGIN
  INSERT INTO poll AS p (generation_id, n, due_at, began_at, deadline, told)
    VALUES (p_row.id, p_row.attempts, CASE WHEN v_called THEN v_now ELSE v_due END, v_now, p_row.deadline,
      coalesce(p_told, false))
    ON CONFLICT (generation_id) DO UPDATE SET n = excluded.n, due_at = v_due, reading_until = NULL,
      told = coalesce(p_told, p.told), progress = CASE WHEN p.n = excluded.n THEN p.progress END,
      queue_position = CASE WHEN p.n = excluded.n THEN p.queue_position END
    RETURNING due_at INTO v_due;
  -- Everybody else sees it by the clock of the process that said so, or by the sweep.
  IF v_due <= v_now THEN PERFORM pg_notify('poll_due', ''); END IF;
END $$;

DROP FUNCTION repeat_polls(uuid[], int[], int[], real[], int[]);

-- As in 0019, but that NULL for progress or position leaves what was told before; a position below 0 says that it waits
-- in no queue any more. What was read of an attempt that another has followed says nothing of that.
CREATE FUNCTION repeat_polls(p_ids uuid[], p_ns int[], p_delays_ms int[], p_wakes int[], p_progress real[],
  p_positions int[]) RETURNS boolean LANGUAGE sql AS $$
  WITH moved AS (
    UPDATE poll p SET reading_until = NULL, read_at = app_now(),
        progress = CASE WHEN p.n = t.n THEN coalesce(t.progress, p.progress) ELSE p.progress END,
        queue_position = CASE WHEN p.n <> t.n THEN p.queue_position WHEN t.queue_position < 0 THEN NULL
          ELSE coalesce(t.queue_position, p.queue_position) END,
        due_at = CASE WHEN p.wakes = t.wakes THEN poll_due(app_now() + t.delay_ms * interval '1 ms', p.deadline)
          ELSE app_now() + interval '500 ms' END
      FROM unnest(p_ids, p_ns, p_delays_ms, p_wakes, p_progress, p_positions)
        AS t (id, n, delay_ms, wakes, progress, queue_position)
      WHERE p.generation_id = t.id RETURNING p.wakes <> t.wakes AS woken)
  SELECT coalesce(bool_or(woken), false) FROM moved
$$;
