-- Routes: how much an upstream model may be given at once and per minute, exact over all processes, in turns between
-- accounts; and how each route has fared.

-- What a paced route has taken. A route that nobody paces has no row here and costs nothing.
CREATE TABLE route_pace (
  -- Provider and upstream model, as `openai/gpt-image-2`.
  route text PRIMARY KEY,
  -- Places of all orders under way that hold one: calls open at the upstream at most.
  in_flight int NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
  -- Images begun in the second `minute_at` and in each of the 60 before it, the newest first.
  minute int[] NOT NULL DEFAULT '{}',
  minute_at bigint NOT NULL DEFAULT 0,
  -- The account that had the last turn; the next one is that of the account above it.
  turn uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
) WITH (fillfactor = 50);

ALTER TABLE generation
  -- The route whose place a queued order waits for; null = it waits for a worker, as every other.
  ADD COLUMN waits_for text,
  -- The route whose places an order under way holds.
  ADD COLUMN pace_route text,
  -- How many it holds or waits for: one for each of its parts.
  ADD COLUMN pace_places int;

-- Orders that wait for a route are passed over by those that look for work.
DROP INDEX generation_queued;
CREATE INDEX generation_queued ON generation (account_id, created_at) WHERE state = 'queued' AND waits_for IS NULL;
CREATE INDEX generation_waiting ON generation (waits_for, account_id, created_at)
  WHERE state = 'queued' AND waits_for IS NOT NULL;

-- As in 0004, without the orders that wait for a route.
CREATE OR REPLACE FUNCTION claim_queued(p_process text, p_lease_ms int, p_limit int, p_after uuid)
RETURNS SETOF generation LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY WITH RECURSIVE waiting AS (
    (SELECT g.account_id, 1 AS step FROM generation g
      WHERE g.state = 'queued' AND g.waits_for IS NULL AND g.account_id > p_after
        AND (g.not_before IS NULL OR g.not_before <= app_now()) AND g.deadline > app_now()
      ORDER BY g.account_id LIMIT 1)
    UNION ALL
    SELECT (SELECT g.account_id FROM generation g
      WHERE g.state = 'queued' AND g.waits_for IS NULL AND g.account_id > w.account_id
        AND (g.not_before IS NULL OR g.not_before <= app_now()) AND g.deadline > app_now()
      ORDER BY g.account_id LIMIT 1), w.step + 1
    FROM waiting w WHERE w.account_id IS NOT NULL AND w.step < p_limit
  ), picked AS (
    SELECT g.id FROM waiting w CROSS JOIN LATERAL (
      SELECT id FROM generation WHERE state = 'queued' AND waits_for IS NULL AND account_id = w.account_id
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

-- The images of the last minute as they stand p_seconds later. A clock that went back counts as one that stood.
CREATE FUNCTION shift_minute(p_minute int[], p_seconds bigint) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN coalesce(p_seconds, 0) <= 0 THEN p_minute WHEN p_seconds > 60 THEN '{}'
    ELSE (array_fill(0, ARRAY[p_seconds::int]) || p_minute)[1:61] END
$$;

-- The images that any minute which ends now can hold.
CREATE FUNCTION sum_minute(p_minute int[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(sum(images), 0) FROM unnest(p_minute) images
$$;

-- Takes places at a route and counts the images it begins: false = it is full now, or has begun as many as it may in a
-- minute. NULL = not limited so. One guarded statement, in the lock of the route's row: no two processes can both take
-- the last place.
CREATE FUNCTION take_place(p_route text, p_places int, p_images int, p_max int, p_per_minute int, p_turn uuid)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_second bigint := floor(extract(epoch FROM app_now()));
BEGIN
  UPDATE route_pace SET in_flight = in_flight + p_places,
      minute = CASE WHEN p_per_minute IS NULL THEN '{}' ELSE ARRAY[p_images
        + coalesce((shift_minute(minute, v_second - minute_at))[1], 0)]
        || (shift_minute(minute, v_second - minute_at))[2:61] END,
      minute_at = greatest(minute_at, v_second), turn = coalesce(p_turn, turn)
    WHERE route = p_route AND (p_max IS NULL OR in_flight + p_places <= p_max)
      AND (p_per_minute IS NULL OR sum_minute(shift_minute(minute, v_second - minute_at)) + p_images <= p_per_minute);
  RETURN FOUND;
END $$;

-- Whoever waits for the route is looked for by a process that hears of it.
CREATE FUNCTION give_place(p_route text, p_places int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE route_pace SET in_flight = in_flight - p_places WHERE route = p_route;
  IF EXISTS (SELECT 1 FROM generation WHERE state = 'queued' AND waits_for = p_route) THEN
    PERFORM pg_notify('generation_queued', '');
  END IF;
END $$;

-- An order gives its places back whenever it is no longer under way, whichever statement ended it or put it back: no
-- function that settles, requeues or reaps has to think of it. At the commit, so that the route's row, which all its
-- orders share, is locked for no longer than that. The condition is all that other orders pay.
CREATE FUNCTION give_places_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM give_place(OLD.pace_route, OLD.pace_places);
  IF NEW.state = 'queued' THEN UPDATE generation SET pace_route = NULL WHERE id = NEW.id; END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER generation_gives_places_back AFTER UPDATE OF state ON generation
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.pace_route IS NOT NULL AND OLD.state IN ('dispatching', 'awaiting', 'storing', 'reconciling')
    AND NEW.state NOT IN ('dispatching', 'awaiting', 'storing', 'reconciling'))
  EXECUTE FUNCTION give_places_back();

-- begin_attempt at a route that is paced, or of an order that holds places at another one. Answers its number; NULL =
-- the claim is no longer ours; 0 = the order waits for this route from now on; -1 = it would have to, and was not to
-- (p_waits). Whoever finds others waiting waits behind them, even where a place is free: it is theirs.
CREATE FUNCTION begin_paced_attempt(p_id uuid, p_epoch int, p_provider text, p_upstream_model text, p_parts int,
  p_expected_cost bigint, p_upstream_key text, p_max int, p_per_minute int, p_waits boolean) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_route text := p_provider || '/' || p_upstream_model;
  v_row generation;
  v_others boolean;
BEGIN
  SELECT * INTO v_row FROM generation WHERE id = p_id AND epoch = p_epoch AND state = 'dispatching' FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF v_row.pace_route IS DISTINCT FROM v_route THEN
    IF p_max IS NOT NULL OR p_per_minute IS NOT NULL THEN
      INSERT INTO route_pace (route) SELECT v_route WHERE NOT EXISTS (SELECT 1 FROM route_pace WHERE route = v_route)
        ON CONFLICT DO NOTHING;
      -- Held until the order waits for all to see: a place that is given back meanwhile finds it.
      PERFORM 1 FROM route_pace WHERE route IN (v_route, v_row.pace_route) ORDER BY route COLLATE "C" FOR UPDATE;
      v_others := EXISTS (SELECT 1 FROM generation
        WHERE state = 'queued' AND waits_for = v_route AND deadline > app_now());
      IF v_others OR NOT take_place(v_route, p_parts, v_row.count, p_max, p_per_minute, NULL) THEN
        IF NOT p_waits THEN RETURN -1; END IF;
        UPDATE generation SET state = 'queued', waits_for = v_route, pace_places = p_parts, lease_owner = NULL,
            lease_until = NULL, not_before = NULL
          WHERE id = p_id;
        IF v_others AND EXISTS (SELECT 1 FROM route_pace
            WHERE route = v_route AND (p_max IS NULL OR in_flight < p_max)) THEN
          PERFORM pg_notify('generation_queued', '');
        END IF;
        RETURN 0;
      END IF;
    END IF;
    IF v_row.pace_route IS NOT NULL THEN PERFORM give_place(v_row.pace_route, v_row.pace_places); END IF;
    UPDATE generation SET pace_places = p_parts,
        pace_route = CASE WHEN p_max IS NOT NULL OR p_per_minute IS NOT NULL THEN v_route END
      WHERE id = p_id;
  END IF;
  RETURN begin_attempt(p_id, p_epoch, p_provider, p_upstream_model, p_parts, p_expected_cost, p_upstream_key);
END $$;

-- T2 for orders that wait for a route: as many as each route has places for, in turns between the accounts, from the
-- account after the one that had the last turn at any process. An order that needs more places than are free keeps its
-- turn, or small ones would pass it for ever. p_routes come in order of bytes; p_limits: at most so many of each.
CREATE FUNCTION claim_paced(p_process text, p_lease_ms int, p_limit int, p_routes text[], p_maxes int[],
  p_per_minutes int[], p_limits int[]) RETURNS SETOF generation
LANGUAGE plpgsql AS $$
DECLARE
  v_left int := p_limit;
  v_turn uuid;
  v_account uuid;
  v_row generation;
BEGIN
  FOR i IN 1 .. coalesce(cardinality(p_routes), 0) LOOP
    CONTINUE WHEN v_left < 1 OR NOT EXISTS (SELECT 1 FROM generation WHERE state = 'queued' AND waits_for = p_routes[i]);
    SELECT turn INTO v_turn FROM route_pace WHERE route = p_routes[i] FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    FOR j IN 1 .. least(v_left, p_limits[i]) LOOP
      SELECT g.account_id INTO v_account FROM generation g WHERE g.state = 'queued' AND g.waits_for = p_routes[i]
        AND g.account_id > v_turn AND g.deadline > app_now() ORDER BY g.account_id LIMIT 1;
      IF NOT FOUND THEN
        SELECT g.account_id INTO v_account FROM generation g WHERE g.state = 'queued' AND g.waits_for = p_routes[i]
          AND g.deadline > app_now() ORDER BY g.account_id LIMIT 1;
        EXIT WHEN NOT FOUND;
      END IF;
      v_turn := v_account;
      SELECT * INTO v_row FROM generation g WHERE g.state = 'queued' AND g.waits_for = p_routes[i]
          AND g.account_id = v_account AND g.deadline > app_now()
        ORDER BY g.created_at LIMIT 1 FOR UPDATE SKIP LOCKED;
      -- Somebody cancels it at this moment.
      CONTINUE WHEN NOT FOUND;
      EXIT WHEN NOT take_place(p_routes[i], v_row.pace_places, v_row.count, p_maxes[i], p_per_minutes[i], v_account);
      UPDATE generation g SET state = 'dispatching', epoch = g.epoch + 1, lease_owner = p_process,
          lease_until = app_now() + p_lease_ms * interval '1 ms', waits_for = NULL, pace_route = p_routes[i]
        WHERE g.id = v_row.id RETURNING * INTO v_row;
      v_left := v_left - 1;
      RETURN NEXT v_row;
    END LOOP;
  END LOOP;
END $$;

-- Lets orders choose anew: those that wait for a route which is paced no more (not among p_routes), or for p_broken,
-- which is being left alone, where their model (p_models) has another one.
CREATE FUNCTION stop_waiting(p_routes text[], p_broken text[], p_models text[], p_limit int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE v_count int;
BEGIN
  UPDATE generation SET waits_for = NULL WHERE id IN (SELECT id FROM generation
    WHERE state = 'queued' AND waits_for IS NOT NULL
      AND (waits_for <> ALL (p_routes) OR waits_for = ANY (p_broken) AND model = ANY (p_models))
    LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN PERFORM pg_notify('generation_queued', ''); END IF;
  RETURN v_count;
END $$;

-- P1: a route counts the places of the orders under way that hold one there. Any row is an incident.
CREATE FUNCTION pacing_violations() RETURNS TABLE (rule text, subject text) LANGUAGE sql STABLE AS $$
  SELECT 'P1', coalesce(p.route, o.route) FROM route_pace p
    FULL JOIN (SELECT g.pace_route AS route, sum(g.pace_places) AS places FROM generation g
      WHERE g.pace_route IS NOT NULL AND g.state IN ('dispatching', 'awaiting', 'storing', 'reconciling')
      GROUP BY 1) o ON o.route = p.route
    WHERE coalesce(p.in_flight, 0) <> coalesce(o.places, 0)
$$;

-- How each route has fared, over all processes: written by each at most once in a few seconds.
CREATE TABLE route_health (
  provider text NOT NULL,
  upstream_model text NOT NULL,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_failure_kind text,
  -- The operator's words, cleaned of secrets and of what customers wrote.
  last_failure_message text,
  -- When a process last said that its breaker is open.
  open_at timestamptz,
  succeeded bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  -- Of calls that succeeded, the latest counting most.
  mean_ms int,
  PRIMARY KEY (provider, upstream_model)
) WITH (fillfactor = 50);
