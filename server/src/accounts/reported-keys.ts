// Keys that somebody found: whoever shows one has it, and that is proof enough to end it. The answer tells nothing, not
// even whether there was such a key; its owner sees why it ended.
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { networkOf } from './client-address.ts'
import { hashSecret, isWellFormedSecret } from './secret.ts'
import * as sql from './sql.ts'

/** Reports from one address: a leak may hold several keys, and nobody finds many. */
export const REPORTS_PER_ADDRESS = 60
export const REPORT_WINDOW_S = 15 * 60

export type ReportedKeyNeeds = { db: Db; log: Log }

/** Throws rate_limited. A text that is no key of ours is counted all the same, and costs no look-up. */
export async function reportKey(
  { db, log }: ReportedKeyNeeds,
  { secret, foundAt, address }: { secret: string; foundAt: string | null; address: string | null },
): Promise<void> {
  // Callers whose address is not known share one window.
  const scope = `key-report:${address === null ? 'unknown' : networkOf(address)}`
  const values = [scope, REPORTS_PER_ADDRESS, REPORT_WINDOW_S]
  const [taken] = await db.query<{ allowed: boolean; retry_after_s: number }>(sql.takeFromWindow, values)
  if (taken?.allowed !== true) {
    throw new AppError('rate_limited', 'Enough reports from this address for now.', {
      retryAfterSeconds: taken?.retry_after_s ?? REPORT_WINDOW_S,
    })
  }
  if (!isWellFormedSecret(secret)) return
  type Row = { id: string; account_id: string }
  const [row] = await db.query<Row>(sql.revokeReported, [hashSecret(secret)])
  if (!row) return
  const fields = { event: 'key.reported', keyId: row.id, accountId: row.account_id, foundAt }
  log.warn(fields, 'an API key was found by somebody and is revoked')
}
