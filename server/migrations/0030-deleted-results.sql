-- What a task brought is the customer's and goes with the order: the upstream's addresses of pictures that were never
-- kept were left in 0027. The call's id and its usage stay, for the bill.
CREATE OR REPLACE FUNCTION delete_generation(p_id uuid, p_account uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_row generation;
BEGIN
  SELECT * INTO v_row FROM generation WHERE id = p_id AND account_id = p_account FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF is_open(v_row.state) THEN RETURN 'open'; END IF;
  IF v_row.deleted_at IS NOT NULL THEN RETURN 'deleted'; END IF;
  UPDATE generation SET deleted_at = app_now(), prompt = '', echo = NULL, warnings = NULL,
      options = options || '{"style": null, "negativePrompt": null}',
      images = CASE WHEN files_removed_at IS NULL THEN images END
    WHERE id = p_id;
  -- An upstream may have repeated the prompt in its words.
  UPDATE attempt SET message = NULL,
      upstream_task = CASE WHEN upstream_task ? 'id' THEN jsonb_build_object('id', upstream_task -> 'id') END,
      result = result - 'images' - 'warnings'
    WHERE generation_id = p_id;
  IF v_row.state = 'succeeded' THEN
    UPDATE generation_total SET succeeded = succeeded - 1
      WHERE account_id = v_row.account_id AND dialect = v_row.dialect;
  END IF;
  RETURN 'deleted';
END $$;

-- Of what was deleted before.
UPDATE attempt a SET result = a.result - 'images' - 'warnings' FROM generation g
  WHERE g.id = a.generation_id AND g.deleted_at IS NOT NULL AND a.result ?| ARRAY['images', 'warnings'];
