-- An endpoint may have to prove that it wants what it is sent: where the operator asks for it (WEBHOOK_CHALLENGE), a URL
-- is sent a challenge first, and nothing else until that was echoed. And of an attempt the headers of the answer are kept.

ALTER TABLE webhook_endpoint
  -- NULL: never asked. 'pending': the challenge that `challenge_id` names is under way, and what happens meanwhile waits
  -- for it. 'unproven': it ended without its echo, and the endpoint with it, until the owner asks again.
  ADD COLUMN ownership text CHECK (ownership IN ('pending', 'proven', 'unproven')),
  ADD COLUMN challenge_id uuid,
  DROP CONSTRAINT webhook_endpoint_disabled_reason_check,
  ADD CONSTRAINT webhook_endpoint_disabled_reason_check
    CHECK (disabled_reason IN ('owner', 'failures', 'gone', 'unproven'));

-- Names and values of an answer's first headers, secrets cut out, in the order of their coming.
ALTER TABLE webhook_attempt ADD COLUMN headers json;

-- Whatever disables an endpoint ends a challenge that is under way, and its proof is still to come.
CREATE OR REPLACE FUNCTION disable_webhook_endpoint(p_id uuid, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_account uuid; v_now timestamptz := app_now();
BEGIN
  UPDATE webhook_endpoint SET enabled = false, disabled_reason = p_reason, disabled_at = v_now, updated_at = v_now,
      ownership = CASE ownership WHEN 'pending' THEN 'unproven' ELSE ownership END
    WHERE id = p_id RETURNING account_id INTO v_account;
  PERFORM mark_webhooks(v_account);
  -- After the account's lock: every settlement that still saw the endpoint enabled has committed.
  UPDATE webhook_delivery SET state = 'dropped', ended_at = v_now WHERE endpoint_id = p_id AND state = 'pending';
END $$;

-- Sends the endpoint, which the caller holds, a challenge under p_challenge. One before it proves nothing any more:
-- it was for another URL, or was not heard of.
CREATE FUNCTION start_challenge(p_id uuid, p_challenge uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_account uuid;
BEGIN
  UPDATE webhook_delivery SET state = 'dropped', ended_at = v_now
    WHERE endpoint_id = p_id AND type = 'webhook.challenge' AND state = 'pending';
  UPDATE webhook_endpoint SET ownership = 'pending', challenge_id = p_challenge WHERE id = p_id
    RETURNING account_id INTO v_account;
  INSERT INTO webhook_delivery (id, endpoint_id, account_id, type, due_at, created_at)
    VALUES (p_challenge, p_id, v_account, 'webhook.challenge', v_now, v_now);
  PERFORM pg_notify('webhook_queued', '');
END $$;

DROP FUNCTION create_webhook_endpoint(uuid, uuid, text, text, text[], text, text, int, text, bytea, bigint);

-- The endpoint, or the one that the key has made before; no row when the account is closed or has too many. A new one
-- is challenged under p_challenge, unless that is NULL.
CREATE FUNCTION create_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_label text, p_events text[],
  p_policy text, p_secret text, p_cap int, p_idem_key text, p_fingerprint bytea, p_shown_ms bigint, p_challenge uuid)
RETURNS SETOF webhook_endpoint LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  -- Twins wait for each other here, so that the second finds the first.
  PERFORM 1 FROM account WHERE id = p_account AND closed_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY SELECT * FROM webhook_endpoint e
    WHERE e.account_id = p_account AND e.idem_key = p_idem_key AND e.deleted_at IS NULL;
  IF FOUND OR p_cap <= (SELECT count(*) FROM webhook_endpoint e
      WHERE e.account_id = p_account AND e.deleted_at IS NULL) THEN
    RETURN;
  END IF;
  INSERT INTO webhook_endpoint (id, account_id, url, label, events, policy, secret, created_at, updated_at,
      idem_key, fingerprint, shown_until)
    VALUES (p_id, p_account, p_url, p_label, p_events, p_policy, p_secret, v_now, v_now,
      p_idem_key, p_fingerprint, v_now + p_shown_ms * interval '1 ms');
  IF p_challenge IS NOT NULL THEN PERFORM start_challenge(p_id, p_challenge); END IF;
  UPDATE account SET webhooks = true WHERE id = p_account AND NOT webhooks;
  RETURN QUERY SELECT * FROM webhook_endpoint e WHERE e.id = p_id;
END $$;

DROP FUNCTION change_webhook_endpoint(uuid, uuid, text, boolean, text, text[], text, boolean);

-- NULL leaves a field as it is; p_set_label says whether the label, which may be NULL, is meant. Where p_challenge is
-- NULL no proof is asked for, and one that was missing is asked for no more; else a new URL is challenged, and one
-- whose proof is missing when the endpoint is enabled.
CREATE FUNCTION change_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_set_label boolean, p_label text,
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
      ownership = CASE WHEN NOT v_is_moved THEN ownership WHEN p_challenge IS NOT NULL THEN 'unproven' END
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

-- Asks again for what is missing, and enables an endpoint that was disabled by its absence. One that has proven itself,
-- or is disabled for another reason, is answered as it is.
CREATE FUNCTION challenge_webhook_endpoint(p_id uuid, p_account uuid, p_challenge uuid)
RETURNS SETOF webhook_endpoint LANGUAGE plpgsql AS $$
DECLARE v_row webhook_endpoint;
BEGIN
  SELECT * INTO v_row FROM webhook_endpoint
    WHERE id = p_id AND account_id = p_account AND deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  IF v_row.ownership IS DISTINCT FROM 'proven' AND (v_row.enabled OR v_row.disabled_reason = 'unproven') THEN
    IF NOT v_row.enabled THEN
      UPDATE webhook_endpoint SET enabled = true, disabled_reason = NULL, disabled_at = NULL, failures = 0,
          failing_since = NULL
        WHERE id = p_id;
      PERFORM mark_webhooks(p_account);
    END IF;
    PERFORM start_challenge(p_id, p_challenge);
  END IF;
  RETURN QUERY SELECT * FROM webhook_endpoint WHERE id = p_id;
END $$;

-- As in 0015, but that an endpoint whose proof is under way is sent its challenge and nothing else.
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
      CROSS JOIN LATERAL (
        SELECT d.id FROM webhook_delivery d
          WHERE d.state = 'pending' AND d.endpoint_id = w.endpoint_id AND d.due_at <= v_now
            AND (e.ownership IS DISTINCT FROM 'pending' OR d.id = e.challenge_id)
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

DROP FUNCTION finish_delivery(uuid, int, uuid, boolean, int, text, text, timestamptz, int, bigint, int, int, boolean);

-- As in 0015, and: the headers of the answer are kept; the challenge that its endpoint waits for proves it, or, with its
-- last attempt, ends it.
CREATE FUNCTION finish_delivery(p_id uuid, p_epoch int, p_endpoint uuid, p_ok boolean, p_status int, p_error text,
  p_answer text, p_headers json, p_started_at timestamptz, p_duration_ms int, p_delay_ms bigint, p_max_failures int,
  p_max_failing_s int, p_gone boolean)
RETURNS TABLE (state text, attempt int, disabled boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_now timestamptz := app_now(); v_endpoint webhook_endpoint; v_row webhook_delivery; v_is_unproven boolean;
BEGIN
  IF p_ok THEN
    -- Should a crash of the database lose it, the delivery is sent again, under its id.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE webhook_endpoint SET failures = 0, failing_since = NULL,
        ownership = CASE WHEN ownership = 'pending' AND challenge_id = p_id THEN 'proven' ELSE ownership END
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
    UPDATE webhook_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, v_now)
      WHERE id = p_endpoint RETURNING * INTO v_endpoint;
    v_is_unproven := v_row.state = 'exhausted' AND v_endpoint.ownership = 'pending' AND v_endpoint.challenge_id = p_id;
    disabled := coalesce(v_is_unproven, false) OR p_gone OR coalesce(v_endpoint.failures >= p_max_failures, false)
      OR coalesce(v_endpoint.failing_since <= v_now - p_max_failing_s * interval '1 s', false);
    IF disabled THEN
      PERFORM disable_webhook_endpoint(p_endpoint,
        CASE WHEN v_is_unproven THEN 'unproven' WHEN p_gone THEN 'gone' ELSE 'failures' END);
      SELECT * INTO v_row FROM webhook_delivery WHERE id = p_id;
    END IF;
  END IF;
  state := v_row.state; attempt := v_row.attempts;
  RETURN NEXT;
END $$;

-- As in 0025; a challenge is no event, and is asked for again by itself.
CREATE OR REPLACE FUNCTION resend_deliveries(p_endpoint uuid, p_account uuid, p_id uuid, p_since timestamptz,
  p_limit int, p_max_attempts int)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_count int; v_ids uuid[];
BEGIN
  PERFORM 1 FROM webhook_endpoint
    WHERE id = p_endpoint AND account_id = p_account AND enabled AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RETURN 0; END IF;
  IF p_id IS NOT NULL THEN
    v_ids := ARRAY(SELECT d.id FROM webhook_delivery d
      WHERE d.id = p_id AND d.endpoint_id = p_endpoint AND d.attempts < p_max_attempts AND d.state <> 'pending'
        AND d.type <> 'webhook.challenge'
      FOR UPDATE SKIP LOCKED);
  ELSE
    v_ids := ARRAY(SELECT d.id FROM webhook_delivery d
      WHERE d.endpoint_id = p_endpoint AND d.created_at >= p_since AND d.state IN ('exhausted', 'dropped')
        AND d.attempts < p_max_attempts AND d.type <> 'webhook.challenge'
      ORDER BY d.created_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
  END IF;
  UPDATE webhook_delivery SET state = 'pending', tries = 0, due_at = v_now, claimed_by = NULL, ended_at = NULL
    WHERE id = ANY (v_ids);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN PERFORM pg_notify('webhook_queued', ''); END IF;
  RETURN v_count;
END $$;
