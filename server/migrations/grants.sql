-- What the runtime role may do, applied after every migration run. The runner has set darkroom.app_role.
-- The ledger is append-only for it: no UPDATE, DELETE or TRUNCATE of transfer and entry, by any path.
-- A table whose rights are already as they should be is left alone, so a start writes nothing to the catalogs.
DO $grants$
DECLARE
  app name := current_setting('darkroom.app_role');
  -- The rights this file hands out; whatever else the role holds on a table is taken back.
  known text[] := '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}';
  wanted text[];
  held text[];
  relation record;
BEGIN
  FOR relation IN
    SELECT n.nspname AS schema, c.relname AS name, c.oid AS id, c.relkind AS kind
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('public', 'auth') AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
       AND pg_has_role(current_user, c.relowner, 'USAGE')
  LOOP
    IF relation.kind = 'S' THEN
      IF NOT has_sequence_privilege(app, relation.id, 'USAGE') THEN
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %I.%I TO %I', relation.schema, relation.name, app);
      END IF;
      CONTINUE;
    END IF;
    wanted := CASE
      WHEN relation.schema = 'public' AND relation.name IN ('transfer', 'entry') THEN '{SELECT,INSERT}'
      WHEN relation.schema = 'public' AND relation.name IN ('clock_offset', 'schema_migration') THEN '{SELECT}'
      WHEN relation.kind IN ('v', 'm') THEN '{SELECT}'
      ELSE '{SELECT,INSERT,UPDATE,DELETE}'
    END::text[];
    SELECT coalesce(array_agg(k ORDER BY array_position(known, k)), '{}') INTO held
      FROM unnest(known) k WHERE has_table_privilege(app, relation.id, k);
    IF held IS DISTINCT FROM wanted THEN
      EXECUTE format('REVOKE ALL ON %I.%I FROM %I', relation.schema, relation.name, app);
      EXECUTE format('GRANT %s ON %I.%I TO %I', array_to_string(wanted, ', '), relation.schema, relation.name, app);
    END IF;
  END LOOP;

  FOR relation IN
    SELECT n.nspname AS schema, p.oid::regprocedure::text AS name
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname IN ('public', 'auth') AND p.prokind IN ('f', 'p')
       AND pg_has_role(current_user, p.proowner, 'USAGE')
       AND NOT has_function_privilege(app, p.oid, 'EXECUTE')
  LOOP
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', relation.name, app);
  END LOOP;

  FOR relation IN SELECT nspname AS name FROM pg_namespace WHERE nspname IN ('public', 'auth') LOOP
    IF NOT has_schema_privilege(app, relation.name, 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', relation.name, app);
    END IF;
  END LOOP;
END
$grants$;
