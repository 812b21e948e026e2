-- Keys of upstreams, the operator's and those that accounts bring; what each upstream loses for the operator in a day;
-- and room to lay a provider's bill beside our books.

CREATE DOMAIN provider_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,39}$');

-- Sealed with the installation's secret: this table alone calls no upstream. What may be shown of a key is kept
-- beside it, so that listing opens none.
CREATE TABLE provider_key (
  provider provider_name PRIMARY KEY,
  sealed text NOT NULL,
  last_letters text NOT NULL,
  fingerprint text NOT NULL,
  set_at timestamptz NOT NULL
);

CREATE TABLE account_provider_key (
  account_id uuid NOT NULL REFERENCES account (id),
  provider provider_name NOT NULL,
  sealed text NOT NULL,
  last_letters text NOT NULL,
  fingerprint text NOT NULL,
  set_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, provider)
);
-- Nodes that missed a notification look for what is new.
CREATE INDEX account_provider_key_set ON account_provider_key (set_at);

-- Providers whose own key pays for the order at the upstream; decided with the price, which is then a fee. Null, as
-- for nearly all: the operator's keys.
ALTER TABLE generation ADD COLUMN own_providers text[];

-- In the statement of create_generation, for orders under the account's own keys.
CREATE FUNCTION bring_keys(p_id uuid, p_providers text[]) RETURNS void LANGUAGE sql AS $$
  UPDATE generation SET own_providers = p_providers WHERE id = p_id
$$;

-- What was lost at each upstream on each UTC day, so that a daily cap is one look-up and never a sum.
CREATE TABLE loss_day (
  day date NOT NULL,
  provider text NOT NULL,
  losses bigint NOT NULL,
  loss_usd_micro bigint NOT NULL,
  -- What the operator has seen of it and let pass: the cap counts from here.
  accepted_usd_micro bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (day, provider)
) WITH (fillfactor = 50);

-- A trigger, so that no way to book a loss can leave it out. Only the last attempt of a generation can have cost
-- anything: each before it has proved that nothing ran. Behind the wallet's row, as everything that orders contend for.
CREATE FUNCTION count_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO loss_day AS d (day, provider, losses, loss_usd_micro)
    SELECT (NEW.created_at AT TIME ZONE 'UTC')::date, a.provider, 1, NEW.amount
      FROM transfer t JOIN attempt a ON a.generation_id = t.generation_id
      WHERE t.id = NEW.transfer_id ORDER BY a.n DESC, a.part LIMIT 1
    ON CONFLICT (day, provider) DO UPDATE
      SET losses = d.losses + 1, loss_usd_micro = d.loss_usd_micro + excluded.loss_usd_micro;
  RETURN NULL;
END $$;
CREATE TRIGGER entry_count_loss AFTER INSERT ON entry FOR EACH ROW
  WHEN (NEW.bucket = 'operator_loss') EXECUTE FUNCTION count_loss();

-- Lines of a provider's bill while they are compared; each comparison rolls back what it wrote here.
CREATE UNLOGGED TABLE billed_line (
  line int NOT NULL,
  request_id text,
  amount_usd_micro bigint NOT NULL
);
