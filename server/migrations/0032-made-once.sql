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

-- The creation of a webhook repeated under an idempotency key is the same webhook, as with uploads and generations.

ALTER TABLE webhook_endpoint
  ADD COLUMN idem_key text,
  -- Of what was asked for under the key.
  ADD COLUMN fingerprint bytea,
  -- Until when a repeat shows the secret; NULL: no more, because it was replaced.
  ADD COLUMN shown_until timestamptz;
-- The key lives as long as the webhook.
CREATE UNIQUE INDEX webhook_endpoint_idem ON webhook_endpoint (account_id, idem_key)
  WHERE idem_key IS NOT NULL AND deleted_at IS NULL;

DROP FUNCTION create_webhook_endpoint(uuid, uuid, text, text, text[], text, text, int);

-- The endpoint, or the one that the key has made before; no row when the account is closed or has too many.
CREATE FUNCTION create_webhook_endpoint(p_id uuid, p_account uuid, p_url text, p_label text, p_events text[],
  p_policy text, p_secret text, p_cap int, p_idem_key text, p_fingerprint bytea, p_shown_ms bigint)
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
  RETURN QUERY INSERT INTO webhook_endpoint (id, account_id, url, label, events, policy, secret, created_at, updated_at,
      idem_key, fingerprint, shown_until)
    VALUES (p_id, p_account, p_url, p_label, p_events, p_policy, p_secret, v_now, v_now,
      p_idem_key, p_fingerprint, v_now + p_shown_ms * interval '1 ms') RETURNING *;
  UPDATE account SET webhooks = true WHERE id = p_account AND NOT webhooks;
END $$;
