-- The list of everything an account made, and what its owner says about an order: tags, and the generation it goes on
-- from. They stand in `echo`, which T1 writes anyhow, so an order without them costs nothing more.

-- The list of every surface. Two entries for most orders: when it is taken and when it ends.
CREATE INDEX generation_newest ON generation (account_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- Only rows that go on from another one.
CREATE INDEX generation_children ON generation ((echo ->> 'parentId'), created_at DESC, id DESC)
  WHERE echo ? 'parentId' AND deleted_at IS NULL;

-- One row for each tag of a generation: a page of a tag is read in its order, however rare the tag is.
CREATE TABLE generation_tag (
  account_id uuid NOT NULL,
  tag text NOT NULL,
  created_at timestamptz NOT NULL,
  generation_id uuid NOT NULL,
  PRIMARY KEY (account_id, tag, created_at, generation_id)
);

CREATE FUNCTION add_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO generation_tag (account_id, tag, created_at, generation_id)
    SELECT NEW.account_id, tag, NEW.created_at, NEW.id FROM jsonb_array_elements_text(NEW.echo -> 'tags') tag
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER generation_tags_come AFTER INSERT ON generation FOR EACH ROW
  WHEN (NEW.echo ? 'tags') EXECUTE FUNCTION add_tags();

-- Tags are words of the caller: they go with the rest.
CREATE FUNCTION drop_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM generation_tag t USING jsonb_array_elements_text(OLD.echo -> 'tags') tag
    WHERE t.account_id = OLD.account_id AND t.tag = tag.value AND t.created_at = OLD.created_at
      AND t.generation_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER generation_tags_go AFTER UPDATE OF deleted_at ON generation FOR EACH ROW
  WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL AND OLD.echo ? 'tags') EXECUTE FUNCTION drop_tags();
