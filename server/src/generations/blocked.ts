// Accounts whose results were refused too often today, by whichever safety system: each may have cost the operator.
import type { Db } from '../db/db.ts'
import { sql } from './sql.ts'

/** Those with at least so many blocked generations since 00:00 UTC. */
export async function listCappedAccounts(db: Db, blockedPerDay: number): Promise<string[]> {
  const rows = await db.query<{ account_id: string }>(sql.blockedToday, [blockedPerDay])
  return rows.map(({ account_id }) => account_id)
}
