-- Outgoing webhooks: endpoints of customers, deliveries (one event to one endpoint) and what came of each attempt.
-- A delivery is written in the transaction that settles the money, so it exists if and only if its event does, and
-- for exactly the endpoints that were enabled and subscribed at that moment. Rows are locked in the order endpoint,
-- account, delivery; a settlement locks the account alone.

-- Whether the account has an enabled endpoint. A settlement reads it with the row it changes anyway, so that it costs
-- nothing where there are no webhooks.
ALTER TABLE account ADD COLUMN webhooks boolean NOT NULL DEFAULT false;

CREATE TABLE webhook_endpoint (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account,
  url text NOT NULL,
  label text,
  events text[] NOT NULL
    CHECK (events <@ '{generation.succeeded,generation.failed}'::text[] AND cardinality(events) > 0),
  policy text NOT NULL CHECK (policy IN ('default', 'standard')),
  -- Encrypted by the service (webhooks/seal.ts). The old one signs too until its time is over.
  secret text NOT NULL,
  old_secret text,
  old_secret_until timestamptz,
  enabled boolean NOT NULL DEFAULT true,
  disabled_reason text CHECK (disabled_reason IN ('owner', 'failures', 'gone')),
  disabled_at timestamptz,
  -- Failed attempts in a row, over all deliveries, and when the first of them was.
  failures int NOT NULL DEFAULT 0,
  failing_since timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  -- Its deliveries stay in the log until they are pruned, and the row until then.
  deleted_at timestamptz
);
CREATE INDEX webhook_endpoint_account ON webhook_endpoint (account_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_endpoint_deleted ON webhook_endpoint (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE webhook_delivery (
  -- What receivers tell repeats by: the same over retries and resends.
  id uuid PRIMARY KEY,
  endpoint_id uuid NOT NULL, -- written beside the hottest rows: no foreign key, as with attempts of generations
  account_id uuid NOT NULL,
  generation_id uuid, -- NULL: a test
  type text NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'exhausted', 'dropped')),
  attempts int NOT NULL DEFAULT 0,
  -- Attempts of this round; a resend begins a new one, with the whole schedule before it.
  tries int NOT NULL DEFAULT 0,
  -- Fences whoever claimed it earlier.
  epoch int NOT NULL DEFAULT 0,
  -- The next attempt; while it is claimed, the end of the lease.
  due_at timestamptz NOT NULL,
  claimed_by text,
  created_at timestamptz NOT NULL,
  ended_at timestamptz
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX webhook_delivery_event ON webhook_delivery (endpoint_id, generation_id)
  WHERE generation_id IS NOT NULL;
CREATE INDEX webhook_delivery_pending ON webhook_delivery (endpoint_id, due_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_list ON webhook_delivery (endpoint_id, created_at, id);
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE webhook_attempt (
  delivery_id uuid NOT NULL,
  n ordinal NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms int NOT NULL,
  -- One of both: what the receiver answered, or why there is no answer.
  status int,
  error text,
  -- The first bytes of the answer.
  answer text,
  PRIMARY KEY (delivery_id, n)
);

-- Brings the account's mark up to date. Whoever calls holds the endpoint that has changed.
CREATE FUNCTION mark_webhooks(p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- A statement of its own, so that the next one sees what was committed while this one waited.
  PERFORM 1 FROM account WHERE id = p_account FOR NO KEY UPDATE;
  UPDATE account SET webhooks = NOT webhooks WHERE id = p_account AND webhooks <> EXISTS (
    SELECT 1 FROM webhook_endpoint e WHERE e.account_id = p_account AND e.enabled AND e.deleted_at IS NULL);
END $$;

-- Event to deliveries, inside the settlement.
CREATE FUNCTION queue_deliveries(p_row generation, p_type text, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO webhook_delivery (id, endpoint_id, account_id, generation_id, type, due_at, created_at)
    SELECT gen_random_uuid(), e.id, e.account_id, p_row.id, p_type, p_now, p_now FROM webhook_endpoint e
      WHERE e.account_id = p_row.account_id AND e.enabled AND e.deleted_at IS NULL AND p_type = ANY (e.events);
  IF FOUND THEN PERFORM pg_notify('webhook_queued', ''); END IF;
END $$;

-- NULL: the account has p_cap endpoints already, or is closed.
CREATE FUNCTION create_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_label text, p_events text[],
  p_policy text, p_secret text, p_cap int) RETURNS SETOF webhook_endpoint LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  PERFORM 1 FROM account WHERE id = p_account AND closed_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR p_cap <= (SELECT count(*) FROM webhook_endpoint e
      WHERE e.account_id = p_account AND e.deleted_at IS NULL) THEN
    RETURN;
  END IF;
  RETURN QUERY INSERT INTO webhook_endpoint (id, account_id, url, label, events, policy, secret, created_at, updated_at)
    VALUES (p_id, p_account, p_url, p_label, p_events, p_policy, p_secret, v_now, v_now) RETURNING *;
  UPDATE account SET webhooks = true WHERE id = p_account AND NOT webhooks;
END $$;

-- Ends the endpoint's deliveries with it; they stay in the log. Whoever calls holds the endpoint.
CREATE FUNCTION disable_webhook_endpoint(p_id uuid, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_account uuid; v_now timestamptz := app_now();
BEGIN
  UPDATE webhook_endpoint SET enabled = false, disabled_reason = p_reason, disabled_at = v_now, updated_at = v_now
    WHERE id = p_id RETURNING account_id INTO v_account;
  PERFORM mark_webhooks(v_account);
  -- After the account's lock: every settlement that still saw the endpoint enabled has committed.
  UPDATE webhook_delivery SET state = 'dropped', ended_at = v_now WHERE endpoint_id = p_id AND state = 'pending';
END $$;

-- NULL leaves a field as it is; p_set_label says whether the label, which may be NULL, is meant.
CREATE FUNCTION change_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_set_label boolean, p_label text,
  p_events text[], p_policy text, p_enabled boolean) RETURNS SETOF webhook_endpoint LANGUAGE plpgsql AS $$
DECLARE v_before webhook_endpoint; v_now timestamptz := app_now();
BEGIN
  SELECT * INTO v_before FROM webhook_endpoint
    WHERE id = p_id AND account_id = p_account AND deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  UPDATE webhook_endpoint SET url = coalesce(p_url, url), events = coalesce(p_events, events),
      label = CASE WHEN p_set_label THEN p_label ELSE label END, policy = coalesce(p_policy, policy), updated_at = v_now
    WHERE id = p_id;
  IF p_enabled AND NOT v_before.enabled THEN
    UPDATE webhook_endpoint SET enabled = true, disabled_reason = NULL, disabled_at = NULL, failures = 0,
        failing_since = NULL
      WHERE id = p_id;
    PERFORM mark_webhooks(p_account);
  ELSIF NOT p_enabled AND v_before.enabled THEN
    PERFORM disable_webhook_endpoint(p_id, 'owner');
  END IF;
  RETURN QUERY SELECT * FROM webhook_endpoint WHERE id = p_id;
END $$;

CREATE FUNCTION delete_webhook_endpoint(p_id uuid, p_account uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE webhook_endpoint SET deleted_at = app_now(), secret = '', old_secret = NULL
    WHERE id = p_id AND account_id = p_account AND deleted_at IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM disable_webhook_endpoint(p_id, 'owner');
  RETURN true;
END $$;

-- Takes up to p_limit deliveries that are due. It walks the endpoints upwards from p_after, jumping from one to the
-- next in the index, so that the backlog of one costs and delays no other, and takes of each no more than it has
-- places: p_room, one while it fails, less those that the process holds already (p_held, p_held_counts). What belongs
-- to an endpoint that was disabled meanwhile is dropped.
CREATE FUNCTION claim_deliveries(p_process text, p_lease_ms int, p_limit int, p_room int, p_after uuid,
  p_held uuid[], p_held_counts int[])
RETURNS TABLE (id uuid, epoch int, state text, type text, generation_id uuid, tries int, created_at timestamptz,
  endpoint_id uuid, url text, policy text, secret text, old_secret text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_now timestamptz := app_now();
BEGIN
  -- Its commit need not wait for the disk: should a crash of the database lose the claim, it is made again.
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY WITH RECURSIVE walk AS (
    (SELECT d.endpoint_id FROM webhook_delivery d WHERE d.state = 'pending' AND d.endpoint_id > p_after
      ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhook_delivery d WHERE d.state = 'pending' AND d.endpoint_id > w.endpoint_id
      ORDER BY d.endpoint_id LIMIT 1)
    FROM walk w WHERE w.endpoint_id IS NOT NULL
  ), picked AS (
    SELECT due.id FROM walk w JOIN webhook_endpoint e ON e.id = w.endpoint_id
      CROSS JOIN LATERAL (
        SELECT d.id FROM webhook_delivery d
          WHERE d.state = 'pending' AND d.endpoint_id = w.endpoint_id AND d.due_at <= v_now
          ORDER BY d.due_at
          LIMIT greatest(0, CASE WHEN e.failures > 0 THEN 1 ELSE p_room END
            - coalesce(p_held_counts[array_position(p_held, e.id)], 0))
          FOR UPDATE SKIP LOCKED) due
    LIMIT p_limit
  )
  UPDATE webhook_delivery d SET epoch = d.epoch + 1, claimed_by = p_process,
      due_at = v_now + (p_lease_ms + CASE e.policy WHEN 'standard' THEN 15000 ELSE 5000 END) * interval '1 ms',
      state = CASE WHEN e.enabled THEN 'pending' ELSE 'dropped' END, ended_at = CASE WHEN NOT e.enabled THEN v_now END
    FROM picked p, webhook_endpoint e
    WHERE d.id = p.id AND d.state = 'pending' AND e.id = d.endpoint_id
    RETURNING d.id, d.epoch, d.state, d.type, d.generation_id, d.tries, d.created_at, d.endpoint_id, e.url, e.policy,
      e.secret, CASE WHEN e.old_secret_until > v_now THEN e.old_secret END;
END $$;

-- What came of an attempt: the delivery ends, or is due again after p_delay_ms (NULL: it was the last). The endpoint
-- counts its failures in a row and is disabled by p_max_failures of them, by p_max_failing_s since the first, or at
-- once where p_gone is set. No row: another process has claimed the delivery since, and its result counts.
CREATE FUNCTION finish_delivery(p_id uuid, p_epoch int, p_endpoint uuid, p_ok boolean, p_status int, p_error text,
  p_answer text, p_started_at timestamptz, p_duration_ms int, p_delay_ms bigint, p_max_failures int,
  p_max_failing_s int, p_gone boolean)
RETURNS TABLE (state text, attempt int, disabled boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_now timestamptz := app_now(); v_endpoint webhook_endpoint; v_row webhook_delivery;
BEGIN
  IF p_ok THEN
    -- Should a crash of the database lose it, the delivery is sent again, under its id.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE webhook_endpoint SET failures = 0, failing_since = NULL WHERE id = p_endpoint AND failures > 0;
  ELSE
    SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint FOR UPDATE;
  END IF;
  UPDATE webhook_delivery d SET attempts = d.attempts + 1, tries = d.tries + 1, claimed_by = NULL,
      -- Disabled while it was under way: then it has ended already, unless it has arrived.
      state = CASE WHEN p_ok THEN 'delivered' WHEN d.state = 'pending' AND p_delay_ms IS NULL THEN 'exhausted'
        ELSE d.state END,
      due_at = v_now + coalesce(p_delay_ms, 0) * interval '1 ms',
      ended_at = CASE WHEN p_ok OR d.state = 'dropped' OR p_delay_ms IS NULL THEN v_now END
    WHERE d.id = p_id AND d.epoch = p_epoch AND d.claimed_by IS NOT NULL AND d.state IN ('pending', 'dropped')
    RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN; END IF;
  INSERT INTO webhook_attempt (delivery_id, n, started_at, duration_ms, status, error, answer)
    VALUES (p_id, v_row.attempts, p_started_at, p_duration_ms, p_status, p_error, p_answer);
  disabled := false;
  IF NOT p_ok AND v_endpoint.enabled THEN
    UPDATE webhook_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, v_now)
      WHERE id = p_endpoint RETURNING * INTO v_endpoint;
    disabled := p_gone OR coalesce(v_endpoint.failures >= p_max_failures, false)
      OR coalesce(v_endpoint.failing_since <= v_now - p_max_failing_s * interval '1 s', false);
    IF disabled THEN
      PERFORM disable_webhook_endpoint(p_endpoint, CASE WHEN p_gone THEN 'gone' ELSE 'failures' END);
      SELECT * INTO v_row FROM webhook_delivery WHERE id = p_id;
    END IF;
  END IF;
  state := v_row.state; attempt := v_row.attempts;
  RETURN NEXT;
END $$;

-- A delivery that carries no generation, to try an endpoint with. Answers NULL where it is disabled or unknown, or
-- where its host has been sent p_per_minute of these in a minute, by whomever.
CREATE FUNCTION queue_test_delivery(p_id uuid, p_endpoint uuid, p_account uuid, p_host text, p_per_minute int)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  -- The lock keeps the endpoint enabled until this is committed.
  PERFORM 1 FROM webhook_endpoint
    WHERE id = p_endpoint AND account_id = p_account AND enabled AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF NOT (SELECT allowed FROM take_from_window('webhook-host:' || p_host, p_per_minute, 60)) THEN RETURN NULL; END IF;
  INSERT INTO webhook_delivery (id, endpoint_id, account_id, type, due_at, created_at)
    VALUES (p_id, p_endpoint, p_account, 'webhook.test', v_now, v_now);
  PERFORM pg_notify('webhook_queued', '');
  RETURN p_id;
END $$;

-- Sends deliveries that have ended once more, under their old ids, with the whole schedule before them: the one that
-- p_id names, or, where it is NULL, those that failed and were created since p_since, at most p_limit. Counts them.
CREATE FUNCTION resend_deliveries(p_endpoint uuid, p_account uuid, p_id uuid, p_since timestamptz, p_limit int)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_count int;
BEGIN
  PERFORM 1 FROM webhook_endpoint
    WHERE id = p_endpoint AND account_id = p_account AND enabled AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RETURN 0; END IF;
  UPDATE webhook_delivery SET state = 'pending', tries = 0, due_at = v_now, claimed_by = NULL, ended_at = NULL
    WHERE id IN (SELECT d.id FROM webhook_delivery d WHERE d.endpoint_id = p_endpoint AND CASE WHEN p_id IS NULL
        THEN d.created_at >= p_since AND d.state IN ('exhausted', 'dropped') ELSE d.id = p_id AND d.state <> 'pending' END
      ORDER BY d.created_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN PERFORM pg_notify('webhook_queued', ''); END IF;
  RETURN v_count;
END $$;

-- As in 0004, and the deliveries of the event. Only what is made through these two dialects is announced: the others'
-- contracts know no webhooks.
CREATE OR REPLACE FUNCTION finish_generation(p_row generation, p_kind text, p_captured bigint, p_loss bigint,
  p_description text, p_notify boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := app_now();
  v_back bigint := p_row.price - p_captured;
  v_transfer uuid := gen_random_uuid();
  v_type text := CASE WHEN p_row.state = 'succeeded' THEN 'generation.succeeded' ELSE 'generation.failed' END;
  v_available bigint;
  v_seq bigint;
  v_webhooks boolean;
BEGIN
  IF cardinality(p_row.slots) > 0 THEN
    -- In the order in which T1 takes them (by bytes, whatever the database's collation), so that no two
    -- transactions wait for each other.
    PERFORM 1 FROM slot WHERE scope = ANY (p_row.slots) ORDER BY scope COLLATE "C" FOR UPDATE;
    UPDATE slot SET in_flight = in_flight - 1 WHERE scope = ANY (p_row.slots);
  END IF;
  INSERT INTO event (account_id, generation_id, type, status, created_at)
    VALUES (p_row.account_id, p_row.id, v_type, p_row.state, v_now);
  IF p_row.price > 0 THEN
    UPDATE account SET held = held - p_row.price, available = available + v_back,
        usage_rows = usage_rows + (v_back > 0)::int, touched_at = touch(touched_at, v_now)
      WHERE id = p_row.account_id RETURNING available, usage_rows, webhooks INTO v_available, v_seq, v_webhooks;
  ELSE
    SELECT available, webhooks INTO v_available, v_webhooks FROM account WHERE id = p_row.account_id;
  END IF;
  IF v_webhooks AND p_row.dialect IN ('native', 'gptimage2') THEN
    PERFORM queue_deliveries(p_row, v_type, v_now);
  END IF;
  INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
    VALUES (v_transfer, p_kind, p_row.account_id, p_row.id, p_description, v_now);
  IF p_row.price > 0 THEN
    INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
      SELECT v_transfer, l.owner, l.bucket, 'credit', l.amount, l.seq, l.balance_after, v_now FROM (VALUES
        (p_row.account_id, 'held', -p_row.price, NULL::bigint, NULL::bigint),
        (system_owner(), 'revenue', p_captured, NULL, NULL),
        (p_row.account_id, 'available', v_back, v_seq, v_available)) l (owner, bucket, amount, seq, balance_after)
      WHERE l.amount <> 0;
  END IF;
  IF p_loss > 0 THEN
    v_transfer := gen_random_uuid();
    INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
      VALUES (v_transfer, 'operator_loss', p_row.account_id, p_row.id, p_row.reason, v_now);
    INSERT INTO entry (transfer_id, owner, bucket, unit, amount, created_at) VALUES
      (v_transfer, system_owner(), 'operator_loss', 'usd_micro', p_loss, v_now),
      (v_transfer, system_owner(), 'upstream_cost', 'usd_micro', -p_loss, v_now);
  END IF;
  IF p_notify THEN PERFORM pg_notify('generation_settled', p_row.id::text); END IF;
  RETURN v_available;
END $$;
