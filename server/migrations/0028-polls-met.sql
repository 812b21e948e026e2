-- Polls that a look meets and that are not to be read do not take the places of those that are.

-- As in 0022, and told of every row that was met: of one whose generation has ended, and is thrown away here, or is
-- under a lease, `left_ms` is null. The caller looks again, since others may have waited behind them.
CREATE OR REPLACE FUNCTION claim_polls(p_lease_ms int, p_places int, p_lanes text[], p_reading int[])
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
    SELECT d.generation_id, is_open(g.state) AS open, g.account_id, g.epoch, g.attempts, g.deadline,
        g.state = 'awaiting' AND (g.lease_until IS NULL OR g.lease_until < v_now) AS readable
      FROM lanes LEFT JOIN unnest(p_lanes, p_reading) AS busy (lane, reading) ON busy.lane = lanes.lane
      CROSS JOIN LATERAL (
        SELECT p.generation_id FROM poll p WHERE p.lane = lanes.lane AND p.due_at <= v_now ORDER BY p.due_at
          LIMIT greatest(0, p_places - coalesce(busy.reading, 0)) FOR UPDATE SKIP LOCKED
      ) d JOIN generation g ON g.id = d.generation_id
  ), gone AS (
    -- An end is final, however old this snapshot is.
    DELETE FROM poll p USING due WHERE p.generation_id = due.generation_id AND NOT due.open
      RETURNING p.generation_id, p.lane
  ), forgotten AS (
    DELETE FROM upstream_task t USING gone WHERE t.generation_id = gone.generation_id
  ), taken AS (
    UPDATE poll p SET due_at = v_now + p_lease_ms * interval '1 ms',
        reading_until = v_now + p_lease_ms * interval '1 ms'
      FROM due WHERE p.generation_id = due.generation_id AND due.open
      RETURNING p.generation_id, p.lane, p.wakes, p.told, p.began_at, due.account_id, due.epoch, due.attempts,
        due.deadline, due.readable
  )
  SELECT taken.generation_id, taken.lane, taken.account_id, taken.epoch, taken.attempts,
      extract(epoch FROM taken.deadline - v_now)::float8 * 1000,
      extract(epoch FROM v_now - taken.began_at)::float8 * 1000, taken.wakes, taken.told, parts.tasks,
      coalesce(parts.has_address, false)
    FROM taken CROSS JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('part', a.part, 'provider', a.provider, 'model', a.upstream_model,
            'task', a.upstream_task)) FILTER (WHERE a.state = 'accepted') AS tasks,
          bool_or(a.state = 'done'
            AND jsonb_path_exists(a.result, '$.images[*] ? (exists (@.url) && !(exists (@.lost)))')) AS has_address
        FROM attempt a WHERE a.generation_id = taken.generation_id AND a.n = taken.attempts
    ) parts
    WHERE taken.readable
  UNION ALL
  SELECT taken.generation_id, taken.lane, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM taken
    WHERE NOT taken.readable
  UNION ALL
  SELECT gone.generation_id, gone.lane, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM gone;
END $$;
