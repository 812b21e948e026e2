-- Accounts with their wallet, and API keys. The wallet's three columns are a cache of the ledger (0003),
-- changed only in the same transaction as the entries they sum.

-- The service's clock: leases, windows and due times read it. The offset is zero except in tests, and the
-- runtime role may only read it.
CREATE TABLE clock_offset (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  value interval NOT NULL DEFAULT '0'
);
INSERT INTO clock_offset DEFAULT VALUES;
-- PL/pgSQL keeps its plan; an SQL function that is not inlined is parsed and planned for every statement anew.
CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE
  AS $$ BEGIN RETURN clock_timestamp() + (SELECT value FROM clock_offset); END $$;

-- An amount that cannot be negative. A domain is judged where the value is written, while a CHECK of the table is
-- parsed anew for every statement that writes any column.
CREATE DOMAIN credits AS bigint CHECK (VALUE >= 0);

CREATE TABLE account (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  plan text NOT NULL DEFAULT 'free',
  available credits NOT NULL DEFAULT 0,
  held credits NOT NULL DEFAULT 0,
  debt credits NOT NULL DEFAULT 0,
  -- Rows of the usage list (entries on the bucket `available`), so that its total is never a count.
  usage_rows bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  -- Last change of the wallet: the invariant check of every minute looks at recent accounts only.
  touched_at timestamptz NOT NULL DEFAULT app_now(),
  closed_at timestamptz
) WITH (fillfactor = 70); -- the hottest row of a tenant: room for in-page updates
CREATE INDEX account_touched ON account (touched_at);

-- An API key is found by the SHA-256 of the whole secret; the secret itself is shown once and never kept.
CREATE TABLE api_key (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account,
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  style text NOT NULL CHECK (style IN ('default', 'getimages', 'getimg', 'gptimage2', 'imgeo')),
  display_prefix text NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
  scopes text[] NOT NULL DEFAULT '{generate,read}'
    CHECK (scopes <@ '{generate,read,admin}'::text[] AND cardinality(scopes) > 0),
  -- Overrides of the dialects' limits: null = the dialect's own. Zero requests or in flight = no limit.
  rate_requests int CHECK (rate_requests >= 0),
  rate_window_s int CHECK (rate_window_s > 0),
  in_flight_cap int CHECK (in_flight_cap >= 0),
  created_at timestamptz NOT NULL DEFAULT app_now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX api_key_account ON api_key (account_id);

-- One counter per scope and window. Unlogged: losing it in a database crash costs no money, and a commit that
-- touches only unlogged rows waits for no disk.
CREATE UNLOGGED TABLE rate_window (
  scope text PRIMARY KEY,
  started_at timestamptz NOT NULL,
  used int NOT NULL
) WITH (fillfactor = 50);
