-- What is kept how long: objects that no row names, generations past the operator's term, and whether all nodes hold
-- the same secret.

-- Which installation this database is. Written into storage too, so that one which finds another's mark there does not
-- take its objects for strays. A restored database is the same installation.
CREATE TABLE installation (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- Pictures that came in and that no row names, since when: storage's own times are those of another clock, and an
-- order that is just being taken has no row yet.
CREATE TABLE stray_object (
  key text PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
CREATE INDEX stray_object_age ON stray_object (seen_at);

-- Fingerprints of the secrets that nodes sign and seal with. More than one of them lately is a fault that only the
-- operator can mend. The secret cannot be found from it.
CREATE TABLE secret_seen (
  fingerprint text PRIMARY KEY,
  -- Who said so last, and when.
  process text NOT NULL,
  seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);

INSERT INTO round (name) VALUES ('strays'), ('retention');
