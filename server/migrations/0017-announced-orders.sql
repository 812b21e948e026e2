-- Orders on their way that have no row yet, because their pictures are still being fetched or judged: a repeat that
-- names no idempotency key waits for them instead of buying again.
CREATE TABLE announced_order (
  -- Of the generation that it will be.
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  api_key_id uuid NOT NULL,
  dialect text NOT NULL,
  fingerprint bytea NOT NULL,
  -- How often its caller's SDK had sent it before.
  retry_count int NOT NULL,
  -- Taken back long before by a process that lives.
  expires_at timestamptz NOT NULL
);
CREATE INDEX announced_order_call ON announced_order (fingerprint);
CREATE INDEX announced_order_expiry ON announced_order (expires_at);
