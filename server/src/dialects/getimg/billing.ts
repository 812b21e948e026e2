// What an account has and what its orders cost, in dollars, over all surfaces: they share one wallet.
import { z } from '@hono/zod-openapi'
import { listDailyCosts, listDays } from '../../credits/costs.ts'
import { findWallet } from '../../credits/ledger.ts'
import type { Db } from '../../db/db.ts'
import { AppError } from '../../errors.ts'
import type { HttpContext } from '../../http/context.ts'
import type { Turn } from '../../turns.ts'
import { toUsdNumber, toUsdText } from './money.ts'
import { readOneQuery, refuse } from './query.ts'

export type BillingNeeds = { db: Db; creditPriceUsdMicro: number }

export async function readBalance({ db, creditPriceUsdMicro }: BillingNeeds, accountId: string) {
  const wallet = await findWallet(db, accountId)
  if (!wallet) throw new AppError('unauthorized')
  return { balance: toUsdText(wallet.available, creditPriceUsdMicro), currency: 'USD' as const }
}

const dayMs = 86_400_000
/** The contract's longest span. */
const maxDays = 180

/** One row for each UTC date from the first to the last, also where nothing was spent. */
export async function readCosts(
  { db, creditPriceUsdMicro }: BillingNeeds,
  turn: Turn,
  { from, to }: { from: Date; to: Date },
) {
  const costs = await listDailyCosts(db, turn, { from, to })
  const usd = (credits: number) => toUsdNumber(credits, creditPriceUsdMicro)
  const data = listDays(from, to).map(date => ({ date, cost: usd(costs.get(date)?.credits ?? 0) }))
  const total = [...costs.values()].reduce((sum, { credits }) => sum + credits, 0)
  return {
    currency: 'USD' as const,
    data,
    start: from.toISOString(),
    end: to.toISOString(),
    total_cost: usd(total),
  }
}

/** Throws invalid_request naming `start` or `end`. */
export function readSpan(context: HttpContext): { from: Date; to: Date } {
  const from = readInstant(context, 'start')
  const to = readInstant(context, 'end')
  if (to <= from) throw refuse('end', 'end must be after start.')
  if (to.getTime() - from.getTime() > maxDays * dayMs) {
    throw refuse('end', `end may be at most ${maxDays} days after start.`)
  }
  return { from, to }
}

const instant = z.iso.datetime({ offset: true })

function readInstant(context: HttpContext, name: string): Date {
  const text = readOneQuery(context, name)
  if (text === null) throw refuse(name, `Missing required parameter: ${name}.`, 'parameter_missing')
  const at = new Date(instant.safeParse(text).success ? text : Number.NaN)
  // A zone may lead out of the years that can be written.
  if (!Number.isNaN(at.getTime()) && /^\d/.test(at.toISOString())) return at
  throw refuse(
    name,
    `${name} must be an ISO 8601 time with a time zone, such as 2026-11-01T00:00:00Z; write + as %2B.`,
  )
}
