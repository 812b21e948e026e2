-- Limits that hold for everybody: accounts of a plan that is configured no longer have the rate of the first; test
-- events and resends of webhooks are counted by account and by host.

-- As in 0014, and a plan that is not in p_by_plan has the rate under no name ({"": {...}, "pro": {}}; an empty one is
-- the dialect's).
CREATE OR REPLACE FUNCTION admit_request(p_secret_hash bytea, p_dialect text, p_per_account boolean,
  p_requests int, p_window_s int, p_by_plan jsonb, p_is_counted boolean)
RETURNS TABLE (account_id uuid, plan text, key_id uuid, style text, scopes text[], in_flight_cap int,
  cap_day bigint, cap_month bigint,
  rate_limit int, rate_remaining int, rate_reset_at timestamptz, rate_retry_after_s int, rate_allowed boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  k record;
  w record;
  v_limit int := p_requests;
  v_window_s int := p_window_s;
  v_scope text;
  v_plan jsonb;
BEGIN
  SELECT api_key.*, account.plan AS account_plan INTO k
    FROM api_key JOIN account ON account.id = api_key.account_id
   WHERE api_key.secret_hash = p_secret_hash
     AND api_key.revoked_at IS NULL
     AND account.closed_at IS NULL
     AND (api_key.expires_at IS NULL OR api_key.expires_at > app_now());
  IF NOT FOUND THEN RETURN; END IF;
  account_id := k.account_id; plan := k.account_plan; key_id := k.id; style := k.style;
  scopes := k.scopes; in_flight_cap := k.in_flight_cap; cap_day := k.cap_day; cap_month := k.cap_month;
  IF k.rate_requests IS NOT NULL THEN
    v_limit := k.rate_requests;
    v_window_s := coalesce(k.rate_window_s, p_window_s);
  ELSIF p_by_plan IS NOT NULL THEN
    v_plan := coalesce(p_by_plan -> k.account_plan, p_by_plan -> '');
    v_limit := coalesce((v_plan ->> 'requests')::int, p_requests);
    v_window_s := coalesce((v_plan ->> 'windowS')::int, p_window_s);
  END IF;
  IF p_dialect IS NOT NULL AND v_limit > 0 THEN
    v_scope := CASE WHEN p_per_account AND k.rate_requests IS NULL
      THEN 'account:' || k.account_id ELSE 'key:' || k.id END || ':' || p_dialect;
    IF p_is_counted THEN
      w := take_from_window(v_scope, v_limit, v_window_s);
    ELSE
      w := look_at_window(v_scope, v_limit, v_window_s);
    END IF;
    rate_limit := v_limit; rate_remaining := w.remaining; rate_reset_at := w.reset_at;
    rate_retry_after_s := w.retry_after_s; rate_allowed := w.allowed;
  END IF;
  RETURN NEXT;
END $$;

-- For a test event or a resend, which a customer can ask for without end: 0, or the seconds until it may be asked for
-- again. The account comes first, so that what it is refused takes nothing from the host's window, which all share.
CREATE FUNCTION take_from_webhook_windows(p_account uuid, p_host text, p_per_account int, p_per_host int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE w record;
BEGIN
  w := take_from_window('webhook-account:' || p_account, p_per_account, 60);
  IF w.allowed THEN w := take_from_window('webhook-host:' || p_host, p_per_host, 60); END IF;
  RETURN CASE WHEN w.allowed THEN 0 ELSE w.retry_after_s END;
END $$;

-- As in 0015, without the window. Answers NULL where the endpoint is disabled or unknown.
DROP FUNCTION queue_test_delivery(uuid, uuid, uuid, text, int);
CREATE FUNCTION queue_test_delivery(p_id uuid, p_endpoint uuid, p_account uuid) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now();
BEGIN
  -- The lock keeps the endpoint enabled until this is committed.
  PERFORM 1 FROM webhook_endpoint
    WHERE id = p_endpoint AND account_id = p_account AND enabled AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO webhook_delivery (id, endpoint_id, account_id, type, due_at, created_at)
    VALUES (p_id, p_endpoint, p_account, 'webhook.test', v_now, v_now);
  PERFORM pg_notify('webhook_queued', '');
  RETURN p_id;
END $$;

-- As in 0015, save those that were tried p_max_attempts times.
DROP FUNCTION resend_deliveries(uuid, uuid, uuid, timestamptz, int);
CREATE FUNCTION resend_deliveries(p_endpoint uuid, p_account uuid, p_id uuid, p_since timestamptz, p_limit int,
  p_max_attempts int)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_count int;
BEGIN
  PERFORM 1 FROM webhook_endpoint
    WHERE id = p_endpoint AND account_id = p_account AND enabled AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RETURN 0; END IF;
  UPDATE webhook_delivery SET state = 'pending', tries = 0, due_at = v_now, claimed_by = NULL, ended_at = NULL
    WHERE id IN (SELECT d.id FROM webhook_delivery d
      WHERE d.endpoint_id = p_endpoint AND d.attempts < p_max_attempts AND CASE WHEN p_id IS NULL
        THEN d.created_at >= p_since AND d.state IN ('exhausted', 'dropped') ELSE d.id = p_id AND d.state <> 'pending' END
      ORDER BY d.created_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN PERFORM pg_notify('webhook_queued', ''); END IF;
  RETURN v_count;
END $$;
