-- Sending deliveries again finds its rows by an index: one by its id, many by the endpoint's log since a time.

CREATE OR REPLACE FUNCTION resend_deliveries(p_endpoint uuid, p_account uuid, p_id uuid, p_since timestamptz,
  p_limit int, p_max_attempts int)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := app_now(); v_count int; v_ids uuid[];
BEGIN
  PERFORM 1 FROM webhook_endpoint
    WHERE id = p_endpoint AND account_id = p_account AND enabled AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN RETURN 0; END IF;
  IF p_id IS NOT NULL THEN
    v_ids := ARRAY(SELECT d.id FROM webhook_delivery d
      WHERE d.id = p_id AND d.endpoint_id = p_endpoint AND d.attempts < p_max_attempts AND d.state <> 'pending'
      FOR UPDATE SKIP LOCKED);
  ELSE
    v_ids := ARRAY(SELECT d.id FROM webhook_delivery d
      WHERE d.endpoint_id = p_endpoint AND d.created_at >= p_since AND d.state IN ('exhausted', 'dropped')
        AND d.attempts < p_max_attempts
      ORDER BY d.created_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
  END IF;
  UPDATE webhook_delivery SET state = 'pending', tries = 0, due_at = v_now, claimed_by = NULL, ended_at = NULL
    WHERE id = ANY (v_ids);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN PERFORM pg_notify('webhook_queued', ''); END IF;
  RETURN v_count;
END $$;
