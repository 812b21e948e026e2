-- The models that an API key may be used for, by their public ids; null = every one.
ALTER TABLE api_key ADD COLUMN models text[] CHECK (cardinality(models) BETWEEN 1 AND 200);
