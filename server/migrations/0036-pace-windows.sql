-- Limits of a route within other windows than a minute: as many images in any so many seconds, counted in the same row,
-- beside a limit per minute or without one.

DROP FUNCTION take_place(text, int, int, int, int, uuid);
DROP FUNCTION begin_paced_attempt(uuid, int, text, text, int, bigint, text, int, int, boolean);
DROP FUNCTION claim_paced(text, int, int, text[], int[], int[], int[]);

-- The images that any window of p_seconds which ends now can hold: those of the second that has begun and of as many
-- before it, because nobody knows where in them a window begins.
CREATE FUNCTION sum_seconds(p_minute int[], p_seconds int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT sum_minute(p_minute[1:p_seconds + 1])
$$;

-- As in 0020, with p_per_window images in any p_window_s seconds (at most 60).
CREATE FUNCTION take_place(p_route text, p_places int, p_images int, p_max int, p_per_minute int, p_per_window int,
  p_window_s int, p_turn uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_second bigint := floor(extract(epoch FROM app_now()));
BEGIN
  UPDATE route_pace SET in_flight = in_flight + p_places,
      minute = CASE WHEN p_per_minute IS NULL AND p_per_window IS NULL THEN '{}' ELSE ARRAY[p_images
        + coalesce((shift_minute(minute, v_second - minute_at))[1], 0)]
        || (shift_minute(minute, v_second - minute_at))[2:61] END,
      minute_at = greatest(minute_at, v_second), turn = coalesce(p_turn, turn)
    WHERE route = p_route AND (p_max IS NULL OR in_flight + p_places <= p_max)
      AND (p_per_minute IS NULL OR sum_minute(shift_minute(minute, v_second - minute_at)) + p_images <= p_per_minute)
      AND (p_per_window IS NULL
        OR sum_seconds(shift_minute(minute, v_second - minute_at), p_window_s) + p_images <= p_per_window);
  RETURN FOUND;
END $$;

-- As in 0020. The window has a default: a process of the release before calls with ten values.
CREATE FUNCTION begin_paced_attempt(p_id uuid, p_epoch int, p_provider text, p_upstream_model text, p_parts int,
  p_expected_cost bigint, p_upstream_key text, p_max int, p_per_minute int, p_waits boolean,
  p_per_window int DEFAULT NULL, p_window_s int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_route text := p_provider || '/' || p_upstream_model;
  v_row generation;
  v_others boolean;
  v_is_paced boolean := p_max IS NOT NULL OR p_per_minute IS NOT NULL OR p_per_window IS NOT NULL;
BEGIN
  SELECT * INTO v_row FROM generation WHERE id = p_id AND epoch = p_epoch AND state = 'dispatching' FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF v_row.pace_route IS DISTINCT FROM v_route THEN
    IF v_is_paced THEN
      INSERT INTO route_pace (route) SELECT v_route WHERE NOT EXISTS (SELECT 1 FROM route_pace WHERE route = v_route)
        ON CONFLICT DO NOTHING;
      -- Held until the order waits for all to see: a place that is given back meanwhile finds it.
      PERFORM 1 FROM route_pace WHERE route IN (v_route, v_row.pace_route) ORDER BY route COLLATE "C" FOR UPDATE;
      v_others := EXISTS (SELECT 1 FROM generation
        WHERE state = 'queued' AND waits_for = v_route AND deadline > app_now());
      IF v_others OR NOT take_place(v_route, p_parts, v_row.count, p_max, p_per_minute, p_per_window, p_window_s,
          NULL) THEN
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
        pace_route = CASE WHEN v_is_paced THEN v_route END
      WHERE id = p_id;
  END IF;
  RETURN begin_attempt(p_id, p_epoch, p_provider, p_upstream_model, p_parts, p_expected_cost, p_upstream_key);
END $$;

-- As in 0020.
CREATE FUNCTION claim_paced(p_process text, p_lease_ms int, p_limit int, p_routes text[], p_maxes int[],
  p_per_minutes int[], p_limits int[], p_per_windows int[] DEFAULT '{}', p_windows_s int[] DEFAULT '{}')
RETURNS SETOF generation
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
      EXIT WHEN NOT take_place(p_routes[i], v_row.pace_places, v_row.count, p_maxes[i], p_per_minutes[i],
        p_per_windows[i], p_windows_s[i], v_account);
      UPDATE generation g SET state = 'dispatching', epoch = g.epoch + 1, lease_owner = p_process,
          lease_until = app_now() + p_lease_ms * interval '1 ms', waits_for = NULL, pace_route = p_routes[i]
        WHERE g.id = v_row.id RETURNING * INTO v_row;
      v_left := v_left - 1;
      RETURN NEXT v_row;
    END LOOP;
  END LOOP;
END $$;
