-- The told end of a model that the operator said is wrong. It counts for nothing as long as it is the one that the
-- upstream tells; another one counts again.
ALTER TABLE told_model ADD COLUMN overruled_end date;
