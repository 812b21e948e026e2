// What an account's orders cost, day by day, from the ledger alone: the price of what was delivered, less what was
// given back, on the UTC day on which it was ordered. An order that is still open has cost nothing yet.
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import { createTurns, type Turn } from '../turns.ts'
import { sql } from './sql.ts'

/**
 * Times of the wallet's lines ascend with their numbers but for the moments in which orders wait for each other; no
 * statement lasts so long.
 */
const disorderMs = 60_000
/** Lines of one statement: some tens of milliseconds, however many a busy account has. */
const linesAtOnce = 10_000

/**
 * One page after another keeps a connection busy for as long as an account has lines: an account has one place and
 * few chairs, and all together no more than a part of the connections.
 */
const adding = createTurns({
  atOnce: 4,
  waiting: 64,
  ofAccount: { atOnce: 1, waiting: 4 },
  refusal: 'Too many sums are waiting.',
})

/** Orders made from `from` to `to`, both included; of one model, API key or dialect alone where these are given. */
export type CostFilter = {
  from: Date
  to: Date
  model?: string | undefined
  apiKeyId?: string | undefined
  dialect?: string | undefined
}

/** `charged`: orders that cost anything. */
export type DayCost = { credits: number; charged: number }

/**
 * By UTC day (`2026-11-28`). Days without any order that ended are left out. Throws AppError `overloaded` when too many
 * wait, or when the signal comes: no page is begun after it.
 */
export function listDailyCosts(db: Db, turn: Turn, filter: CostFilter): Promise<Map<string, DayCost>> {
  return adding.run(turn, () => addPages(db, turn, filter))
}

async function addPages(
  db: Db,
  { accountId, signal }: Turn,
  { from, to, model, apiKeyId, dialect }: CostFilter,
): Promise<Map<string, DayCost>> {
  const first = await findLine(db, accountId, new Date(from.getTime() - disorderMs))
  const end = await findLine(db, accountId, new Date(to.getTime() + disorderMs))
  const costs = new Map<string, DayCost>()
  for (let seq = first; seq < end; seq += linesAtOnce) {
    if (signal.aborted) throw new AppError('overloaded', 'The caller has gone.', { cause: signal.reason })
    const last = Math.min(seq + linesAtOnce, end) - 1
    // The database counts microseconds: those of the last millisecond belong to it.
    const span = [accountId, seq, last, from, new Date(to.getTime() + 1)]
    const values = [...span, model ?? null, apiKeyId ?? null, dialect ?? null]
    for (const { day, credits, charged } of await db.query<DayCost & { day: string }>(
      sql.dailyCosts,
      values,
    )) {
      const known = costs.get(day) ?? { credits: 0, charged: 0 }
      costs.set(day, { credits: known.credits + credits, charged: known.charged + charged })
    }
  }
  return costs
}

const dayMs = 86_400_000

/** The UTC days from that of `from` to that of `to`, each as `2026-11-28`. */
export function listDays(from: Date, to: Date): string[] {
  const first = Math.floor(from.getTime() / dayMs)
  const last = Math.floor(to.getTime() / dayMs)
  return Array.from({ length: last - first + 1 }, (_, index) =>
    new Date((first + index) * dayMs).toISOString().slice(0, 10),
  )
}

/** The number of the first line that is not before the instant; one past the last when there is none. */
async function findLine(db: Db, accountId: string, at: Date): Promise<number> {
  const [row] = await db.query<{ seq: number }>(sql.firstLineSince, [accountId, at])
  return row?.seq ?? 1
}
