-- What a service that is stalled, starved or filled up by one account must not do to the others.

-- As in 0004, but never the orders which the asking process itself works on: after a stall of the whole process it
-- would end them for lack of pictures that are about to arrive. Past their deadline they are stuck, and ended as ever.
DROP FUNCTION claim_reconciling(text, int, int);
CREATE FUNCTION claim_reconciling(p_process text, p_lease_ms int, p_limit int, p_working uuid[])
RETURNS SETOF generation LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY WITH lost AS (
    SELECT id FROM generation WHERE state IN ('dispatching', 'storing', 'reconciling') AND lease_until < app_now()
      AND (id <> ALL (p_working) OR deadline < app_now())
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

-- Pictures that came with an order which ended without an image: nothing is made from them any more.
CREATE INDEX generation_inputs_ended ON generation (completed_at, id)
  WHERE inputs IS NOT NULL AND files_removed_at IS NULL AND state IN ('failed', 'blocked', 'canceled');

-- What an account has announced and not saved, so that its quota is counted without reading all uploads.
CREATE INDEX upload_unsaved ON upload (account_id) INCLUDE (size_bytes)
  WHERE saved_at IS NULL AND purged_at IS NULL;
