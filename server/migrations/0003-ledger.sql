-- Double-entry ledger: a transfer is one movement, its entries are its lines. Append-only; every transfer sums
-- to zero per unit. Customer buckets are `available`, `held`, `debt`; the rest belong to the system.

-- Closed lists of words are domains: checked where a word is written, while a CHECK of the table is parsed anew and
-- judged for every statement on any column.
CREATE DOMAIN transfer_kind AS text
  CHECK (VALUE IN ('grant', 'hold', 'capture', 'release', 'refund', 'adjustment', 'operator_loss'));
CREATE DOMAIN entry_bucket AS text CHECK (VALUE IN ('available', 'held', 'debt', 'revenue', 'stripe_clearing',
  'promo', 'adjustments', 'operator_loss', 'upstream_cost'));
CREATE DOMAIN entry_unit AS text CHECK (VALUE IN ('credit', 'usd_micro'));
CREATE DOMAIN entry_amount AS bigint CHECK (VALUE <> 0);

CREATE TABLE transfer (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind transfer_kind NOT NULL,
  -- No foreign key on purpose: the statement that moves the wallet has just proved the account, and a key check
  -- would lock the hottest row of the tenant once more for every line written.
  account_id uuid NOT NULL,
  generation_id uuid,
  -- Payment intent, refund or dispute at the payment provider, with its step.
  stripe_ref text,
  -- The order or note that caused it, shown as `referenceId` where there is no generation.
  reference text,
  description text,
  created_at timestamptz NOT NULL
);
-- "A hold resolves exactly once" is a fact of the database, not of the code.
CREATE UNIQUE INDEX transfer_one_hold ON transfer (generation_id) WHERE kind = 'hold';
CREATE UNIQUE INDEX transfer_one_resolution ON transfer (generation_id) WHERE kind IN ('capture', 'release');
CREATE UNIQUE INDEX transfer_one_refund ON transfer (generation_id) WHERE kind = 'refund';
CREATE UNIQUE INDEX transfer_one_loss ON transfer (generation_id) WHERE kind = 'operator_loss';
CREATE UNIQUE INDEX transfer_one_payment ON transfer (stripe_ref, kind) WHERE stripe_ref IS NOT NULL;
CREATE UNIQUE INDEX transfer_one_grant ON transfer (account_id, reference)
  WHERE kind = 'grant' AND reference IS NOT NULL;

CREATE TABLE entry (
  transfer_id uuid NOT NULL, -- proved by the trigger below, once a statement instead of once a line
  -- An account, or the nil UUID for the system.
  owner uuid NOT NULL,
  bucket entry_bucket NOT NULL,
  unit entry_unit NOT NULL,
  amount entry_amount NOT NULL,
  -- Number of the row in the account's usage list, given under the wallet's row lock: dense, so that a page at
  -- any offset is an index range. Only entries on `available` have one.
  seq bigint,
  -- The bucket after this entry, so that each line can be checked against the one before it; likewise.
  balance_after bigint,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (transfer_id, owner, bucket)
);
CREATE UNIQUE INDEX entry_usage ON entry (owner, seq) WHERE seq IS NOT NULL;

-- History cannot be changed, not even by the owner of the table, who would pass a REVOKE.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'DR010';
END $$;
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- All entries of a transfer arrive in one statement, and that statement must balance, name a transfer that is there
-- and number the lines on `available`, and no others. Checked once a statement over its new rows: a deferred row
-- trigger would read the table again for every line, and so does a foreign key.
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added a GROUP BY transfer_id, unit
      HAVING sum(amount) <> 0
        OR bool_or(num_nonnulls(seq, balance_after) <> CASE WHEN bucket = 'available' THEN 2 ELSE 0 END)
        -- Not EXISTS, whose plan may read the whole table.
        OR (SELECT t.kind FROM transfer t WHERE t.id = a.transfer_id) IS NULL) THEN
    RAISE EXCEPTION 'a transfer must exist, sum to zero per unit and number its lines on available'
      USING ERRCODE = 'DR011';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER entry_balanced AFTER INSERT ON entry REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();

CREATE FUNCTION system_owner() RETURNS uuid LANGUAGE sql IMMUTABLE
  AS $$ SELECT '00000000-0000-0000-0000-000000000000'::uuid $$;

-- Credits given: a purchase (from stripe_clearing), a promotion or the operator (from promo). Debt is repaid at
-- once by an adjustment in the same transaction. The same reference is granted once; a repeat changes nothing
-- and answers granted = false.
CREATE FUNCTION grant_credits(p_account uuid, p_amount bigint, p_bucket text, p_reference text,
  p_stripe_ref text, p_description text) RETURNS TABLE (granted boolean, balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  v_transfer uuid := gen_random_uuid();
  v_account account;
  v_repaid bigint;
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

-- Correction by the operator, or a payment taken back. What `available` cannot bear becomes debt, which blocks
-- new holds; `available` never goes below zero.
CREATE FUNCTION adjust_credits(p_account uuid, p_amount bigint, p_bucket text, p_reference text,
  p_stripe_ref text, p_description text) RETURNS TABLE (balance bigint, debt bigint)
LANGUAGE plpgsql AS $$
DECLARE
  v_transfer uuid := gen_random_uuid();
  v_before account;
  v_after account;
  v_delta bigint;
  v_now timestamptz;
BEGIN
  IF p_amount = 0 THEN RAISE EXCEPTION 'an adjustment must not be zero' USING ERRCODE = 'DR012'; END IF;
  SELECT * INTO v_before FROM account WHERE id = p_account FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'no such account' USING ERRCODE = 'DR003'; END IF;
  v_delta := greatest(p_amount, -v_before.available);
  -- A positive correction pays debt back first.
  IF p_amount > 0 THEN v_delta := p_amount - least(p_amount, v_before.debt); END IF;
  UPDATE account a SET available = a.available + v_delta, debt = a.debt - (p_amount - v_delta),
      usage_rows = a.usage_rows + (v_delta <> 0)::int, touched_at = app_now()
    WHERE a.id = p_account RETURNING * INTO v_after;
  v_now := app_now();
  INSERT INTO transfer (id, kind, account_id, stripe_ref, reference, description, created_at)
    VALUES (v_transfer, 'adjustment', p_account, p_stripe_ref, p_reference, p_description, v_now);
  INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
    SELECT v_transfer, l.owner, l.bucket, 'credit', l.amount, l.seq, l.balance_after, v_now FROM (VALUES
      (p_account, 'available', v_delta, v_after.usage_rows, v_after.available),
      (p_account, 'debt', p_amount - v_delta, NULL::bigint, NULL::bigint),
      (system_owner(), p_bucket, -p_amount, NULL, NULL)) l (owner, bucket, amount, seq, balance_after)
    WHERE l.amount <> 0;
  RETURN QUERY SELECT v_after.available::bigint, v_after.debt::bigint;
END $$;
