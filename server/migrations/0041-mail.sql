-- Letters to the users of an account. A letter is written in the transaction of what it tells, so it exists if and only
-- if that happened; workers send it afterwards (server/src/mail). Whose addresses they are is asked when it is sent: none is
-- kept here.
CREATE TABLE mail (
  -- Its Message-ID too, so that a letter which is sent twice is recognised.
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL, -- no foreign key, as with deliveries: it is written beside them
  kind text NOT NULL CHECK (kind IN ('webhook_exhausted', 'webhook_disabled')),
  -- The webhook.
  subject_id uuid NOT NULL,
  -- As it was then, for the text: the host of its URL, why it was disabled. Never more of the URL, which may hold secrets.
  facts jsonb NOT NULL,
  -- Deliveries that have given up and that no letter has told of, and when the oldest of them was made.
  untold int NOT NULL DEFAULT 0,
  since timestamptz,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed', 'expired')),
  -- Users who have it already, of an account that has several.
  told_users uuid[] NOT NULL DEFAULT '{}',
  -- Users whose address the mail server will never take.
  refused_users uuid[] NOT NULL DEFAULT '{}',
  attempts int NOT NULL DEFAULT 0,
  -- Fences whoever claimed it earlier.
  epoch int NOT NULL DEFAULT 0,
  -- The next attempt; while it is claimed, the end of the lease.
  due_at timestamptz NOT NULL,
  claimed_by text,
  -- A class, such as refused_451: never what the server said.
  last_error text,
  created_at timestamptz NOT NULL,
  ended_at timestamptz
);
CREATE INDEX mail_due ON mail (due_at) WHERE state = 'waiting';
CREATE INDEX mail_waiting ON mail (created_at) WHERE state = 'waiting';
CREATE INDEX mail_subject ON mail (subject_id, kind, created_at);
CREATE INDEX mail_account ON mail (account_id, created_at);
CREATE INDEX mail_ended ON mail (ended_at) WHERE ended_at IS NOT NULL;

-- About 40 letters to one account in a day at most, two for each webhook that it can have (a few more where several
-- webhooks give up in one moment): whoever enables again and again what
-- fails at once, or has a program do it, fills nobody's mailbox.
CREATE FUNCTION write_mail(p_account uuid, p_kind text, p_subject uuid, p_facts jsonb, p_untold int,
  p_since timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO mail (id, account_id, kind, subject_id, facts, untold, since, due_at, created_at)
    SELECT gen_random_uuid(), p_account, p_kind, p_subject, p_facts, p_untold, p_since, t.now, t.now
      FROM (SELECT app_now() AS now) t
      WHERE 40 > (SELECT count(*) FROM (SELECT 1 FROM mail m
        WHERE m.account_id = p_account AND m.created_at > t.now - interval '24 hours' LIMIT 40) recent)
$$;

-- Of the host alone. URLs of webhooks are stored as a parser wrote them, without a user name.
CREATE FUNCTION webhook_host(p_url text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT substring(p_url FROM '^[a-z]+://([^/?#@]+)')
$$;

-- A delivery has given up: the letter of the last 24 hours, or one that waits still, counts it, or there is a new one,
-- which counts also what came after the one before. Whoever calls holds the endpoint, so there are never two.
CREATE FUNCTION tell_exhausted(p_endpoint webhook_endpoint, p_created_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_latest mail;
BEGIN
  UPDATE mail SET untold = untold + 1, since = least(since, p_created_at)
    WHERE id = (SELECT m.id FROM mail m WHERE m.subject_id = p_endpoint.id AND m.kind = 'webhook_exhausted'
        ORDER BY m.created_at DESC LIMIT 1)
      AND (state = 'waiting' OR coalesce(ended_at, created_at) > v_now - interval '24 hours');
  IF FOUND THEN RETURN; END IF;
  SELECT * INTO v_latest FROM mail m WHERE m.subject_id = p_endpoint.id AND m.kind = 'webhook_exhausted'
    ORDER BY m.created_at DESC LIMIT 1;
  PERFORM write_mail(p_endpoint.account_id, 'webhook_exhausted', p_endpoint.id,
    jsonb_build_object('host', webhook_host(p_endpoint.url)), coalesce(v_latest.untold, 0) + 1,
    least(v_latest.since, p_created_at));
END $$;

DROP FUNCTION disable_webhook_endpoint(uuid, text);

-- As in 0039, and the account is told, unless its owner did it: since p_since, if that is earlier than what is dropped now,
-- and what no letter has told of.
CREATE FUNCTION disable_webhook_endpoint(p_id uuid, p_reason text, p_since timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE v_row webhook_endpoint; v_since timestamptz; v_now timestamptz := app_now();
BEGIN
  UPDATE webhook_endpoint SET enabled = false, disabled_reason = p_reason, disabled_at = v_now, updated_at = v_now,
      pending_since = NULL,
      ownership = CASE ownership WHEN 'pending' THEN 'unproven' ELSE ownership END
    WHERE id = p_id RETURNING * INTO v_row;
  PERFORM mark_webhooks(v_row.account_id);
  -- After the account's lock: every settlement that still saw the endpoint enabled has committed.
  WITH dropped AS (
    UPDATE webhook_delivery SET state = 'dropped', ended_at = v_now WHERE endpoint_id = p_id AND state = 'pending'
      RETURNING type, created_at
  ) SELECT min(created_at) INTO v_since FROM dropped WHERE type <> 'webhook.challenge';
  IF p_reason = 'owner' THEN RETURN; END IF;
  v_since := least(v_since, p_since, (SELECT m.since FROM mail m
    WHERE m.subject_id = p_id AND m.kind = 'webhook_exhausted' AND m.untold > 0
    ORDER BY m.created_at DESC LIMIT 1));
  PERFORM write_mail(v_row.account_id, 'webhook_disabled', p_id,
    jsonb_build_object('host', webhook_host(v_row.url), 'reason', p_reason, 'failures', v_row.failures,
      'failingSince', v_row.failing_since), 0, least(v_since, v_row.failing_since));
END $$;

-- As in 0039, and the account is told of a delivery that has given up. Where its last failure disables the endpoint, the
-- letter of that is enough.
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
      PERFORM disable_webhook_endpoint(p_endpoint, v_reason,
        CASE WHEN v_row.type <> 'webhook.challenge' THEN v_row.created_at END);
      SELECT * INTO v_row FROM webhook_delivery WHERE id = p_id;
    ELSIF v_row.state = 'exhausted' AND v_row.type <> 'webhook.challenge' THEN
      PERFORM tell_exhausted(v_endpoint, v_row.created_at);
    END IF;
  END IF;
  state := v_row.state; attempt := v_row.attempts;
  RETURN NEXT;
END $$;
