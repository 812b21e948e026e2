-- The rules that must hold at any moment. Any row is an incident. `since` limits the look to accounts and
-- generations touched since then (every minute in production); NULL looks at everything (nightly, after tests).

CREATE FUNCTION is_open(p_state text) RETURNS boolean LANGUAGE sql IMMUTABLE
  AS $$ SELECT p_state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling') $$;

CREATE FUNCTION invariant_violations(since timestamptz) RETURNS TABLE (rule text, subject text)
LANGUAGE sql STABLE AS $$
  WITH wallet AS (SELECT * FROM account WHERE since IS NULL OR touched_at >= since),
  -- One pass over the ledger when everything is checked; in between only the last line of each recent account.
  sums AS (SELECT owner, bucket, sum(amount) AS total FROM entry WHERE since IS NULL GROUP BY owner, bucket),
  open_holds AS (SELECT g.account_id, sum(g.price) AS price FROM generation g
    WHERE g.state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling') GROUP BY g.account_id),
  recent AS (SELECT * FROM generation g WHERE since IS NULL OR g.completed_at >= since
    OR g.state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling'))
  -- I1: the wallet equals its entries, and each usage row follows from the one before it.
  SELECT 'I1', a.id::text FROM wallet a
    CROSS JOIN LATERAL (VALUES ('available', a.available), ('held', a.held), ('debt', -a.debt)) b (bucket, value)
    -- A join, since a subquery here would add the whole ledger up once more for each bucket of each wallet.
    LEFT JOIN sums s ON s.owner = a.id AND s.bucket = b.bucket
    WHERE since IS NULL AND b.value <> coalesce(s.total, 0)
  UNION ALL SELECT 'I1', a.id::text FROM wallet a
    WHERE a.available <> coalesce((SELECT balance_after FROM entry e WHERE e.owner = a.id AND e.seq = a.usage_rows), 0)
      OR EXISTS (SELECT 1 FROM entry e WHERE e.owner = a.id AND e.seq > a.usage_rows)
  UNION ALL SELECT 'I1', e.owner::text FROM entry e JOIN wallet a ON a.id = e.owner
    LEFT JOIN entry before ON before.owner = e.owner AND before.seq = e.seq - 1
    WHERE e.seq IS NOT NULL AND e.seq > CASE WHEN since IS NULL THEN 0 ELSE a.usage_rows - 100 END
      AND e.balance_after <> coalesce(before.balance_after, 0) + e.amount
  -- I2: no bucket column is negative (the CHECKs say so; said again in case one is dropped).
  UNION ALL SELECT 'I2', a.id::text FROM wallet a WHERE least(a.available, a.held, a.debt) < 0
  -- I3: held is the sum of the open holds.
  UNION ALL SELECT 'I3', a.id::text FROM wallet a LEFT JOIN open_holds o ON o.account_id = a.id
    WHERE a.held <> coalesce(o.price, 0)
  -- I4: terminal if and only if exactly one capture or release, which with it accounts for the whole hold.
  UNION ALL SELECT 'I4', g.id::text FROM recent g WHERE (NOT is_open(g.state))::int
    <> (SELECT count(*) FROM transfer t WHERE t.generation_id = g.id AND t.kind IN ('capture', 'release'))
  UNION ALL SELECT 'I4', g.id::text FROM recent g WHERE NOT is_open(g.state) AND -g.price
    <> (SELECT coalesce(sum(e.amount), 0) FROM transfer t JOIN entry e ON e.transfer_id = t.id
        WHERE t.generation_id = g.id AND t.kind IN ('capture', 'release') AND e.bucket = 'held')
  UNION ALL SELECT 'I4', g.id::text FROM recent g WHERE 1
    <> (SELECT count(*) FROM transfer t WHERE t.generation_id = g.id AND t.kind = 'hold')
  -- I5: succeeded if and only if captured (or free) and a manifest is recorded.
  UNION ALL SELECT 'I5', g.id::text FROM recent g
    WHERE (g.state = 'succeeded') <> (g.manifest_sha256 IS NOT NULL)
      OR g.price <> g.unit_price * g.count OR g.captured > g.price
      OR (g.state = 'succeeded' AND g.price > 0 AND g.captured = 0) OR (g.state <> 'succeeded' AND g.captured > 0)
      OR g.captured <> (SELECT coalesce(sum(e.amount), 0) FROM transfer t JOIN entry e ON e.transfer_id = t.id
        WHERE t.generation_id = g.id AND t.kind = 'capture' AND e.bucket = 'revenue')
  -- I6: no hold is open past its deadline, two leases of 30 s and a sweep.
  UNION ALL SELECT 'I6', g.id::text FROM recent g
    WHERE is_open(g.state) AND g.deadline < app_now() - interval '70 seconds'
  -- I7: a slot counts the open generations that hold it.
  UNION ALL SELECT 'I7', coalesce(s.scope, o.scope) FROM slot s
    FULL JOIN (SELECT unnest(g.slots) AS scope, count(*) AS open FROM generation g
      WHERE g.state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling') GROUP BY 1) o ON o.scope = s.scope
    WHERE coalesce(s.in_flight, 0) <> coalesce(o.open, 0)
  -- I8: everything ever written sums to zero per unit; each recent transfer does.
  UNION ALL SELECT 'I8', e.unit FROM entry e WHERE since IS NULL GROUP BY e.unit HAVING sum(e.amount) <> 0
  UNION ALL SELECT 'I8', t.id::text FROM recent g JOIN transfer t ON t.generation_id = g.id
    JOIN entry e ON e.transfer_id = t.id GROUP BY t.id, e.unit HAVING sum(e.amount) <> 0
  -- I9: exactly one event per terminal generation, none before.
  UNION ALL SELECT 'I9', g.id::text FROM recent g WHERE (NOT is_open(g.state))::int
    <> (SELECT count(*) FROM event v WHERE v.generation_id = g.id)
  -- I10: unless creates are idempotent, at most one attempt of each part may have run.
  UNION ALL SELECT 'I10', g.id::text FROM recent g WHERE EXISTS (SELECT 1 FROM attempt t
    WHERE t.generation_id = g.id AND t.state <> 'not_run' AND t.upstream_key IS NULL GROUP BY t.part HAVING count(*) > 1)
  -- Completeness: an attempt that delivered has a cost.
  UNION ALL SELECT 'C1', g.id::text FROM recent g WHERE EXISTS (SELECT 1 FROM attempt t
    WHERE t.generation_id = g.id AND t.state = 'done' AND t.cost_usd_micro IS NULL)
$$;
