// Every statement on keys of upstreams. Whatever changes one tells all nodes in the same transaction: the account, or
// nothing for the operator's.
import { statement } from '../db/db.ts'

const shown = 'provider, last_letters, fingerprint, set_at'

export const sql = {
  list: statement('keyring_list', `SELECT ${shown}, sealed FROM provider_key ORDER BY provider`),
  set: statement(
    'keyring_set',
    `WITH told AS (SELECT pg_notify('provider_keys', '') AS told), replaced AS (
        INSERT INTO replaced_provider_key (provider, fingerprint, sealed, replaced_at)
        SELECT provider, fingerprint, sealed, app_now() FROM provider_key
          WHERE provider = $1 AND fingerprint <> $4
        ON CONFLICT (provider, fingerprint) DO UPDATE
          SET sealed = excluded.sealed, replaced_at = excluded.replaced_at
      )
      INSERT INTO provider_key (provider, sealed, last_letters, fingerprint, set_at)
      SELECT $1, $2, $3, $4, app_now() FROM told
      ON CONFLICT (provider) DO UPDATE SET sealed = excluded.sealed, last_letters = excluded.last_letters,
        fingerprint = excluded.fingerprint, set_at = excluded.set_at
      RETURNING ${shown}, sealed`,
  ),
  remove: statement(
    'keyring_remove',
    `WITH gone AS (DELETE FROM provider_key WHERE provider = $1 RETURNING provider),
        forgotten AS (DELETE FROM replaced_provider_key WHERE provider = $1)
      SELECT provider, pg_notify('provider_keys', '') AS told FROM gone`,
  ),
  /** No order runs for longer than a day, so no task is left that needs an older one. */
  listReplaced: statement(
    'keyring_list_replaced',
    `WITH gone AS (DELETE FROM replaced_provider_key WHERE replaced_at < app_now() - interval '25 hours'
        RETURNING provider, fingerprint)
      SELECT provider, fingerprint, sealed FROM replaced_provider_key
        WHERE (provider, fingerprint) NOT IN (SELECT provider, fingerprint FROM gone) ORDER BY provider, replaced_at`,
  ),
  /** Of the tasks that are awaited, those made with a key that is neither here nor among $1, the environment's. */
  orphans: statement(
    'keyring_orphans',
    `SELECT a.provider, a.upstream_task ->> 'madeWith' AS fingerprint, count(*)::int AS tasks
      FROM (SELECT generation_id FROM poll LIMIT 10000) p JOIN attempt a ON a.generation_id = p.generation_id
      WHERE a.state = 'accepted' AND a.upstream_task ? 'madeWith' AND NOT a.upstream_task ? 'ownedBy'
        AND a.upstream_task ->> 'madeWith' <> ALL ($1::text[])
        AND NOT EXISTS (SELECT FROM provider_key k
          WHERE k.provider = a.provider AND k.fingerprint = a.upstream_task ->> 'madeWith')
        AND NOT EXISTS (SELECT FROM replaced_provider_key k
          WHERE k.provider = a.provider AND k.fingerprint = a.upstream_task ->> 'madeWith')
      GROUP BY 1, 2 ORDER BY 1, 2`,
  ),
  listOwn: statement(
    'keyring_list_own',
    `SELECT ${shown}, sealed FROM account_provider_key WHERE account_id = $1 ORDER BY provider`,
  ),
  setOwn: statement(
    'keyring_set_own',
    // Of the earlier ones the ten newest remain: whoever sets keys in a loop fills no table.
    `WITH told AS (SELECT pg_notify('provider_keys', $1::uuid::text) AS told), before AS (
        SELECT provider, fingerprint, sealed FROM account_provider_key WHERE account_id = $1::uuid AND provider = $2
      ), replaced AS (
        INSERT INTO replaced_account_provider_key (account_id, provider, fingerprint, sealed, replaced_at)
        SELECT $1::uuid, provider, fingerprint, sealed, app_now() FROM before WHERE fingerprint <> $5
        ON CONFLICT (account_id, provider, fingerprint) DO UPDATE
          SET sealed = excluded.sealed, replaced_at = excluded.replaced_at
      ), forgotten AS (
        DELETE FROM replaced_account_provider_key WHERE account_id = $1::uuid AND provider = $2
          AND fingerprint NOT IN (SELECT fingerprint FROM before)
          AND fingerprint NOT IN (SELECT fingerprint FROM replaced_account_provider_key
            WHERE account_id = $1::uuid AND provider = $2 ORDER BY replaced_at DESC LIMIT 9)
      )
      INSERT INTO account_provider_key (account_id, provider, sealed, last_letters, fingerprint, set_at)
      SELECT $1::uuid, $2, $3, $4, $5, app_now() FROM told
      ON CONFLICT (account_id, provider) DO UPDATE SET sealed = excluded.sealed, last_letters = excluded.last_letters,
        fingerprint = excluded.fingerprint, set_at = excluded.set_at
      RETURNING ${shown}, sealed`,
  ),
  removeOwn: statement(
    'keyring_remove_own',
    `WITH forgotten AS (DELETE FROM replaced_account_provider_key WHERE account_id = $1 AND provider = $2)
      DELETE FROM account_provider_key WHERE account_id = $1 AND provider = $2 RETURNING provider`,
  ),
  findOwn: statement(
    'keyring_find_own',
    `SELECT sealed, true AS in_force FROM account_provider_key WHERE account_id = $1 AND provider = $2
      UNION ALL (SELECT sealed, false FROM replaced_account_provider_key WHERE account_id = $1 AND provider = $2
        AND replaced_at >= app_now() - interval '25 hours' ORDER BY replaced_at DESC)`,
  ),
  /** As `listReplaced` does with the operator's. */
  forgetOwn: statement(
    'keyring_forget_own',
    `DELETE FROM replaced_account_provider_key WHERE replaced_at < app_now() - interval '25 hours'`,
  ),
  /** Enough for every installation that a doctor looks at; opening one takes microseconds. */
  listAllOwn: statement(
    'keyring_list_all_own',
    'SELECT sealed FROM account_provider_key ORDER BY set_at DESC LIMIT 100000',
  ),
  /** Likewise; one that is in force again is kept for nobody. */
  listAllReplacedOwn: statement(
    'keyring_list_all_replaced_own',
    `SELECT r.sealed FROM replaced_account_provider_key r
      WHERE r.replaced_at >= app_now() - interval '25 hours' AND NOT EXISTS (SELECT FROM account_provider_key k
        WHERE k.account_id = r.account_id AND k.provider = r.provider AND k.fingerprint = r.fingerprint)
      ORDER BY r.replaced_at DESC LIMIT 100000`,
  ),
  /** Accounts that brought a key since; null = all of them. */
  owners: statement(
    'keyring_owners',
    `SELECT DISTINCT account_id FROM account_provider_key
      WHERE $1::timestamptz IS NULL OR set_at > $1::timestamptz - interval '1 minute'`,
  ),
  now: statement('keyring_now', 'SELECT app_now() AS now'),
}
