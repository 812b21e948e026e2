-- Marks in the lists of succeeded generations: places whose rank is known, about one in a thousand. A page at any
-- offset begins at the nearest mark and passes over a thousand rows at most, however long the list is. They can be
-- thrown away at any time: reading counts from the newest then, until they have been set again.

CREATE TABLE generation_mark (
  account_id uuid NOT NULL,
  dialect text NOT NULL,
  -- A place in the list: that of a generation, which may have been deleted since.
  created_at timestamptz NOT NULL,
  id uuid NOT NULL,
  -- How many generations of the list are at this place or older.
  rank bigint NOT NULL,
  PRIMARY KEY (account_id, dialect, created_at, id)
);
CREATE INDEX generation_mark_rank ON generation_mark (account_id, dialect, rank);

-- Sets marks upwards from the last one, at most p_limit, and answers how many. Only where nothing can be added any
-- more: older than every open generation of the account, and than any that may be on its way into the table. The
-- list's counter is locked meanwhile, so that a deletion is seen here or sees the marks made here.
CREATE FUNCTION mark_list(p_account uuid, p_dialect text, p_spacing int, p_limit int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE v_last generation_mark; v_end timestamptz; v_made int;
BEGIN
  PERFORM 1 FROM generation_total WHERE account_id = p_account AND dialect = p_dialect FOR NO KEY UPDATE;
  SELECT * INTO v_last FROM generation_mark WHERE account_id = p_account AND dialect = p_dialect
    ORDER BY created_at DESC, id DESC LIMIT 1;
  SELECT least(min(created_at), app_now() - interval '1 minute') INTO v_end FROM generation
    WHERE account_id = p_account AND state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling');
  INSERT INTO generation_mark (account_id, dialect, created_at, id, rank)
    SELECT p_account, p_dialect, created_at, id, coalesce(v_last.rank, 0) + n FROM (
      SELECT created_at, id, row_number() OVER (ORDER BY created_at, id) AS n FROM (
        SELECT created_at, id FROM generation WHERE account_id = p_account AND dialect = p_dialect
          AND state = 'succeeded' AND deleted_at IS NULL AND created_at < v_end
          AND (created_at, id) > (coalesce(v_last.created_at, '-infinity'), coalesce(v_last.id, system_owner()))
        ORDER BY created_at, id LIMIT p_spacing * p_limit) unmarked) numbered
    WHERE n % p_spacing = 0;
  GET DIAGNOSTICS v_made = ROW_COUNT;
  RETURN v_made;
END $$;

-- A generation that leaves its list: everything newer moves down by one.
CREATE FUNCTION move_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM generation_total WHERE account_id = NEW.account_id AND dialect = NEW.dialect FOR NO KEY UPDATE;
  UPDATE generation_mark SET rank = rank - 1 WHERE account_id = NEW.account_id AND dialect = NEW.dialect
    AND (created_at, id) >= (NEW.created_at, NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER generation_leaves_list AFTER UPDATE OF deleted_at ON generation FOR EACH ROW
  WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL AND NEW.state = 'succeeded')
  EXECUTE FUNCTION move_marks();
