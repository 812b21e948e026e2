-- When a session began and was last used is said by the database's clock, which its end is measured by: the sign-in
-- library writes the time of its process, which may be wrong. How long the session lasts stays the library's word.
CREATE FUNCTION auth.time_session() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := public.app_now();
BEGIN
  NEW."expiresAt" := v_now + (NEW."expiresAt" - NEW."createdAt");
  NEW."createdAt" := v_now;
  NEW."updatedAt" := v_now;
  RETURN NEW;
END $$;
CREATE TRIGGER session_times BEFORE INSERT ON auth.session FOR EACH ROW EXECUTE FUNCTION auth.time_session();

-- The library's own windows, counted by the clock of each process. Those of take_from_window are narrower.
DROP TABLE auth."rateLimit";
