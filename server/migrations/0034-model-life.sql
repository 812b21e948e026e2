-- The life of upstream models, as it turns out while the service runs: those that an upstream has said it does not have,
-- and what its own list says of the others. Few rows, kept in memory by every node.

-- No node gives an order to one of these until the operator says otherwise.
CREATE TABLE gone_model (
  provider text NOT NULL,
  upstream_model text NOT NULL,
  -- When an upstream first said so, in its words without secrets and prompts, and whose order met it. No reference: the
  -- order may be deleted, the model stays gone.
  seen_at timestamptz NOT NULL,
  said text NOT NULL,
  generation_id uuid NOT NULL,
  PRIMARY KEY (provider, upstream_model)
);

-- What the upstream's list said when it was read last.
CREATE TABLE told_model (
  provider text NOT NULL,
  upstream_model text NOT NULL,
  -- The first day on which it is served no more; null = none was told.
  shutdown_on date,
  -- The version that the upstream serves to whoever names none, and since when that is known; null = it tells none.
  version text,
  version_at timestamptz,
  -- The one before it; null = it has not changed since it was first read.
  version_before text,
  PRIMARY KEY (provider, upstream_model)
);

-- One row for each provider whose list is read: one node at a time, whoever finds it due.
CREATE TABLE model_list_read (
  provider text PRIMARY KEY,
  due_at timestamptz NOT NULL,
  -- The last time that it could be read, and why it could not be since; null = it could.
  read_at timestamptz,
  trouble text
);
