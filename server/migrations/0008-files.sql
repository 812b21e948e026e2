-- The end of a generation's files: when it comes by itself, when the owner asks for it, and when it is done.

-- Files are refused from files_expire_at on, also when the sweep that removes them is late. NULL: they stay.
ALTER TABLE generation ADD COLUMN files_expire_at timestamptz;
-- Every object of the generation has been removed. Until then a sweep removes them again, however often it takes.
ALTER TABLE generation ADD COLUMN files_removed_at timestamptz;

-- Two short lists of what is still to be removed.
CREATE INDEX generation_files_ending ON generation (files_expire_at)
  WHERE files_expire_at IS NOT NULL AND files_removed_at IS NULL;
CREATE INDEX generation_files_deleted ON generation (deleted_at)
  WHERE deleted_at IS NOT NULL AND files_removed_at IS NULL;

-- Gives the files of an order that was just taken their end, a whole second, because links say it in seconds. Called
-- in the statement that takes the order: there is no order whose end could be forgotten.
CREATE FUNCTION end_files(p_id uuid, p_live_s int) RETURNS timestamptz LANGUAGE sql AS $$
  UPDATE generation SET files_expire_at = date_trunc('second', created_at) + p_live_s * interval '1 s'
    WHERE id = p_id RETURNING files_expire_at
$$;

-- The owner's wish: nothing of it is shown from now on, and no word of the caller's remains. The books stay, and so
-- does the idempotency key, so that a repeat is not made anew. An open generation is not touched: cancel it first.
-- Answers 'deleted', also when it was before, 'open', or NULL when the account has no such generation.
CREATE FUNCTION delete_generation(p_id uuid, p_account uuid) RETURNS text LANGUAGE plpgsql AS $$
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
  UPDATE attempt SET message = NULL, upstream_task = NULL WHERE generation_id = p_id;
  IF v_row.state = 'succeeded' THEN
    UPDATE generation_total SET succeeded = succeeded - 1
      WHERE account_id = v_row.account_id AND dialect = v_row.dialect;
  END IF;
  RETURN 'deleted';
END $$;
