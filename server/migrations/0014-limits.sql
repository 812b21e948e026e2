-- Limits that are more than a window of requests: what a key or an account may spend in a period, rates by plan; and
-- the mark by which a repeat without an idempotency key finds its original.

-- Caps of a key, in credits; null = none, zero = nothing may be spent.
ALTER TABLE api_key ADD COLUMN cap_day credits, ADD COLUMN cap_month credits;

ALTER TABLE generation
  -- The counters below that this order raised. Null for everybody without a cap: then nothing here costs anything.
  ADD COLUMN spend_scopes text[],
  -- How often its caller's SDK had sent it when the last repeat joined it; null = none has.
  ADD COLUMN joined_by int,
  -- When the caller was seen to hang up before it was answered.
  ADD COLUMN left_at timestamptz;

-- Credits spent or held in one period by one key or account with a cap: `key:<id>:2026-11-28`, `key:<id>:2026-11`,
-- `account:<id>:2026-11`. Refunds and releases come back to the period of the order.
CREATE TABLE spending (
  scope text PRIMARY KEY,
  spent credits NOT NULL,
  -- The day of the first order; old counters are thrown away.
  began_on date NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX spending_age ON spending (began_on);

-- What few orders need beyond create_generation, in the same statement: the caps that they must not pass, and what
-- was changed of them. Raises DR004 (DETAIL: which of the caps, from 1), and nothing of the order remains. The
-- wallet's row is locked by then, and whoever gives back has locked it too: nobody waits for these rows in turn.
CREATE FUNCTION complete_order(p_id uuid, p_scopes text[], p_periods text[], p_caps bigint[], p_warnings jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_row generation; v_day date; v_scopes text[]; v_scope text;
BEGIN
  SELECT * INTO v_row FROM generation WHERE id = p_id;
  v_day := (v_row.created_at AT TIME ZONE 'UTC')::date;
  IF v_row.price > 0 THEN
    FOR i IN 1 .. coalesce(cardinality(p_scopes), 0) LOOP
      v_scope := p_scopes[i] || ':'
        || to_char(v_day, CASE p_periods[i] WHEN 'day' THEN 'YYYY-MM-DD' ELSE 'YYYY-MM' END);
      INSERT INTO spending AS s (scope, spent, began_on)
        SELECT v_scope, v_row.price, v_day WHERE v_row.price <= p_caps[i]
        ON CONFLICT (scope) DO UPDATE SET spent = s.spent + v_row.price WHERE s.spent + v_row.price <= p_caps[i];
      IF NOT FOUND THEN
        RAISE EXCEPTION 'the spend cap is reached' USING ERRCODE = 'DR004', DETAIL = i::text;
      END IF;
      v_scopes := v_scopes || v_scope;
    END LOOP;
  END IF;
  UPDATE generation SET spend_scopes = v_scopes, warnings = p_warnings WHERE id = p_id;
END $$;

-- Behind the wallet's row in every transaction. A counter that was thrown away is missed by nobody.
CREATE FUNCTION give_back_spending(p_scopes text[], p_amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_amount > 0 THEN
    UPDATE spending SET spent = greatest(spent - p_amount, 0) WHERE scope = ANY (p_scopes);
  END IF;
END $$;

-- As in 0004, and what was not captured comes back to the caps.
CREATE OR REPLACE FUNCTION settle_succeeded(p_id uuid, p_epoch int, p_images jsonb, p_delivered int, p_manifest bytea,
  p_warnings jsonb, p_loss bigint, p_process text, p_n int, p_costs bigint[], p_usage jsonb)
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
        cost_usd_micro = p_costs[part + 1]
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

CREATE OR REPLACE FUNCTION settle_released(p_id uuid, p_epoch int, p_from text[], p_state text, p_reason text,
  p_attempt_state text, p_failure text, p_message text, p_loss bigint, p_process text)
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
      WHERE generation_id = p_id AND state IN ('intent', 'accepted', 'unknown') AND n = v_row.attempts;
  END IF;
  v_available := finish_generation(v_row, 'release', 0, p_loss, 'Generation ' || p_state,
    v_row.created_by <> p_process);
  IF v_row.spend_scopes IS NOT NULL THEN PERFORM give_back_spending(v_row.spend_scopes, v_row.price); END IF;
  RETURN QUERY SELECT v_available, v_now;
END $$;

CREATE OR REPLACE FUNCTION refund_generation(p_id uuid, p_amount bigint, p_description text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE v_row generation; v_available bigint; v_seq bigint; v_transfer uuid := gen_random_uuid(); v_now timestamptz;
BEGIN
  SELECT * INTO v_row FROM generation WHERE id = p_id AND state = 'succeeded' FOR UPDATE;
  IF NOT FOUND OR p_amount < 1 OR p_amount > v_row.captured THEN
    RAISE EXCEPTION 'not refundable' USING ERRCODE = 'DR015';
  END IF;
  -- A statement of its own: the lock above may have waited for a twin, which only a new snapshot sees.
  IF EXISTS (SELECT 1 FROM transfer WHERE generation_id = p_id AND kind = 'refund') THEN
    RAISE EXCEPTION 'refunded before' USING ERRCODE = 'DR015';
  END IF;
  UPDATE account SET available = available + p_amount, usage_rows = usage_rows + 1, touched_at = app_now()
    WHERE id = v_row.account_id RETURNING available, usage_rows INTO v_available, v_seq;
  IF v_row.spend_scopes IS NOT NULL THEN PERFORM give_back_spending(v_row.spend_scopes, p_amount); END IF;
  v_now := app_now();
  INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
    VALUES (v_transfer, 'refund', v_row.account_id, p_id, p_description, v_now);
  INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at) VALUES
    (v_transfer, system_owner(), 'revenue', 'credit', -p_amount, NULL, NULL, v_now),
    (v_transfer, v_row.account_id, 'available', 'credit', p_amount, v_seq, v_available, v_now);
  RETURN v_available;
END $$;

-- As in 0002, with the key's caps, the limits of plans ({"pro": {"requests": 600, "windowS": 3600}}; null = no plan
-- has one), and for repeats, which are counted only when they turn out to be new, a look at the window that takes
-- nothing from it.
DROP FUNCTION admit_request(bytea, text, boolean, int, int);
CREATE FUNCTION admit_request(p_secret_hash bytea, p_dialect text, p_per_account boolean,
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
    v_limit := coalesce((p_by_plan -> k.account_plan ->> 'requests')::int, p_requests);
    v_window_s := coalesce((p_by_plan -> k.account_plan ->> 'windowS')::int, p_window_s);
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

-- What take_from_window would find, taking nothing and refusing nobody. A window that nobody opened would begin now.
CREATE FUNCTION look_at_window(p_scope text, p_limit int, p_window_s int,
  OUT remaining int, OUT reset_at timestamptz, OUT retry_after_s int, OUT allowed boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_now timestamptz := app_now();
  v_window interval := make_interval(secs => p_window_s);
  v_row rate_window;
BEGIN
  SELECT * INTO v_row FROM rate_window WHERE scope = p_scope AND started_at + v_window > v_now;
  allowed := true;
  remaining := greatest(p_limit - coalesce(v_row.used, 0), 0);
  reset_at := coalesce(v_row.started_at, v_now) + v_window;
  retry_after_s := greatest(ceil(extract(epoch FROM reset_at - v_now))::int, 1);
END $$;
