-- An adjustment that names its cause is made once, as a grant is: a command that is repeated after a lost answer must
-- not take the credits again.

-- NULL in repayments of debt, which bear the reference of their grant, and in adjustments from before this rule, of
-- which a reference may name several.
ALTER TABLE transfer ADD COLUMN once_by_reference boolean;
CREATE UNIQUE INDEX transfer_one_adjustment ON transfer (account_id, reference) WHERE once_by_reference;

DROP FUNCTION adjust_credits(uuid, bigint, text, text, text, text);

-- Correction by the operator, or a payment taken back. What `available` cannot bear becomes debt, which blocks
-- new holds; `available` never goes below zero. A repeated reference changes nothing and answers adjusted = false; with
-- another amount it is refused (DR016), and DETAIL is the amount that was moved under it.
CREATE FUNCTION adjust_credits(p_account uuid, p_amount bigint, p_bucket text, p_reference text,
  p_stripe_ref text, p_description text) RETURNS TABLE (adjusted boolean, balance bigint, debt bigint)
LANGUAGE plpgsql AS $$
DECLARE
  v_transfer uuid := gen_random_uuid();
  v_before account;
  v_after account;
  v_delta bigint;
  v_earlier bigint;
  v_now timestamptz;
BEGIN
  IF p_amount = 0 THEN RAISE EXCEPTION 'an adjustment must not be zero' USING ERRCODE = 'DR012'; END IF;
  SELECT * INTO v_before FROM account WHERE id = p_account FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'no such account' USING ERRCODE = 'DR003'; END IF;
  v_now := app_now();
  -- The unique index decides, as for grants.
  INSERT INTO transfer (id, kind, account_id, stripe_ref, reference, once_by_reference, description, created_at)
    VALUES (v_transfer, 'adjustment', p_account, p_stripe_ref, p_reference,
      CASE WHEN p_reference IS NOT NULL THEN true END, p_description, v_now)
    ON CONFLICT (account_id, reference) WHERE once_by_reference DO NOTHING;
  IF NOT FOUND THEN
    SELECT -e.amount INTO v_earlier FROM transfer t JOIN entry e ON e.transfer_id = t.id AND e.owner = system_owner()
      WHERE t.account_id = p_account AND t.reference = p_reference AND t.once_by_reference;
    IF v_earlier <> p_amount THEN
      RAISE EXCEPTION 'the reference names another adjustment' USING ERRCODE = 'DR016', DETAIL = v_earlier::text;
    END IF;
    RETURN QUERY SELECT false, v_before.available::bigint, v_before.debt::bigint;
    RETURN;
  END IF;
  v_delta := greatest(p_amount, -v_before.available);
  -- A positive correction pays debt back first.
  IF p_amount > 0 THEN v_delta := p_amount - least(p_amount, v_before.debt); END IF;
  UPDATE account a SET available = a.available + v_delta, debt = a.debt - (p_amount - v_delta),
      usage_rows = a.usage_rows + (v_delta <> 0)::int, touched_at = v_now
    WHERE a.id = p_account RETURNING * INTO v_after;
  INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
    SELECT v_transfer, l.owner, l.bucket, 'credit', l.amount, l.seq, l.balance_after, v_now FROM (VALUES
      (p_account, 'available', v_delta, v_after.usage_rows, v_after.available),
      (p_account, 'debt', p_amount - v_delta, NULL::bigint, NULL::bigint),
      (system_owner(), p_bucket, -p_amount, NULL, NULL)) l (owner, bucket, amount, seq, balance_after)
    WHERE l.amount <> 0;
  RETURN QUERY SELECT true, v_after.available::bigint, v_after.debt::bigint;
END $$;
