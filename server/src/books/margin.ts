// What each model brought and cost in a span of time. The revenue is what was captured and not refunded, at the price of
// a credit today; the cost what its calls cost, lost ones included.
import type { Db } from '../db/db.ts'
import type { Metrics } from '../telemetry.ts'
import { sql } from './sql.ts'

export type ModelMargin = {
  model: string
  /** Orders that ended, and those of them under an account's own key. */
  orders: number
  ownOrders: number
  credits: number
  revenueUsdMicro: number
  /** Of what was delivered. */
  costUsdMicro: number
  /** Of what was not. */
  lostUsdMicro: number
  marginUsdMicro: number
}

type Row = { model: string; orders: number; own_orders: number; credits: number; cost: number; lost: number }

/** Months of a busy service are read in minutes; nobody waits for it but the operator. */
const limitMs = 900_000

export async function readMargins(
  db: Db,
  span: { since: Date; until: Date },
  creditPriceUsdMicro: number,
): Promise<ModelMargin[]> {
  const rows = await db.transaction(tx => tx.query<Row>(sql.margin, [span.since, span.until]), {
    statementTimeoutMs: limitMs,
  })
  return rows.map(row => {
    const revenueUsdMicro = row.credits * creditPriceUsdMicro
    return {
      ...{ model: row.model, orders: row.orders, ownOrders: row.own_orders, credits: row.credits },
      ...{ revenueUsdMicro, costUsdMicro: row.cost, lostUsdMicro: row.lost },
      marginUsdMicro: revenueUsdMicro - row.cost - row.lost,
    }
  })
}

const sampledMs = 24 * 3_600_000

/** Of the last day; models that brought nothing in it are left out. */
export async function sampleMargins(
  { db, metrics, now }: { db: Db; metrics: Pick<Metrics, 'marginUsd'>; now: () => Date },
  creditPriceUsdMicro: number,
): Promise<void> {
  const until = now()
  const since = new Date(until.getTime() - sampledMs)
  const models = await readMargins(db, { since, until }, creditPriceUsdMicro)
  metrics.marginUsd.reset()
  for (const { model, revenueUsdMicro, costUsdMicro, lostUsdMicro } of models) {
    metrics.marginUsd.set({ model, part: 'revenue' }, revenueUsdMicro / 1_000_000)
    metrics.marginUsd.set({ model, part: 'cost' }, costUsdMicro / 1_000_000)
    metrics.marginUsd.set({ model, part: 'lost' }, lostUsdMicro / 1_000_000)
  }
}
