-- Slow walks over all that is stored, one row each. Whoever finds a round due takes it for a while, goes on where it
-- stands, and says when the next step is due: so all processes together walk once, at one pace, over restarts.
CREATE TABLE round (
  name text PRIMARY KEY,
  -- Where to go on; empty = at the beginning. Only the round itself reads it.
  position text NOT NULL DEFAULT '',
  -- Nobody takes it before. While it is held this is the end of the lease.
  due_at timestamptz NOT NULL DEFAULT app_now(),
  holder text,
  -- Of the walk under way: when it left the beginning, what it has looked at, what was wrong.
  began_at timestamptz NOT NULL DEFAULT app_now(),
  checked bigint NOT NULL DEFAULT 0,
  faults bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO round (name) VALUES ('leftovers'), ('scrub');
