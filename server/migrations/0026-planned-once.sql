-- As in 0004, but that the parts of an attempt are written one by one. How many rows `generate_series` makes only the
-- values of a call tell, so PostgreSQL planned the statement anew for every order, which cost twice what it does.

CREATE OR REPLACE FUNCTION create_generation(
  p_id uuid, p_account uuid, p_key uuid, p_dialect text, p_model text, p_prompt text, p_options jsonb,
  p_echo jsonb, p_inputs jsonb, p_idem_key text, p_fingerprint bytea, p_unit_price bigint, p_count int,
  p_slots text[], p_caps int[], p_deadline_ms int, p_process text, p_claim boolean, p_lease_ms int,
  p_provider text, p_upstream_model text, p_parts int, p_expected_cost bigint, p_upstream_key text,
  p_description text)
RETURNS TABLE (created boolean, found_id uuid, found_fingerprint bytea, available bigint, created_at timestamptz,
  deadline timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := app_now();
  v_price bigint := p_unit_price * p_count;
  v_found generation;
  v_account account;
  v_transfer uuid;
BEGIN
  INSERT INTO generation (id, account_id, api_key_id, dialect, model, prompt, options, echo, inputs, idem_key,
      fingerprint, unit_price, count, price, slots, state, epoch, attempts, created_by, lease_owner, lease_until,
      deadline, created_at)
    VALUES (p_id, p_account, p_key, p_dialect, p_model, p_prompt, p_options, p_echo, p_inputs, p_idem_key,
      p_fingerprint, p_unit_price, p_count, v_price, p_slots, CASE WHEN p_claim THEN 'dispatching' ELSE 'queued' END,
      p_claim::int, p_claim::int, p_process, CASE WHEN p_claim THEN p_process END,
      CASE WHEN p_claim THEN v_now + p_lease_ms * interval '1 ms' END, v_now + p_deadline_ms * interval '1 ms', v_now)
    ON CONFLICT (account_id, idem_key) WHERE idem_key IS NOT NULL DO NOTHING;
  IF NOT FOUND THEN
    -- A statement of its own, so that its snapshot sees the winner's commit.
    SELECT * INTO v_found FROM generation g WHERE g.account_id = p_account AND g.idem_key = p_idem_key;
    RETURN QUERY SELECT false, v_found.id, v_found.fingerprint, NULL::bigint, v_found.created_at, v_found.deadline;
    RETURN;
  END IF;

  FOR i IN 1 .. coalesce(cardinality(p_slots), 0) LOOP
    -- Only the first order of a scope inserts: a conflict costs more than an update, most of all for those who wait.
    UPDATE slot SET in_flight = in_flight + 1 WHERE scope = p_slots[i] AND in_flight < p_caps[i];
    CONTINUE WHEN FOUND;
    INSERT INTO slot AS s (scope, in_flight) SELECT p_slots[i], 1 WHERE p_caps[i] >= 1
      ON CONFLICT (scope) DO UPDATE SET in_flight = s.in_flight + 1 WHERE s.in_flight < p_caps[i];
    IF NOT FOUND THEN
      RAISE EXCEPTION 'too many generations in flight' USING ERRCODE = 'DR002', DETAIL = p_slots[i];
    END IF;
  END LOOP;

  IF v_price > 0 THEN
    UPDATE account a SET available = a.available - v_price, held = a.held + v_price,
        usage_rows = a.usage_rows + 1, touched_at = touch(a.touched_at, v_now)
      WHERE a.id = p_account AND a.available >= v_price AND a.debt = 0 AND a.closed_at IS NULL
      RETURNING * INTO v_account;
  ELSE
    SELECT * INTO v_account FROM account a WHERE a.id = p_account AND a.closed_at IS NULL;
  END IF;
  IF NOT FOUND THEN
    SELECT * INTO v_account FROM account a WHERE a.id = p_account AND a.closed_at IS NULL;
    IF NOT FOUND THEN RAISE EXCEPTION 'no such account' USING ERRCODE = 'DR003'; END IF;
    RAISE EXCEPTION 'too few credits'
      USING ERRCODE = 'DR001', DETAIL = v_account.available || ',' || v_account.debt;
  END IF;

  v_transfer := gen_random_uuid();
  INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
    VALUES (v_transfer, 'hold', p_account, p_id, p_description, v_now);
  IF v_price > 0 THEN
    INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at) VALUES
      (v_transfer, p_account, 'available', 'credit', -v_price, v_account.usage_rows, v_account.available, v_now),
      (v_transfer, p_account, 'held', 'credit', v_price, NULL, NULL, v_now);
  END IF;

  IF p_claim THEN
    FOR v_part IN 0 .. p_parts - 1 LOOP
      INSERT INTO attempt (generation_id, n, part, provider, upstream_model, state, upstream_key,
          expected_cost_usd_micro, started_at)
        VALUES (p_id, 1, v_part, p_provider, p_upstream_model, 'intent', p_upstream_key, p_expected_cost, v_now);
    END LOOP;
  ELSE
    PERFORM pg_notify('generation_queued', '');
  END IF;
  created := true; found_id := p_id; found_fingerprint := p_fingerprint; available := v_account.available;
  created_at := v_now; deadline := v_now + p_deadline_ms * interval '1 ms';
  RETURN NEXT;
END $$;
