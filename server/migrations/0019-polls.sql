-- Work that waits for its upstream: polls as a queue of their own, several tasks of one order, and webhooks that wake
-- the poll of a task. A read of a task needs no claim on the generation and changes nothing of it; whoever acts on
-- what a read told claims the generation first (claim_awaiting), so that of several readers one acts.

-- What a part brought while other parts of the order have not ended: {images, usage, warnings}.
ALTER TABLE attempt ADD COLUMN result jsonb;

-- One row for each generation in `awaiting`: when its tasks are read next. Small, so that a poll costs no entry in the
-- many indexes of `generation`; rows of ended generations are thrown away by the next claim that meets them.
-- generation.next_poll_at is no longer used.
CREATE TABLE poll (
  generation_id uuid PRIMARY KEY, -- written by functions that have just written the generation: no foreign key
  due_at timestamptz NOT NULL,
  -- Set while a process reads; `due_at` is the same then, so that another reads should this one die.
  reading_until timestamptz,
  read_at timestamptz,
  began_at timestamptz NOT NULL,
  deadline timestamptz NOT NULL,
  -- How often a webhook spoke of it: one that comes during a read is not lost.
  wakes int NOT NULL DEFAULT 0,
  -- Every task of it was promised a webhook, so that reads may be rare.
  told boolean NOT NULL,
  -- As the upstream said last, 0 to 1, and the orders before it there.
  progress real,
  queue_position int
) WITH (fillfactor = 50);
CREATE INDEX poll_due ON poll (due_at);

-- Tasks that are read, by the upstream's own id: what a webhook names. Beside `attempt`, whose every change of state
-- would else be entered into an index more.
CREATE TABLE upstream_task (
  generation_id uuid NOT NULL,
  n int NOT NULL,
  part int NOT NULL,
  provider text NOT NULL,
  task_id text NOT NULL,
  -- Since when the upstream says that it does not know it.
  lost_at timestamptz,
  PRIMARY KEY (generation_id, n, part)
);
CREATE INDEX upstream_task_id ON upstream_task (task_id);

-- Internal: what became of parts, [{part, state, task, result, failure, message, cost}]. Repeats change nothing, and
-- what has ended stays so.
CREATE FUNCTION record_parts(p_id uuid, p_n int, p_parts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE attempt a SET state = p.state, upstream_task = coalesce(p.task, a.upstream_task),
      result = coalesce(p.result, a.result), failure = p.failure, message = p.message, cost_usd_micro = p.cost,
      ended_at = CASE WHEN p.state <> 'accepted' THEN app_now() END
    FROM jsonb_to_recordset(p_parts)
      AS p (part int, state text, task jsonb, result jsonb, failure text, message text, cost bigint)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part
      AND (a.state IN ('intent', 'accepted', 'unknown') OR a.state = p.state);
  INSERT INTO upstream_task AS t (generation_id, n, part, provider, task_id)
    SELECT p_id, p_n, a.part, a.provider, a.upstream_task ->> 'id' FROM attempt a
      WHERE a.generation_id = p_id AND a.n = p_n AND a.state = 'accepted' AND a.upstream_task ? 'id'
    ON CONFLICT (generation_id, n, part) DO UPDATE SET task_id = excluded.task_id, lost_at = NULL
      WHERE t.task_id <> excluded.task_id;
END $$;

-- Some parts of an order have answered and others have not: the handles are safe before the rest is waited for.
CREATE FUNCTION note_parts(p_id uuid, p_epoch int, p_n int, p_parts jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM generation WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting')
    FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM record_parts(p_id, p_n, p_parts);
  RETURN true;
END $$;

-- When a read that ought to be made at p_at is made: once more shortly before the deadline, so that what has ended by
-- then is had, and then at the deadline, which ends the wait.
CREATE FUNCTION poll_due(p_at timestamptz, p_deadline timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT least(p_at, CASE WHEN app_now() < p_deadline - interval '6 s' THEN p_deadline - interval '5 s'
    ELSE p_deadline END)
$$;

-- Internal: the next read, not after the deadline.
CREATE FUNCTION plan_poll(p_row generation, p_poll_after_ms int, p_told boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_due timestamptz := poll_due(app_now() + p_poll_after_ms * interval '1 ms', p_row.deadline);
BEGIN
  INSERT INTO poll AS p (generation_id, due_at, began_at, deadline, told)
    VALUES (p_row.id, v_due, app_now(), p_row.deadline, coalesce(p_told, false))
    ON CONFLICT (generation_id) DO UPDATE SET due_at = v_due, reading_until = NULL, told = coalesce(p_told, p.told);
  -- Everybody else sees it by the clock of the process that said so, or by the sweep.
  IF p_poll_after_ms = 0 THEN PERFORM pg_notify('poll_due', ''); END IF;
END $$;

-- T4: every handle is stored before the first poll, and so is what the other parts brought; no lease between polls.
-- p_told NULL leaves what was said before.
DROP FUNCTION await_task(uuid, int, int, int, jsonb, int);
CREATE FUNCTION await_parts(p_id uuid, p_epoch int, p_n int, p_parts jsonb, p_poll_after_ms int, p_told boolean)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_row generation;
BEGIN
  UPDATE generation SET state = 'awaiting', lease_owner = NULL, lease_until = NULL
    WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting') RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM record_parts(p_id, p_n, p_parts);
  PERFORM plan_poll(v_row, p_poll_after_ms, p_told);
  RETURN true;
END $$;

-- Polls that are due, for one read each. Nothing of the generation moves: its epoch is told, for claim_awaiting. A
-- generation under a lease is being acted on and is not read.
DROP FUNCTION claim_polls(text, int, int);
CREATE FUNCTION claim_polls(p_lease_ms int, p_limit int)
RETURNS TABLE (id uuid, epoch int, n int, left_ms float8, age_ms float8, wakes int, told boolean, tasks jsonb,
  has_address boolean)
LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  RETURN QUERY WITH due AS (
    SELECT p.generation_id, is_open(g.state) AS open FROM poll p JOIN generation g ON g.id = p.generation_id
      WHERE p.due_at <= v_now ORDER BY p.due_at LIMIT p_limit FOR UPDATE OF p SKIP LOCKED
  ), gone AS (
    -- An end is final, however old this snapshot is.
    DELETE FROM poll p USING due WHERE p.generation_id = due.generation_id AND NOT due.open RETURNING p.generation_id
  ), forgotten AS (
    DELETE FROM upstream_task t USING gone WHERE t.generation_id = gone.generation_id
  ), taken AS (
    UPDATE poll p SET due_at = v_now + p_lease_ms * interval '1 ms',
        reading_until = v_now + p_lease_ms * interval '1 ms'
      FROM due WHERE p.generation_id = due.generation_id AND due.open
      RETURNING p.generation_id, p.wakes, p.told, p.began_at
  )
  SELECT g.id, g.epoch, g.attempts, extract(epoch FROM g.deadline - v_now)::float8 * 1000,
      extract(epoch FROM v_now - taken.began_at)::float8 * 1000, taken.wakes, taken.told,
      (SELECT jsonb_agg(jsonb_build_object('part', a.part, 'provider', a.provider, 'task', a.upstream_task))
        FROM attempt a WHERE a.generation_id = g.id AND a.n = g.attempts AND a.state = 'accepted'),
      EXISTS (SELECT 1 FROM attempt a WHERE a.generation_id = g.id AND a.n = g.attempts AND a.state = 'done'
        AND jsonb_path_exists(a.result, '$.images[*].url'))
    FROM taken JOIN generation g ON g.id = taken.generation_id
    WHERE g.state = 'awaiting' AND (g.lease_until IS NULL OR g.lease_until < v_now);
END $$;

-- Reads that told "not yet", all of one moment together. Answers whether any of them is read again in half a second,
-- because a webhook spoke during the read.
CREATE FUNCTION repeat_polls(p_ids uuid[], p_delays_ms int[], p_wakes int[], p_progress real[], p_positions int[])
RETURNS boolean LANGUAGE sql AS $$
  WITH moved AS (
    UPDATE poll p SET reading_until = NULL, read_at = app_now(), progress = t.progress, queue_position = t.queue_position,
        due_at = CASE WHEN p.wakes = t.wakes THEN poll_due(app_now() + t.delay_ms * interval '1 ms', p.deadline)
          ELSE app_now() + interval '500 ms' END
      FROM unnest(p_ids, p_delays_ms, p_wakes, p_progress, p_positions)
        AS t (id, delay_ms, wakes, progress, queue_position)
      WHERE p.generation_id = t.id RETURNING p.wakes <> t.wakes AS woken)
  SELECT coalesce(bool_or(woken), false) FROM moved
$$;

-- A webhook spoke of this task: its poll is due, yet never twice within half a second, whoever plays it back how
-- often. Answers whether we know the task.
CREATE FUNCTION wake_poll(p_provider text, p_task_id text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  UPDATE poll p SET wakes = p.wakes + 1, due_at = CASE WHEN p.reading_until > v_now THEN p.due_at
      ELSE least(p.due_at, greatest(v_now, p.read_at + interval '500 ms')) END
    FROM upstream_task t WHERE t.task_id = p_task_id AND t.provider = p_provider AND p.generation_id = t.generation_id;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM pg_notify('poll_due', '');
  RETURN true;
END $$;

-- The answer to a create was lost with the process that waited for it, and the upstream itself names the task: the
-- reconciler finds it there.
CREATE FUNCTION adopt_task(p_id uuid, p_n int, p_part int, p_provider text, p_task jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE attempt SET upstream_task = p_task
    WHERE generation_id = p_id AND n = p_n AND part = p_part AND provider = p_provider
      AND upstream_task IS NULL AND state IN ('intent', 'unknown');
  RETURN FOUND;
END $$;

-- T9 for tasks that the upstream says it does not know; the other parts go on afterwards.
CREATE FUNCTION lose_tasks(p_id uuid, p_epoch int, p_n int, p_parts int[], p_process text, p_lease_ms int,
  p_message text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE v_epoch int;
BEGIN
  UPDATE generation SET state = 'reconciling', epoch = epoch + 1, lease_owner = p_process,
      lease_until = app_now() + p_lease_ms * interval '1 ms'
    WHERE id = p_id AND epoch = p_epoch AND state = 'awaiting' RETURNING epoch INTO v_epoch;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE attempt SET state = 'unknown', failure = 'unknown_outcome', message = p_message
    WHERE generation_id = p_id AND n = p_n AND part = ANY (p_parts) AND state = 'accepted';
  UPDATE upstream_task SET lost_at = coalesce(lost_at, app_now())
    WHERE generation_id = p_id AND n = p_n AND part = ANY (p_parts);
  UPDATE upstream_task SET lost_at = NULL
    WHERE generation_id = p_id AND n = p_n AND part <> ALL (p_parts) AND lost_at IS NOT NULL;
  RETURN v_epoch;
END $$;

-- T10: parts whose handle is known are read on, those that the upstream has denied for longer than p_grace_ms left
-- out. False = there is none.
CREATE FUNCTION resume_polls(p_id uuid, p_epoch int, p_n int, p_poll_after_ms int, p_grace_ms int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE v_row generation; v_parts int[];
BEGIN
  SELECT array_agg(a.part) INTO v_parts FROM attempt a
    LEFT JOIN upstream_task t ON t.generation_id = a.generation_id AND t.n = a.n AND t.part = a.part
    WHERE a.generation_id = p_id AND a.n = p_n AND a.upstream_task IS NOT NULL
      AND (a.state = 'accepted' OR a.state = 'unknown'
        AND (t.lost_at IS NULL OR t.lost_at > app_now() - p_grace_ms * interval '1 ms'));
  IF v_parts IS NULL THEN RETURN false; END IF;
  UPDATE generation SET state = 'awaiting', lease_owner = NULL, lease_until = NULL
    WHERE id = p_id AND epoch = p_epoch AND state = 'reconciling' RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE attempt SET state = 'accepted', failure = NULL, message = NULL
    WHERE generation_id = p_id AND n = p_n AND part = ANY (v_parts);
  PERFORM record_parts(p_id, p_n, '[]');
  PERFORM plan_poll(v_row, p_poll_after_ms, NULL);
  RETURN true;
END $$;

-- As in 0004, and the handle of a task that was answered at once, by which an address that is gone is had anew.
CREATE OR REPLACE FUNCTION begin_storing(p_id uuid, p_epoch int, p_n int, p_images jsonb, p_usage jsonb, p_parts jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE generation SET state = 'storing', images = p_images, usage = p_usage
    -- `storing` too: the statement may be repeated after a lost acknowledgement.
    WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting', 'storing');
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE attempt a SET state = p.state, failure = p.failure, message = p.message, ended_at = app_now(),
      cost_usd_micro = coalesce(p.cost, CASE WHEN p.state = 'done' THEN a.expected_cost_usd_micro END),
      upstream_task = coalesce(p.task, a.upstream_task)
    FROM jsonb_to_recordset(p_parts)
      AS p (part int, state text, failure text, message text, cost bigint, task jsonb)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part;
  RETURN true;
END $$;

-- What waited when this was installed.
INSERT INTO poll (generation_id, due_at, began_at, deadline, told)
  SELECT id, app_now(), app_now(), deadline, false FROM generation WHERE state = 'awaiting';
INSERT INTO upstream_task (generation_id, n, part, provider, task_id)
  SELECT a.generation_id, a.n, a.part, a.provider, a.upstream_task ->> 'id'
    FROM generation g JOIN attempt a ON a.generation_id = g.id AND a.n = g.attempts
    WHERE g.state = 'awaiting' AND a.state = 'accepted' AND a.upstream_task ? 'id';
