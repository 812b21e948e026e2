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
  restore: statement(
    'models_restore',
    `WITH restored AS (DELETE FROM gone_model WHERE provider = $1 AND upstream_model = $2
        RETURNING provider, upstream_model, seen_at, said, generation_id)
      SELECT *, pg_notify('model_life', '') AS told FROM restored`,
  ),
  told: statement(
    'models_told',
    `SELECT provider, upstream_model, to_char(shutdown_on, 'YYYY-MM-DD') AS shutdown_on, version, version_at,
        version_before FROM told_model ORDER BY provider, upstream_model`,
  ),
}
