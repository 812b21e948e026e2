-- Webhooks that come before the handle of their task is stored (T4): by the address that was called the part is known,
-- and its first read is made at once.

-- When an upstream first called back about it, before its task was known here.
ALTER TABLE attempt ADD COLUMN called_at timestamptz;

-- A genuine webhook at the address of this part speaks of a task. p_task is its whole handle, or NULL.
CREATE FUNCTION hear_webhook(p_provider text, p_task_id text, p_id uuid, p_n int, p_part int, p_task jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF wake_poll(p_provider, p_task_id) THEN RETURN; END IF;
  -- Waits for a T4 under way, as that waits for this: one of the two sees what the other wrote.
  UPDATE attempt a SET called_at = coalesce(a.called_at, app_now()) FROM generation g
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p_part AND a.provider = p_provider
      AND a.state IN ('intent', 'accepted', 'unknown') AND g.id = a.generation_id AND is_open(g.state);
  IF NOT FOUND THEN RETURN; END IF;
  IF p_task IS NOT NULL THEN PERFORM adopt_task(p_id, p_n, p_part, p_provider, p_task); END IF;
  PERFORM wake_poll(p_provider, p_task_id);
END $$;

-- As in 0019, but that the first read is made at once where a webhook has come already.
CREATE OR REPLACE FUNCTION plan_poll(p_row generation, p_poll_after_ms int, p_told boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := app_now();
  v_due timestamptz := poll_due(v_now + p_poll_after_ms * interval '1 ms', p_row.deadline);
  v_called boolean := EXISTS (SELECT 1 FROM attempt a WHERE a.generation_id = p_row.id AND a.n = p_row.attempts
    AND a.state = 'accepted' AND a.called_at IS NOT NULL);
BEGIN
  INSERT INTO poll AS p (generation_id, due_at, began_at, deadline, told)
    VALUES (p_row.id, CASE WHEN v_called THEN v_now ELSE v_due END, v_now, p_row.deadline, coalesce(p_told, false))
    ON CONFLICT (generation_id) DO UPDATE SET due_at = v_due, reading_until = NULL, told = coalesce(p_told, p.told)
    RETURNING due_at INTO v_due;
  -- Everybody else sees it by the clock of the process that said so, or by the sweep.
  IF v_due <= v_now THEN PERFORM pg_notify('poll_due', ''); END IF;
END $$;
