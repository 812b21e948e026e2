-- Keys of accounts that another has replaced, kept as those of the operator are (0022): for as long as a task that was
-- made with one may run, for that alone, and not at all once the account removes its key.
CREATE TABLE replaced_account_provider_key (
  account_id uuid NOT NULL REFERENCES account (id),
  provider provider_name NOT NULL,
  fingerprint text NOT NULL,
  sealed text NOT NULL,
  replaced_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, provider, fingerprint)
);
-- Those that are too old are deleted by every look at the keys.
CREATE INDEX replaced_account_provider_key_old ON replaced_account_provider_key (replaced_at);
