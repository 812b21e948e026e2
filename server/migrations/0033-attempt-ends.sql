-- Every call keeps what it cost and what its upstream said of it, however it ended: by these a bill finds it.

-- As Usage of providers/provider.ts without what was not said: tokens, pictures, the upstream's name of the call.
ALTER TABLE attempt ADD COLUMN usage jsonb;

-- As in 0019, and the usage.
CREATE OR REPLACE FUNCTION record_parts(p_id uuid, p_n int, p_parts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE attempt a SET state = p.state, upstream_task = coalesce(p.task, a.upstream_task),
      result = coalesce(p.result, a.result), failure = p.failure, message = p.message, cost_usd_micro = p.cost,
      usage = coalesce(p.usage, a.usage), ended_at = CASE WHEN p.state <> 'accepted' THEN app_now() END
    FROM jsonb_to_recordset(p_parts)
      AS p (part int, state text, task jsonb, result jsonb, failure text, message text, cost bigint, usage jsonb)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part
      AND (a.state IN ('intent', 'accepted', 'unknown') OR a.state = p.state);
  INSERT INTO upstream_task AS t (generation_id, n, part, provider, task_id)
    SELECT p_id, p_n, a.part, a.provider, a.upstream_task ->> 'id' FROM attempt a
      WHERE a.generation_id = p_id AND a.n = p_n AND a.state = 'accepted' AND a.upstream_task ? 'id'
    ON CONFLICT (generation_id, n, part) DO UPDATE SET task_id = excluded.task_id, lost_at = NULL
      WHERE t.task_id <> excluded.task_id;
END $$;

-- As in 0019, and the usage.
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
      usage = coalesce(p.usage, a.usage), upstream_task = coalesce(p.task, a.upstream_task)
    FROM jsonb_to_recordset(p_parts)
      AS p (part int, state text, failure text, message text, cost bigint, usage jsonb, task jsonb)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part;
  RETURN true;
END $$;

-- Internal: what became of the calls of an order that ends without a picture, or whose outcome is unknown:
-- [{part, state, failure, message, cost, usage}]. What has ended stays so.
CREATE FUNCTION end_parts(p_id uuid, p_n int, p_parts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE attempt a SET state = p.state, failure = p.failure, message = p.message, cost_usd_micro = p.cost,
      usage = coalesce(p.usage, a.usage), ended_at = app_now()
    FROM jsonb_to_recordset(p_parts)
      AS p (part int, state text, failure text, message text, cost bigint, usage jsonb)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part AND a.state IN ('intent', 'accepted', 'unknown');
END $$;

-- As in 0014. p_usages holds what the upstream said of each part, by its number, where p_costs has its cost.
DROP FUNCTION settle_succeeded(uuid, int, jsonb, int, bytea, jsonb, bigint, text, int, bigint[], jsonb);
CREATE FUNCTION settle_succeeded(p_id uuid, p_epoch int, p_images jsonb, p_delivered int, p_manifest bytea,
  p_warnings jsonb, p_loss bigint, p_process text, p_n int, p_costs bigint[], p_usage jsonb,
  p_usages jsonb DEFAULT NULL)
RETURNS TABLE (available bigint, completed_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE v_row generation; v_now timestamptz := app_now();
BEGIN
  IF p_delivered < 1 THEN RAISE EXCEPTION 'nothing was delivered' USING ERRCODE = 'DR014'; END IF;
  UPDATE generation g SET state = 'succeeded', images = p_images, manifest_sha256 = p_manifest,
      captured = g.unit_price * least(p_delivered, g.count), warnings = p_warnings,
      usage = coalesce(p_usage, g.usage), lease_owner = NULL, lease_until = NULL, next_poll_at = NULL,
      completed_at = v_now
    WHERE g.id = p_id AND g.epoch = p_epoch AND (g.state IN ('storing', 'reconciling')
      OR p_costs IS NOT NULL AND g.state IN ('dispatching', 'awaiting')) RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN; END IF;
  IF p_costs IS NOT NULL THEN
    UPDATE attempt SET state = 'done', failure = NULL, message = NULL, ended_at = v_now,
        cost_usd_micro = p_costs[part + 1], usage = coalesce(nullif(p_usages -> part, 'null'), usage)
      WHERE generation_id = p_id AND n = p_n AND state <> 'done' AND p_costs[part + 1] IS NOT NULL;
  END IF;
  available := finish_generation(v_row, 'capture', v_row.captured, p_loss, 'Generated image',
    v_row.created_by <> p_process);
  IF v_row.spend_scopes IS NOT NULL THEN
    PERFORM give_back_spending(v_row.spend_scopes, v_row.price - v_row.captured);
  END IF;
  -- After the wallet, whose lock orders everybody who comes here: then nobody waits for this row too.
  UPDATE generation_total SET succeeded = succeeded + 1
    WHERE account_id = v_row.account_id AND dialect = v_row.dialect;
  IF NOT FOUND THEN
    INSERT INTO generation_total AS t (account_id, dialect, succeeded) VALUES (v_row.account_id, v_row.dialect, 1)
      ON CONFLICT (account_id, dialect) DO UPDATE SET succeeded = t.succeeded + 1;
  END IF;
  completed_at := v_now;
  RETURN NEXT;
END $$;

-- As in 0014. p_parts tells of each call what became of it; those that it does not name get p_attempt_state.
DROP FUNCTION settle_released(uuid, int, text[], text, text, text, text, text, bigint, text);
CREATE FUNCTION settle_released(p_id uuid, p_epoch int, p_from text[], p_state text, p_reason text,
  p_attempt_state text, p_failure text, p_message text, p_loss bigint, p_process text, p_parts jsonb DEFAULT NULL)
RETURNS TABLE (available bigint, completed_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE v_row generation; v_available bigint; v_now timestamptz := app_now();
BEGIN
  UPDATE generation g SET state = p_state, reason = p_reason, lease_owner = NULL, lease_until = NULL,
      next_poll_at = NULL, not_before = NULL, completed_at = v_now
    WHERE g.id = p_id AND (p_epoch IS NULL OR g.epoch = p_epoch) AND g.state = ANY (p_from) RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN; END IF;
  IF v_row.attempts > 0 THEN
    UPDATE attempt SET state = p_attempt_state, failure = coalesce(p_failure, failure),
        message = coalesce(p_message, message), ended_at = v_now
      WHERE generation_id = p_id AND state IN ('intent', 'accepted', 'unknown') AND n = v_row.attempts
        AND (p_parts IS NULL OR NOT p_parts @> jsonb_build_array(jsonb_build_object('part', part)));
    IF p_parts IS NOT NULL THEN PERFORM end_parts(p_id, v_row.attempts, p_parts); END IF;
  END IF;
  v_available := finish_generation(v_row, 'release', 0, p_loss, 'Generation ' || p_state,
    v_row.created_by <> p_process);
  IF v_row.spend_scopes IS NOT NULL THEN PERFORM give_back_spending(v_row.spend_scopes, v_row.price); END IF;
  RETURN QUERY SELECT v_available, v_now;
END $$;

-- As in 0004. p_parts as above: the calls whose end is known are over, and only the others are of unknown outcome.
DROP FUNCTION begin_reconciling(uuid, int, text, int, text, text);
CREATE FUNCTION begin_reconciling(p_id uuid, p_epoch int, p_process text, p_lease_ms int, p_failure text,
  p_message text, p_parts jsonb DEFAULT NULL) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE v_row generation;
BEGIN
  UPDATE generation SET state = 'reconciling', epoch = epoch + 1, lease_owner = p_process,
      lease_until = app_now() + p_lease_ms * interval '1 ms'
    WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting', 'storing') RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF p_parts IS NOT NULL THEN PERFORM end_parts(p_id, v_row.attempts, p_parts); END IF;
  UPDATE attempt SET state = 'unknown', failure = p_failure, message = p_message
    WHERE generation_id = p_id AND n = v_row.attempts AND state IN ('intent', 'accepted');
  RETURN v_row.epoch;
END $$;

-- A result that came too late: somebody else has settled the order. What it cost and who bills it are kept all the same.
CREATE FUNCTION mark_late(p_id uuid, p_n int, p_parts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE attempt SET late = true WHERE generation_id = p_id AND n = p_n;
  UPDATE attempt a SET usage = coalesce(a.usage, p.usage), cost_usd_micro = coalesce(a.cost_usd_micro, p.cost)
    FROM jsonb_to_recordset(coalesce(p_parts, '[]')) AS p (part int, cost bigint, usage jsonb)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part;
END $$;
