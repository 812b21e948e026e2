// Every statement on uploads. An upload that is being purged is gone for everybody but the purge.
import { statement } from '../db/db.ts'
import type { StoredInput } from './input.ts'

export type UploadRow = {
  key: string
  account_id: string
  media_type: string
  size_bytes: number
  fingerprint: Buffer
  raw_key: string | null
  received_at: Date | null
  picture: StoredInput | null
}

const columns = 'key, account_id, media_type, size_bytes, fingerprint, raw_key, received_at, picture'

export const sql = {
  /** No row: the key was used before, or the account has as much unused as it may. */
  insert: statement(
    'upload_insert',
    `INSERT INTO upload (key, account_id, filename, media_type, size_bytes, idem_key, fingerprint, created_at)
      SELECT $1, $2::uuid, $3, $4, $5::int, $6, $7, app_now()
      WHERE (SELECT count(*) < $8::int AND coalesce(sum(size_bytes), 0) + $5::int <= $9::bigint FROM upload
        WHERE account_id = $2::uuid AND saved_at IS NULL AND purged_at IS NULL AND used_at IS NULL)
      ON CONFLICT (account_id, idem_key) WHERE idem_key IS NOT NULL DO NOTHING RETURNING ${columns}`,
  ),
  findByIdempotencyKey: statement(
    'upload_find_by_key',
    `SELECT ${columns} FROM upload WHERE account_id = $1 AND idem_key = $2`,
  ),
  find: statement('upload_find', `SELECT ${columns} FROM upload WHERE key = $1 AND purged_at IS NULL`),
  /** No row: it came before. */
  receive: statement(
    'upload_receive',
    `UPDATE upload SET raw_key = $2, received_at = app_now()
      WHERE key = $1 AND received_at IS NULL AND purged_at IS NULL RETURNING key`,
  ),
  /** The first to have checked it wins; no row: somebody was before. */
  keepPicture: statement(
    'upload_keep_picture',
    `UPDATE upload SET picture = $2, used_at = app_now(), raw_key = NULL
      WHERE key = $1 AND picture IS NULL AND purged_at IS NULL RETURNING key`,
  ),
  /** No row: gone, or not checked yet. */
  use: statement(
    'upload_use',
    `UPDATE upload SET used_at = app_now()
      WHERE key = $1 AND account_id = $2 AND picture IS NOT NULL AND purged_at IS NULL RETURNING picture`,
  ),
  /** Never sent for a day, or old and used by no order that may still be open; also those a dead process left half purged. */
  claimStale: statement(
    'upload_claim_stale',
    `UPDATE upload SET purged_at = app_now() WHERE key IN (
        SELECT key FROM upload
          WHERE saved_at IS NULL AND created_at < app_now() - interval '24 hours'
            AND (purged_at IS NULL OR purged_at < app_now() - interval '10 minutes')
            AND (received_at IS NULL OR (created_at < app_now() - interval '30 days'
              AND coalesce(used_at, created_at) < app_now() - interval '26 hours'))
          ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED)
      RETURNING ${columns}`,
  ),
  forget: statement('upload_forget', 'DELETE FROM upload WHERE key = ANY ($1) AND purged_at IS NOT NULL'),
  /** The objects of these uploads, those that are being purged too: the purge removes them. */
  objectsOf: statement(
    'upload_objects_of',
    `SELECT key, raw_key, picture ->> 'key' AS picture_key FROM upload WHERE key = ANY ($1::text[])`,
  ),
  /** A purge found that it has arrived all the same. */
  restore: statement(
    'upload_restore',
    'UPDATE upload SET purged_at = NULL, raw_key = $2, received_at = app_now() WHERE key = $1',
  ),
}
