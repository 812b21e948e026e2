-- What customers send: uploads, and what the safety checks refused.

-- A picture announced by `createUpload` and sent to its signed address. What was sent is replaced by a checked copy
-- when it is first used, which all later orders share.
CREATE TABLE upload (
  key text PRIMARY KEY, -- nobody can guess it
  account_id uuid NOT NULL,
  filename text NOT NULL, -- for display; names nothing
  media_type text NOT NULL,
  size_bytes int NOT NULL CHECK (size_bytes > 0),
  idem_key idempotency_key,
  fingerprint bytea NOT NULL,
  created_at timestamptz NOT NULL,
  -- The object as it was sent; null before it came and once the checked picture has taken its place.
  raw_key text,
  received_at timestamptz,
  -- {key, mediaType, sizeBytes, width, height} of the checked picture.
  picture jsonb,
  used_at timestamptz,
  -- Its owner keeps it beyond the usual time.
  saved_at timestamptz,
  -- Its objects are being removed; it is gone for everybody.
  purged_at timestamptz
);
CREATE UNIQUE INDEX upload_idempotency ON upload (account_id, idem_key) WHERE idem_key IS NOT NULL;
CREATE INDEX upload_age ON upload (created_at) WHERE saved_at IS NULL;

-- Refusals by our own checks since an operator last cleared them; only counted while strikes are switched on.
CREATE TABLE moderation_strike (
  account_id uuid PRIMARY KEY,
  strikes int NOT NULL CHECK (strikes > 0),
  last_stage text NOT NULL CHECK (last_stage IN ('input', 'output')),
  last_categories text[] NOT NULL,
  last_at timestamptz NOT NULL
);
CREATE INDEX moderation_strike_count ON moderation_strike (strikes);

-- Blocked results of a day, for the daily cap: a handful of rows among millions.
CREATE INDEX generation_blocked ON generation (completed_at, account_id) WHERE state = 'blocked';
