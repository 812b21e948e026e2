-- What waits for the proof of an endpoint is bounded: no claim looks at it, and the wait ends even where its owner asks
-- for one challenge after the other. Challenges are no failed deliveries, and a repeat of making an endpoint costs none.

-- Since when it waits for its proof without a break, whatever challenges and URLs there were; NULL: it does not.
ALTER TABLE webhook_endpoint ADD COLUMN pending_since timestamptz;
UPDATE webhook_endpoint SET pending_since = app_now() WHERE ownership = 'pending';
CREATE INDEX webhook_endpoint_waiting ON webhook_endpoint (pending_since) WHERE pending_since IS NOT NULL;

-- As in 0035, and the wait is over.
CREATE OR REPLACE FUNCTION disable_webhook_endpoint(p_id uuid, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_account uuid; v_now timestamptz := app_now();
BEGIN
  UPDATE webhook_endpoint SET enabled = false, disabled_reason = p_reason, disabled_at = v_now, updated_at = v_now,
      pending_since = NULL,
      ownership = CASE ownership WHEN 'pending' THEN 'unproven' ELSE ownership END
    WHERE id = p_id RETURNING account_id INTO v_account;
  PERFORM mark_webhooks(v_account);
  -- After the account's lock: every settlement that still saw the endpoint enabled has committed.
  UPDATE webhook_delivery SET state = 'dropped', ended_at = v_now WHERE endpoint_id = p_id AND state = 'pending';
END $$;

-- As in 0035; one challenge after another is one wait, and the one before is found by its id.
CREATE OR REPLACE FUNCTION start_challenge(p_id uuid, p_challenge uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_account uuid;
BEGIN
  UPDATE webhook_delivery SET state = 'dropped', ended_at = v_now
    WHERE id = (SELECT challenge_id FROM webhook_endpoint WHERE id = p_id) AND state = 'pending';
  UPDATE webhook_endpoint SET ownership = 'pending', challenge_id = p_challenge,
      pending_since = coalesce(pending_since, v_now)
    WHERE id = p_id RETURNING account_id INTO v_account;
  INSERT INTO webhook_delivery (id, endpoint_id, account_id, type, due_at, created_at)
    VALUES (p_challenge, p_id, v_account, 'webhook.challenge', v_now, v_now);
  PERFORM pg_notify('webhook_queued', '');
END $$;

-- As in 0035; no wait is left where no proof is asked for any more.
CREATE OR REPLACE FUNCTION change_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_set_label boolean, p_label text,
  p_events text[], p_policy text, p_enabled boolean, p_challenge uuid) RETURNS SETOF webhook_endpoint
LANGUAGE plpgsql AS $$
DECLARE v_before webhook_endpoint; v_after webhook_endpoint; v_now timestamptz := app_now(); v_is_moved boolean;
BEGIN
  SELECT * INTO v_before FROM webhook_endpoint
    WHERE id = p_id AND account_id = p_account AND deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  v_is_moved := coalesce(p_url, v_before.url) <> v_before.url;
  UPDATE webhook_endpoint SET url = coalesce(p_url, url), events = coalesce(p_events, events),
      label = CASE WHEN p_set_label THEN p_label ELSE label END, policy = coalesce(p_policy, policy), updated_at = v_now,
      -- What was proven, or asked, of the URL before says nothing of this one.
      ownership = CASE WHEN NOT v_is_moved THEN ownership WHEN p_challenge IS NOT NULL THEN 'unproven' END,
      pending_since = CASE WHEN NOT v_is_moved OR p_challenge IS NOT NULL THEN pending_since END
    WHERE id = p_id;
  IF p_enabled AND NOT v_before.enabled THEN
    UPDATE webhook_endpoint SET enabled = true, disabled_reason = NULL, disabled_at = NULL, failures = 0,
        failing_since = NULL
      WHERE id = p_id;
    PERFORM mark_webhooks(p_account);
  ELSIF NOT p_enabled AND v_before.enabled THEN
    PERFORM disable_webhook_endpoint(p_id, 'owner');
  END IF;
  SELECT * INTO v_after FROM webhook_endpoint WHERE id = p_id;
  IF v_after.enabled AND v_after.ownership = 'unproven' THEN
    IF p_challenge IS NULL THEN UPDATE webhook_endpoint SET ownership = NULL WHERE id = p_id;
    ELSE PERFORM start_challenge(p_id, p_challenge);
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM webhook_endpoint WHERE id = p_id;
END $$;

-- Ends one wait that has lasted p_max_s, as a challenge without its echo does: the endpoint is disabled, and what was
-- held for it is dropped. One at a time, so that the locks of two endpoints are never held together.
CREATE FUNCTION end_unproven_endpoint(p_max_s int) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE v_id uuid;
BEGIN
  SELECT id INTO v_id FROM webhook_endpoint WHERE pending_since <= app_now() - p_max_s * interval '1 s'
    ORDER BY pending_since LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM disable_webhook_endpoint(v_id, 'unproven');
  RETURN NEXT v_id;
END $$;

DROP FUNCTION create_webhook_endpoint(uuid, uuid, text, text, text[], text, text, int, text, bytea, bigint, uuid);

-- As in 0035, and a challenge takes from the windows of account and host, of new endpoints only. Where they are used up
-- `wait_s` says for how long, and nothing is made.
CREATE FUNCTION create_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_label text, p_events text[],
  p_policy text, p_secret text, p_cap int, p_idem_key text, p_fingerprint bytea, p_shown_ms bigint, p_challenge uuid,
  p_host text, p_per_account int, p_per_host int)
RETURNS TABLE (endpoint webhook_endpoint, wait_s int) LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  -- Twins wait for each other here, so that the second finds the first.
  PERFORM 1 FROM account WHERE id = p_account AND closed_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY SELECT e, 0 FROM webhook_endpoint e
    WHERE e.account_id = p_account AND e.idem_key = p_idem_key AND e.deleted_at IS NULL;
  IF FOUND OR p_cap <= (SELECT count(*) FROM webhook_endpoint e
      WHERE e.account_id = p_account AND e.deleted_at IS NULL) THEN
    RETURN;
  END IF;
  IF p_challenge IS NOT NULL THEN
    wait_s := take_from_webhook_windows(p_account, p_host, p_per_account, p_per_host);
    IF wait_s > 0 THEN RETURN NEXT; RETURN; END IF;
  END IF;
  INSERT INTO webhook_endpoint (id, account_id, url, label, events, policy, secret, created_at, updated_at,
      idem_key, fingerprint, shown_until)
    VALUES (p_id, p_account, p_url, p_label, p_events, p_policy, p_secret, v_now, v_now,
      p_idem_key, p_fingerprint, v_now + p_shown_ms * interval '1 ms');
  IF p_challenge IS NOT NULL THEN PERFORM start_challenge(p_id, p_challenge); END IF;
  UPDATE account SET webhooks = true WHERE id = p_account AND NOT webhooks;
  RETURN QUERY SELECT e, 0 FROM webhook_endpoint e WHERE e.id = p_id;
END $$;

-- As in 0035, but of an endpoint whose proof is under way the challenge is found by its id: however much waits for the
-- proof, none of it is looked at.
CREATE OR REPLACE FUNCTION claim_deliveries(p_process text, p_lease_ms int, p_limit int, p_room int, p_after uuid,
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
      CROSS JOIN LATERAL (SELECT greatest(0, CASE WHEN e.failures > 0 THEN 1 ELSE p_room END
        - coalesce(p_held_counts[array_position(p_held, e.id)], 0)) AS room) free
      CROSS JOIN LATERAL (
        SELECT event.id FROM (SELECT d.id FROM webhook_delivery d
          WHERE d.state = 'pending' AND d.endpoint_id = w.endpoint_id AND d.due_at <= v_now
          ORDER BY d.due_at LIMIT CASE WHEN e.ownership = 'pending' THEN 0 ELSE free.room END
          FOR UPDATE SKIP LOCKED) event
        UNION ALL
        SELECT challenge.id FROM (SELECT d.id FROM webhook_delivery d
          WHERE e.ownership = 'pending' AND d.id = e.challenge_id AND d.state = 'pending' AND d.due_at <= v_now
          LIMIT least(1, free.room)
          FOR UPDATE SKIP LOCKED) challenge) due
    LIMIT p_limit
  )
  UPDATE webhook_delivery d SET epoch = d.epoch + 1, claimed_by = p_process,
      due_at = v_now + (p_lease_ms + CASE e.policy WHEN 'standard' THEN 15000 ELSE 5000 END) * interval '1 ms',
      state = CASE WHEN e.enabled THEN 'pending' ELSE 'dropped' END, ended_at = CASE WHEN NOT e.enabled THEN v_now END
    FROM webhook_endpoint e
    -- An array, so that no plan is made which reads the whole table for a few rows of it.
    WHERE d.id = ANY (ARRAY(SELECT p.id FROM picked p)) AND d.state = 'pending' AND e.id = d.endpoint_id
    RETURNING d.id, d.epoch, d.state, d.type, d.generation_id, d.tries, d.created_at, d.endpoint_id, e.url, e.policy,
      e.secret, CASE WHEN e.old_secret_until > v_now THEN e.old_secret END;
END $$;

-- As in 0035, but a challenge that fails is no failed delivery: whoever asks for many is not disabled by them later.
CREATE OR REPLACE FUNCTION finish_delivery(p_id uuid, p_epoch int, p_endpoint uuid, p_ok boolean, p_status int, p_error text,
  p_answer text, p_headers json, p_started_at timestamptz, p_duration_ms int, p_delay_ms bigint, p_max_failures int,
  p_max_failing_s int, p_gone boolean)
RETURNS TABLE (state text, attempt int, disabled boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_now timestamptz := app_now(); v_endpoint webhook_endpoint; v_row webhook_delivery;
  v_reason text;
BEGIN
  IF p_ok THEN
    -- Should a crash of the database lose it, the delivery is sent again, under its id.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE webhook_endpoint SET failures = 0, failing_since = NULL,
        ownership = CASE WHEN ownership = 'pending' AND challenge_id = p_id THEN 'proven' ELSE ownership END,
        pending_since = CASE WHEN challenge_id = p_id THEN NULL ELSE pending_since END
      WHERE id = p_endpoint AND (failures > 0 OR ownership = 'pending' AND challenge_id = p_id);
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
  INSERT INTO webhook_attempt (delivery_id, n, started_at, duration_ms, status, error, answer, headers)
    VALUES (p_id, v_row.attempts, p_started_at, p_duration_ms, p_status, p_error, p_answer, p_headers);
  disabled := false;
  IF NOT p_ok AND v_endpoint.enabled THEN
    IF v_row.type = 'webhook.challenge' THEN
      IF v_row.state = 'exhausted' AND v_endpoint.ownership = 'pending' AND v_endpoint.challenge_id = p_id THEN
        v_reason := 'unproven';
      END IF;
    ELSE
      UPDATE webhook_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, v_now)
        WHERE id = p_endpoint RETURNING * INTO v_endpoint;
      v_reason := CASE WHEN p_gone THEN 'gone' WHEN v_endpoint.failures >= p_max_failures
        OR v_endpoint.failing_since <= v_now - p_max_failing_s * interval '1 s' THEN 'failures' END;
    END IF;
    disabled := v_reason IS NOT NULL;
    IF disabled THEN
      PERFORM disable_webhook_endpoint(p_endpoint, v_reason);
      SELECT * INTO v_row FROM webhook_delivery WHERE id = p_id;
    END IF;
  END IF;
  state := v_row.state; attempt := v_row.attempts;
  RETURN NEXT;
END $$;
