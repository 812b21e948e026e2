// What an account's orders cost, day by day, from the ledger alone: the price of what was delivered, less what was
// given back, on the UTC day on which it was ordered. An order that is still open has cost nothing yet.
import type { Db } from '../db/db.ts'
import { sql } from './sql.ts'

/**
 * Times of the wallet's lines ascend with their numbers but for the moments in which orders wait for each other; no
 * statement lasts so long.
 */
const disorderMs = 60_000
/** Lines of one statement: some tens of milliseconds, however many a busy account has. */
const linesAtOnce = 10_000

/** Credits by UTC day (`2026-11-28`) of the orders made from `from` to `to`, both included. Days without any are left out. */
export async function listDailyCosts(
  db: Db,
  accountId: string,
  { from, to }: { from: Date; to: Date },
): Promise<Map<string, number>> {
  const first = await findLine(db, accountId, new Date(from.getTime() - disorderMs))
  const end = await findLine(db, accountId, new Date(to.getTime() + disorderMs))
  const costs = new Map<string, number>()
  for (let seq = first; seq < end; seq += linesAtOnce) {
    const last = Math.min(seq + linesAtOnce, end) - 1
    // The database counts microseconds: those of the last millisecond belong to it.
    const values = [accountId, seq, last, from, new Date(to.getTime() + 1)]
    for (const { day, credits } of await db.query<{ day: string; credits: number }>(sql.dailyCosts, values)) {
      costs.set(day, (costs.get(day) ?? 0) + credits)
    }
  }
  return costs
}

/** The number of the first line that is not before the instant; one past the last when there is none. */
async function findLine(db: Db, accountId: string, at: Date): Promise<number> {
  const [row] = await db.query<{ seq: number }>(sql.firstLineSince, [accountId, at])
  return row?.seq ?? 1
}
