-- Brakes for what deletes by itself: the sweep of strays and the operator's term. And what a deleted generation keeps.

-- As in 0008, but the upstream's own name of a call stays: by it a bill that comes later finds its attempt. It was given
-- by the upstream and holds nothing of the customer's; addresses and all else that was kept with it go, and so does what
-- a task brought, but for its usage.
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

-- What the walk for strays saw at its last look at each folder: where most objects have no row it is the rows that are
-- missing.
CREATE TABLE intake_folder (
  folder text PRIMARY KEY,
  objects int NOT NULL,
  -- Of them those that no row names.
  nameless int NOT NULL
) WITH (fillfactor = 50);

-- What a walk has told the log, so that it is told once a walk and not once a page.
CREATE TABLE round_notice (
  round text NOT NULL REFERENCES round (name),
  event text NOT NULL,
  told_at timestamptz NOT NULL,
  PRIMARY KEY (round, event)
);

-- The operator's term. A shorter one is announced first: what it deletes does not come back.
CREATE TABLE retention_term (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  -- In force; 0 keeps everything.
  days int NOT NULL DEFAULT 0,
  -- The shorter one that was announced, and when it was first seen.
  next_days int,
  seen_at timestamptz,
  -- How many generations it will delete at once when it comes into force; NULL until they are counted.
  generations int,
  CHECK ((next_days IS NULL) = (seen_at IS NULL))
);
INSERT INTO retention_term DEFAULT VALUES;

-- Says which term a node was given; answers what holds now. A longer term holds at once, a shorter one p_wait_ms after it
-- was first seen. A node that still has the longer one begins the time anew: while they differ nothing more is deleted.
CREATE FUNCTION note_retention(p_days int, p_wait_ms bigint) RETURNS SETOF retention_term LANGUAGE plpgsql AS $$
DECLARE v_term retention_term;
BEGIN
  SELECT * INTO v_term FROM retention_term FOR UPDATE;
  IF p_days = 0 OR (v_term.days > 0 AND p_days >= v_term.days)
    OR (v_term.next_days = p_days AND v_term.seen_at <= app_now() - p_wait_ms * interval '1 ms')
  THEN
    UPDATE retention_term SET days = p_days, next_days = NULL, seen_at = NULL, generations = NULL
      WHERE days <> p_days OR next_days IS NOT NULL;
  ELSIF v_term.next_days IS DISTINCT FROM p_days THEN
    UPDATE retention_term SET next_days = p_days, seen_at = app_now(), generations = NULL;
  END IF;
  RETURN QUERY SELECT * FROM retention_term;
END $$;
