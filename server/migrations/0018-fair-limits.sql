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
