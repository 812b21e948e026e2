// The person an account belongs to, for contracts that know users and no accounts.
import type { Queryable } from '../db/db.ts'
import * as sql from './sql.ts'

export type AccountOwner = { userId: string; email: string }

/** Null when the account is closed, unknown or has no member. */
export async function findAccountOwner(db: Queryable, accountId: string): Promise<AccountOwner | null> {
  const [row] = await db.query<{ user_id: string; email: string }>(sql.selectOwner, [accountId])
  return row ? { userId: row.user_id, email: row.email } : null
}

/** Users of the account, the oldest first, at most `limit`; none where it is closed. */
export async function listAddressees(
  db: Queryable,
  accountId: string,
  limit: number,
): Promise<{ userId: string; email: string }[]> {
  return db.query(sql.selectAddressees, [accountId, limit])
}
