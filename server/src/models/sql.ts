// Every statement on the life of upstream models. Whatever changes one tells all nodes in the same transaction.
import { statement } from '../db/db.ts'

export const sql = {
  gone: statement(
    'models_gone',
    `SELECT provider, upstream_model, seen_at, said, generation_id FROM gone_model
      ORDER BY seen_at, provider, upstream_model`,
  ),
  /** Answers with a row for whoever said it first. */
  noteGone: statement(
    'models_note_gone',
    `WITH noted AS (
        INSERT INTO gone_model (provider, upstream_model, seen_at, said, generation_id)
        VALUES ($1, $2, app_now(), $3, $4) ON CONFLICT DO NOTHING RETURNING provider
      )
      SELECT provider, pg_notify('model_life', '') AS told FROM noted`,
  ),
  /**
   * Whoever takes back that it is gone says nothing of an end which is told and still to come; that is overruled where
   * it is all there is.
   */
  restore: statement(
    'models_restore',
    `WITH restored AS (DELETE FROM gone_model WHERE provider = $1 AND upstream_model = $2
        RETURNING seen_at, said, generation_id),
      overruled AS (
        UPDATE told_model SET overruled_end = shutdown_on
          WHERE provider = $1 AND upstream_model = $2 AND shutdown_on IS NOT NULL
            AND overruled_end IS DISTINCT FROM shutdown_on
            AND (shutdown_on <= (app_now() AT TIME ZONE 'UTC')::date
              OR NOT EXISTS (SELECT FROM gone_model WHERE provider = $1 AND upstream_model = $2))
          RETURNING overruled_end)
      SELECT seen_at, said, generation_id, to_char(overruled_end, 'YYYY-MM-DD') AS overruled_end,
          pg_notify('model_life', '') AS told
        FROM restored FULL JOIN overruled ON true`,
  ),
  /** Whose turn it is to read the list: one node, once a day; after what went wrong, in an hour. */
  takeList: statement(
    'models_take_list',
    `INSERT INTO model_list_read AS l (provider, due_at) VALUES ($1, app_now() + interval '1 hour')
      ON CONFLICT (provider) DO UPDATE SET due_at = excluded.due_at WHERE l.due_at <= app_now()
      RETURNING provider`,
  ),
  /**
   * Also of those that it names no more: what was told of their end holds. A date that the operator overruled is ignored
   * until the upstream tells another one.
   */
  keepList: statement(
    'models_keep_list',
    `WITH kept AS (
        INSERT INTO told_model AS t (provider, upstream_model, shutdown_on, version, version_at)
        SELECT $1, upstream_model, shutdown_on, version, CASE WHEN version IS NOT NULL THEN app_now() END
          FROM jsonb_to_recordset($2::jsonb) AS s (upstream_model text, shutdown_on date, version text)
        ON CONFLICT (provider, upstream_model) DO UPDATE SET shutdown_on = excluded.shutdown_on,
          overruled_end = CASE WHEN excluded.shutdown_on <> t.overruled_end THEN NULL ELSE t.overruled_end END,
          version = coalesce(excluded.version, t.version),
          version_at = CASE WHEN t.version <> excluded.version OR t.version IS NULL THEN excluded.version_at
            ELSE t.version_at END,
          version_before = CASE WHEN t.version <> excluded.version THEN t.version ELSE t.version_before END
      )
      UPDATE model_list_read SET due_at = app_now() + interval '1 day', read_at = app_now(), trouble = NULL
        WHERE provider = $1 RETURNING pg_notify('model_life', '') AS told`,
  ),
  noteTrouble: statement(
    'models_note_trouble',
    'UPDATE model_list_read SET trouble = $2 WHERE provider = $1',
  ),
  unread: statement(
    'models_unread',
    'SELECT provider, read_at, trouble FROM model_list_read WHERE trouble IS NOT NULL ORDER BY provider',
  ),
  told: statement(
    'models_told',
    `SELECT provider, upstream_model, to_char(shutdown_on, 'YYYY-MM-DD') AS shutdown_on, version, version_at,
        version_before, to_char(overruled_end, 'YYYY-MM-DD') AS overruled_end FROM told_model ORDER BY provider, upstream_model`,
  ),
}
