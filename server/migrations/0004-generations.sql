-- Generations, their attempts, slots and events, and the functions that move them together with the money.
-- Each function is one round trip and one transaction under READ COMMITTED: a guard is one conditional
-- statement, and a guard that fails raises an SQLSTATE of ours, which undoes everything before it.

CREATE DOMAIN generation_state AS text CHECK (VALUE IN ('queued', 'dispatching', 'awaiting', 'storing',
  'reconciling', 'succeeded', 'failed', 'blocked', 'canceled'));
CREATE DOMAIN attempt_state AS text
  CHECK (VALUE IN ('intent', 'accepted', 'done', 'failed', 'not_run', 'unknown'));
CREATE DOMAIN event_type AS text CHECK (VALUE IN ('generation.succeeded', 'generation.failed'));
CREATE DOMAIN idempotency_key AS text CHECK (octet_length(VALUE) BETWEEN 1 AND 255);
CREATE DOMAIN ordinal AS int CHECK (VALUE >= 1);

CREATE TABLE generation (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL, -- proved by the hold; no foreign key for the reason given at `transfer`
  api_key_id uuid,
  dialect text NOT NULL,
  model text NOT NULL,
  prompt text NOT NULL,
  -- GenerationOptions of models/options.ts, and what the dialect must echo (`style`), as JSON.
  options jsonb NOT NULL,
  echo jsonb,
  -- Stored reference pictures: [{key, mediaType, sizeBytes, width, height}], the mask likewise.
  inputs jsonb,
  idem_key idempotency_key,
  -- SHA-256 of method, route and canonical body.
  fingerprint bytea NOT NULL,
  unit_price credits NOT NULL,
  count ordinal NOT NULL,
  price credits NOT NULL,
  captured credits NOT NULL DEFAULT 0,
  slots text[] NOT NULL DEFAULT '{}',
  state generation_state NOT NULL,
  -- Why it is not a success: a stable public code such as `content_rejected`, `queue_timeout`.
  reason text,
  epoch int NOT NULL DEFAULT 0,
  attempts int NOT NULL DEFAULT 0,
  -- The process that created it and the one that holds the lease; process names, never on the wire.
  created_by text NOT NULL,
  lease_owner text,
  lease_until timestamptz,
  not_before timestamptz,
  next_poll_at timestamptz,
  deadline timestamptz NOT NULL,
  -- Images as stored: [{index, key, mediaType, sizeBytes, sha256, width, height}]; expected ones from `storing` on.
  images jsonb,
  manifest_sha256 bytea,
  warnings jsonb,
  usage jsonb,
  created_at timestamptz NOT NULL,
  completed_at timestamptz,
  -- When an answer with the outcome was fully sent.
  answered_at timestamptz,
  deleted_at timestamptz
) WITH (fillfactor = 80);
-- The idempotency record: one key of an account names one generation.
CREATE UNIQUE INDEX generation_idempotency ON generation (account_id, idem_key) WHERE idem_key IS NOT NULL;
CREATE INDEX generation_list ON generation (account_id, dialect, created_at DESC, id DESC)
  WHERE state = 'succeeded' AND deleted_at IS NULL;
-- Work: a handful of open rows among millions. Every change of state enters the new row into each index of the table
-- whose rows it belongs to, so there are few.
CREATE INDEX generation_queued ON generation (account_id, created_at) WHERE state = 'queued';
CREATE INDEX generation_open ON generation (state, lease_until)
  WHERE state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling');
CREATE INDEX generation_completed ON generation (completed_at) WHERE completed_at IS NOT NULL;

-- One try at an upstream. An order larger than the upstream's largest call is split into parts; each part has at
-- most one attempt that may have run.
CREATE TABLE attempt (
  generation_id uuid NOT NULL, -- written by functions that have just written the generation: no foreign key
  n int NOT NULL,
  part int NOT NULL DEFAULT 0,
  provider text NOT NULL,
  upstream_model text NOT NULL,
  state attempt_state NOT NULL,
  -- Set when the provider takes an idempotency key, which then stays the same over attempts.
  upstream_key text,
  upstream_task jsonb,
  failure text,
  -- The operator's words; never shown to a customer.
  message text,
  expected_cost_usd_micro bigint NOT NULL,
  cost_usd_micro bigint,
  late boolean NOT NULL DEFAULT false,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (generation_id, n, part)
) WITH (fillfactor = 80);

-- Counters of generations in flight, one per thing a contract counts.
CREATE TABLE slot (
  scope text PRIMARY KEY,
  in_flight int NOT NULL DEFAULT 0 CHECK (in_flight >= 0)
) WITH (fillfactor = 50);

-- Succeeded generations per account and dialect, so that `total` is never a count.
CREATE TABLE generation_total (
  account_id uuid NOT NULL,
  dialect text NOT NULL,
  succeeded bigint NOT NULL,
  PRIMARY KEY (account_id, dialect)
) WITH (fillfactor = 50);

-- Something that happened: written in the transaction that settled the money, exactly one per terminal generation.
CREATE TABLE event (
  generation_id uuid PRIMARY KEY, -- as with attempts
  account_id uuid NOT NULL,
  type event_type NOT NULL,
  status text NOT NULL,
  created_at timestamptz NOT NULL
);

-- The time of an account's last change, to ten seconds: it is indexed, and the hottest row of a tenant would else
-- leave a new entry in every index of its table with each change of the wallet.
CREATE FUNCTION touch(p_before timestamptz, p_now timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
  AS $$ SELECT CASE WHEN p_before < p_now - interval '10 s' THEN p_now ELSE p_before END $$;

-- T1 (and T2 when p_claim is set): claims the idempotency key, raises the slots in name order, holds the price
-- and inserts the work; the account's row comes last, because it is the hottest. Raises
--   DR001 too few credits (DETAIL: available,debt), DR002 a slot is full (DETAIL: its scope), DR003 no account.
-- A key used before returns the winner's row with created = false and changes nothing.
CREATE FUNCTION create_generation(
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
    INSERT INTO attempt (generation_id, n, part, provider, upstream_model, state, upstream_key,
        expected_cost_usd_micro, started_at)
      SELECT p_id, 1, part, p_provider, p_upstream_model, 'intent', p_upstream_key, p_expected_cost, v_now
        FROM generate_series(0, p_parts - 1) part;
  ELSE
    PERFORM pg_notify('generation_queued', '');
  END IF;
  created := true; found_id := p_id; found_fingerprint := p_fingerprint; available := v_account.available;
  created_at := v_now; deadline := v_now + p_deadline_ms * interval '1 ms';
  RETURN NEXT;
END $$;

-- T2 for queued rows. Fair over accounts: the oldest row of each account that waits, walking the accounts
-- upwards from p_after, so that one account's long queue delays nobody else. The walk jumps from account to
-- account in the index and looks at no more than p_limit of them; accounts whose rows are all put off (not_before)
-- do not count, or they would hide those behind them.
CREATE FUNCTION claim_queued(p_process text, p_lease_ms int, p_limit int, p_after uuid) RETURNS SETOF generation
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY WITH RECURSIVE waiting AS (
    (SELECT g.account_id, 1 AS step FROM generation g
      WHERE g.state = 'queued' AND g.account_id > p_after
        AND (g.not_before IS NULL OR g.not_before <= app_now()) AND g.deadline > app_now()
      ORDER BY g.account_id LIMIT 1)
    UNION ALL
    SELECT (SELECT g.account_id FROM generation g WHERE g.state = 'queued' AND g.account_id > w.account_id
        AND (g.not_before IS NULL OR g.not_before <= app_now()) AND g.deadline > app_now()
      ORDER BY g.account_id LIMIT 1), w.step + 1
    FROM waiting w WHERE w.account_id IS NOT NULL AND w.step < p_limit
  ), picked AS (
    SELECT g.id FROM waiting w CROSS JOIN LATERAL (
      SELECT id FROM generation WHERE state = 'queued' AND account_id = w.account_id
        AND (not_before IS NULL OR not_before <= app_now()) AND deadline > app_now()
      ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) g
    WHERE w.account_id IS NOT NULL
    LIMIT p_limit
  )
  UPDATE generation g SET state = 'dispatching', epoch = g.epoch + 1, lease_owner = p_process,
      lease_until = app_now() + p_lease_ms * interval '1 ms', not_before = NULL
    FROM picked WHERE g.id = picked.id AND g.state = 'queued'
    RETURNING g.*;
END $$;

-- The attempt's intent, committed before the first byte is sent: its number, or null = the claim is no longer ours.
-- p_expected_cost is that of one part.
CREATE FUNCTION begin_attempt(p_id uuid, p_epoch int, p_provider text, p_upstream_model text, p_parts int,
  p_expected_cost bigint, p_upstream_key text) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE v_n int;
BEGIN
  UPDATE generation SET attempts = attempts + 1 WHERE id = p_id AND epoch = p_epoch AND state = 'dispatching'
    RETURNING attempts INTO v_n;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO attempt (generation_id, n, part, provider, upstream_model, state, upstream_key,
      expected_cost_usd_micro, started_at)
    SELECT p_id, v_n, part, p_provider, p_upstream_model, 'intent', p_upstream_key, p_expected_cost, app_now()
      FROM generate_series(0, p_parts - 1) part;
  RETURN v_n;
END $$;

-- T3: nothing ran in any part of the attempt, try again later.
CREATE FUNCTION requeue_generation(p_id uuid, p_epoch int, p_n int, p_failure text, p_message text, p_delay_ms int)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE generation SET state = 'queued', lease_owner = NULL, lease_until = NULL,
      not_before = app_now() + p_delay_ms * interval '1 ms'
    WHERE id = p_id AND epoch = p_epoch AND state = 'dispatching';
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE attempt SET state = 'not_run', failure = p_failure, message = p_message, ended_at = app_now()
    WHERE generation_id = p_id AND n = p_n;
  RETURN true;
END $$;

-- T4: the upstream's handle is stored before the first poll; no lease between polls.
CREATE FUNCTION await_task(p_id uuid, p_epoch int, p_n int, p_part int, p_task jsonb, p_poll_after_ms int)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE generation SET state = 'awaiting', lease_owner = NULL, lease_until = NULL,
      next_poll_at = app_now() + p_poll_after_ms * interval '1 ms'
    WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting', 'reconciling');
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE attempt SET state = 'accepted', upstream_task = coalesce(p_task, upstream_task)
    WHERE generation_id = p_id AND n = p_n AND part = p_part;
  RETURN true;
END $$;

-- A poll is due: claim it for one read. The state stays `awaiting`; the epoch fences a slower poller.
CREATE FUNCTION claim_polls(p_process text, p_lease_ms int, p_limit int) RETURNS SETOF generation
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY WITH due AS (
    SELECT id FROM generation WHERE state = 'awaiting' AND next_poll_at <= app_now()
      AND (lease_until IS NULL OR lease_until < app_now())
    ORDER BY next_poll_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  )
  UPDATE generation g SET epoch = g.epoch + 1, lease_owner = p_process,
      lease_until = app_now() + p_lease_ms * interval '1 ms'
    FROM due WHERE g.id = due.id RETURNING g.*;
END $$;

-- T5: bytes obtained, their hashes known. Its commit need not wait for the disk: should a database crash lose
-- it, the reconciler finds the manifest in storage all the same, and no money has moved.
CREATE FUNCTION begin_storing(p_id uuid, p_epoch int, p_n int, p_images jsonb, p_usage jsonb, p_parts jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE generation SET state = 'storing', images = p_images, usage = p_usage
    -- `storing` too: the statement may be repeated after a lost acknowledgement.
    WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting', 'storing');
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE attempt a SET state = p.state, failure = p.failure, message = p.message, ended_at = app_now(),
      cost_usd_micro = coalesce(p.cost, CASE WHEN p.state = 'done' THEN a.expected_cost_usd_micro END)
    FROM jsonb_to_recordset(p_parts) AS p (part int, state text, failure text, message text, cost bigint)
    WHERE a.generation_id = p_id AND a.n = p_n AND a.part = p.part;
  RETURN true;
END $$;

-- What every settlement shares: slots down, event written, wallet moved, waiters told. Internal.
CREATE FUNCTION finish_generation(p_row generation, p_kind text, p_captured bigint, p_loss bigint,
  p_description text, p_notify boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz := app_now();
  v_back bigint := p_row.price - p_captured;
  v_transfer uuid := gen_random_uuid();
  v_available bigint;
  v_seq bigint;
BEGIN
  IF cardinality(p_row.slots) > 0 THEN
    -- In the order in which T1 takes them (by bytes, whatever the database's collation), so that no two
    -- transactions wait for each other.
    PERFORM 1 FROM slot WHERE scope = ANY (p_row.slots) ORDER BY scope COLLATE "C" FOR UPDATE;
    UPDATE slot SET in_flight = in_flight - 1 WHERE scope = ANY (p_row.slots);
  END IF;
  INSERT INTO event (account_id, generation_id, type, status, created_at) VALUES (p_row.account_id, p_row.id,
    CASE WHEN p_row.state = 'succeeded' THEN 'generation.succeeded' ELSE 'generation.failed' END, p_row.state, v_now);
  IF p_row.price > 0 THEN
    UPDATE account SET held = held - p_row.price, available = available + v_back,
        usage_rows = usage_rows + (v_back > 0)::int, touched_at = touch(touched_at, v_now)
      WHERE id = p_row.account_id RETURNING available, usage_rows INTO v_available, v_seq;
  ELSE
    SELECT available INTO v_available FROM account WHERE id = p_row.account_id;
  END IF;
  INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
    VALUES (v_transfer, p_kind, p_row.account_id, p_row.id, p_description, v_now);
  IF p_row.price > 0 THEN
    INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
      SELECT v_transfer, l.owner, l.bucket, 'credit', l.amount, l.seq, l.balance_after, v_now FROM (VALUES
        (p_row.account_id, 'held', -p_row.price, NULL::bigint, NULL::bigint),
        (system_owner(), 'revenue', p_captured, NULL, NULL),
        (p_row.account_id, 'available', v_back, v_seq, v_available)) l (owner, bucket, amount, seq, balance_after)
      WHERE l.amount <> 0;
  END IF;
  IF p_loss > 0 THEN
    v_transfer := gen_random_uuid();
    INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
      VALUES (v_transfer, 'operator_loss', p_row.account_id, p_row.id, p_row.reason, v_now);
    INSERT INTO entry (transfer_id, owner, bucket, unit, amount, created_at) VALUES
      (v_transfer, system_owner(), 'operator_loss', 'usd_micro', p_loss, v_now),
      (v_transfer, system_owner(), 'upstream_cost', 'usd_micro', -p_loss, v_now);
  END IF;
  IF p_notify THEN PERFORM pg_notify('generation_settled', p_row.id::text); END IF;
  RETURN v_available;
END $$;

-- T6, T12: succeeded with p_delivered images; captures their price and releases the rest. No row = the race is lost.
-- T5 is made in the same step where it was not made before: p_costs then holds what each part cost, by its number;
-- NULL leaves the record of a part as it is, and a NULL array leaves them all and demands T5.
CREATE FUNCTION settle_succeeded(p_id uuid, p_epoch int, p_images jsonb, p_delivered int, p_manifest bytea,
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

-- T7, T8, T13, T14, T15, T16: ends without an image; the whole hold goes back. p_states lists the states it may
-- leave; p_epoch NULL means any (a queued row has no worker). Attempts still open get p_attempt_state.
CREATE FUNCTION settle_released(p_id uuid, p_epoch int, p_from text[], p_state text, p_reason text,
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
  RETURN QUERY SELECT v_available, v_now;
END $$;

-- T9 by the worker: the outcome is unknown. The new epoch fences everybody else; the caller is the reconciler.
CREATE FUNCTION begin_reconciling(p_id uuid, p_epoch int, p_process text, p_lease_ms int, p_failure text,
  p_message text) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE v_row generation;
BEGIN
  UPDATE generation SET state = 'reconciling', epoch = epoch + 1, lease_owner = p_process,
      lease_until = app_now() + p_lease_ms * interval '1 ms'
    WHERE id = p_id AND epoch = p_epoch AND state IN ('dispatching', 'awaiting', 'storing') RETURNING * INTO v_row;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE attempt SET state = 'unknown', failure = p_failure, message = p_message
    WHERE generation_id = p_id AND n = v_row.attempts AND state IN ('intent', 'accepted');
  RETURN v_row.epoch;
END $$;

-- How many holds are open, sampled every second. Never by a bitmap: a plain index scan marks the entries that earlier
-- states of rows left in the index, so that each is met once; a bitmap would visit all of them again for every sweep
-- until the next vacuum, which with millions of rows is far away.
CREATE FUNCTION count_open() RETURNS int LANGUAGE plpgsql SET enable_bitmapscan = off SET enable_seqscan = off AS $$
BEGIN
  RETURN (SELECT count(*) FROM generation
    WHERE state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling'));
END $$;

-- T9 by the reaper, and the pick-up of rows whose reconciler died: every expired lease, fenced by a new epoch.
CREATE FUNCTION claim_reconciling(p_process text, p_lease_ms int, p_limit int) RETURNS SETOF generation
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY WITH lost AS (
    SELECT id FROM generation WHERE state IN ('dispatching', 'storing', 'reconciling') AND lease_until < app_now()
    ORDER BY lease_until LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), moved AS (
    UPDATE generation g SET state = 'reconciling', epoch = g.epoch + 1, lease_owner = p_process,
        lease_until = app_now() + p_lease_ms * interval '1 ms'
      FROM lost WHERE g.id = lost.id RETURNING g.*
  ), marked AS (
    UPDATE attempt a SET state = 'unknown' FROM moved m
      WHERE a.generation_id = m.id AND a.n = m.attempts AND a.state = 'intent'
  )
  SELECT * FROM moved;
END $$;

-- T11: an upstream with idempotent creates is asked again under the same key.
CREATE FUNCTION redispatch(p_id uuid, p_epoch int, p_process text, p_lease_ms int) RETURNS int
LANGUAGE sql AS $$
  UPDATE generation SET state = 'dispatching', epoch = epoch + 1, lease_owner = p_process,
      lease_until = app_now() + p_lease_ms * interval '1 ms'
    WHERE id = p_id AND epoch = p_epoch AND state = 'reconciling' AND deadline > app_now() RETURNING epoch
$$;

-- Refund after a capture: at most once, never above what was captured.
CREATE FUNCTION refund_generation(p_id uuid, p_amount bigint, p_description text) RETURNS bigint
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
  v_now := app_now();
  INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
    VALUES (v_transfer, 'refund', v_row.account_id, p_id, p_description, v_now);
  INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at) VALUES
    (v_transfer, system_owner(), 'revenue', 'credit', -p_amount, NULL, NULL, v_now),
    (v_transfer, v_row.account_id, 'available', 'credit', p_amount, v_seq, v_available, v_now);
  RETURN v_available;
END $$;
