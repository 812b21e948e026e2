// Every statement on keys of upstreams. Whatever changes one tells all nodes in the same transaction: the account, or
// nothing for the operator's.
import { statement } from '../db/db.ts'

const shown = 'provider, last_letters, fingerprint, set_at'

export const sql = {
  list: statement('keyring_list', `SELECT ${shown}, sealed FROM provider_key ORDER BY provider`),
  set: statement(
    'keyring_set',
    `WITH told AS (SELECT pg_notify('provider_keys', '') AS told)
      INSERT INTO provider_key (provider, sealed, last_letters, fingerprint, set_at)
      SELECT $1, $2, $3, $4, app_now() FROM told
      ON CONFLICT (provider) DO UPDATE SET sealed = excluded.sealed, last_letters = excluded.last_letters,
        fingerprint = excluded.fingerprint, set_at = excluded.set_at
      RETURNING ${shown}, sealed`,
  ),
  remove: statement(
    'keyring_remove',
    `WITH gone AS (DELETE FROM provider_key WHERE provider = $1 RETURNING provider)
      SELECT provider, pg_notify('provider_keys', '') AS told FROM gone`,
  ),
  listOwn: statement(
    'keyring_list_own',
    `SELECT ${shown}, sealed FROM account_provider_key WHERE account_id = $1 ORDER BY provider`,
  ),
  setOwn: statement(
    'keyring_set_own',
    `WITH told AS (SELECT pg_notify('provider_keys', $1::uuid::text) AS told)
      INSERT INTO account_provider_key (account_id, provider, sealed, last_letters, fingerprint, set_at)
      SELECT $1::uuid, $2, $3, $4, $5, app_now() FROM told
      ON CONFLICT (account_id, provider) DO UPDATE SET sealed = excluded.sealed, last_letters = excluded.last_letters,
        fingerprint = excluded.fingerprint, set_at = excluded.set_at
      RETURNING ${shown}, sealed`,
  ),
  removeOwn: statement(
    'keyring_remove_own',
    'DELETE FROM account_provider_key WHERE account_id = $1 AND provider = $2 RETURNING provider',
  ),
  findOwn: statement(
    'keyring_find_own',
    'SELECT sealed FROM account_provider_key WHERE account_id = $1 AND provider = $2',
  ),
  /** Accounts that brought a key since; null = all of them. */
  owners: statement(
    'keyring_owners',
    `SELECT DISTINCT account_id FROM account_provider_key
      WHERE $1::timestamptz IS NULL OR set_at > $1::timestamptz - interval '1 minute'`,
  ),
  now: statement('keyring_now', 'SELECT app_now() AS now'),
}
