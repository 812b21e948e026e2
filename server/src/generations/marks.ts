// Marks in long lists, so that a deep page is read from the nearest of them on. They follow behind: where one is
// missing, reading counts a little further.
import type { Db } from '../db/db.ts'
import { findRow, sql } from './sql.ts'

/** Rows from mark to mark: passing over so many index entries takes a fraction of a millisecond. */
export const markSpacing = 1_000
/** Marks set in one statement, which holds up the account's settlements for some ten milliseconds. */
const marksPerCall = 20

/** Marks every list that has grown enough. Any number of processes may do so at once. */
export async function markLists(db: Db): Promise<void> {
  const lists = await db.query<{ account_id: string; dialect: string }>(sql.listsToMark, [markSpacing])
  for (const { account_id, dialect } of lists) {
    const values = [account_id, dialect, markSpacing, marksPerCall]
    let made: number
    do made = (await findRow<{ made: number }>(db, sql.markList, values))?.made ?? 0
    while (made === marksPerCall)
  }
}
