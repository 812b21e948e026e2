-- A key that leaked is ended by whoever shows it, and its owner is told why it ended.

ALTER TABLE api_key
  -- NULL where it is live, or was revoked before this was noted.
  ADD COLUMN revoked_reason text CHECK (revoked_reason IN ('operator', 'leaked'));

-- As in 0003, and: a repeated reference with another amount is refused (DR016), and DETAIL is the amount that was granted
-- under it: a slip must not look like a grant.
CREATE OR REPLACE FUNCTION grant_credits(p_account uuid, p_amount bigint, p_bucket text, p_reference text,
  p_stripe_ref text, p_description text) RETURNS TABLE (granted boolean, balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  v_transfer uuid := gen_random_uuid();
  v_account account;
  v_repaid bigint;
  v_earlier bigint;
  v_now timestamptz;
BEGIN
  IF p_amount <= 0 THEN RAISE EXCEPTION 'a grant must be positive' USING ERRCODE = 'DR012'; END IF;
  -- The wallet's row first, so that times and numbers of its lines ascend together.
  SELECT * INTO v_account FROM account WHERE id = p_account FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'no such account' USING ERRCODE = 'DR003'; END IF;
  v_now := app_now();
  -- The unique indexes decide: a twin in another transaction is waited for, and seen whatever our snapshot is.
  INSERT INTO transfer (id, kind, account_id, stripe_ref, reference, description, created_at)
    VALUES (v_transfer, 'grant', p_account, p_stripe_ref, p_reference, p_description, v_now)
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT -e.amount INTO v_earlier FROM transfer t JOIN entry e ON e.transfer_id = t.id AND e.owner = system_owner()
      WHERE t.kind = 'grant' AND t.account_id = p_account AND t.reference = p_reference;
    IF v_earlier <> p_amount THEN
      RAISE EXCEPTION 'the reference names another grant' USING ERRCODE = 'DR016', DETAIL = v_earlier::text;
    END IF;
    RETURN QUERY SELECT false, v_account.available::bigint;
    RETURN;
  END IF;
  UPDATE account SET available = available + p_amount, usage_rows = usage_rows + 1, touched_at = v_now
    WHERE id = p_account RETURNING * INTO v_account;
  INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at) VALUES
    (v_transfer, p_account, 'available', 'credit', p_amount, v_account.usage_rows, v_account.available, v_now),
    (v_transfer, system_owner(), p_bucket, 'credit', -p_amount, NULL, NULL, v_now);
  v_repaid := least(v_account.debt, v_account.available);
  IF v_repaid > 0 THEN
    UPDATE account SET available = available - v_repaid, debt = debt - v_repaid, usage_rows = usage_rows + 1
      WHERE id = p_account RETURNING * INTO v_account;
    v_transfer := gen_random_uuid();
    INSERT INTO transfer (id, kind, account_id, reference, description, created_at)
      VALUES (v_transfer, 'adjustment', p_account, p_reference, 'Debt repaid', v_now);
    INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at) VALUES
      (v_transfer, p_account, 'available', 'credit', -v_repaid, v_account.usage_rows, v_account.available, v_now),
      (v_transfer, p_account, 'debt', 'credit', v_repaid, NULL, NULL, v_now);
  END IF;
  RETURN QUERY SELECT true, v_account.available::bigint;
END $$;
