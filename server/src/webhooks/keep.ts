// The log of deliveries, kept for so many days, and how far the deliverers are behind.
import type { Db } from '../db/db.ts'
import type { Metrics } from '../telemetry.ts'
import { sql } from './sql.ts'

/** Rows of one statement: its locks are gone within milliseconds. */
const pruneBatch = 1_000

export async function pruneDeliveries(db: Db, days: number): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ count: number }>(sql.pruneDeliveries, [days, pruneBatch])
    if ((row?.count ?? 0) < pruneBatch) break
  }
  await db.query(sql.pruneEndpoints, [days])
}

export async function sampleDeliveries({ db, metrics }: { db: Db; metrics: Metrics }): Promise<void> {
  const [row] = await db.query<{ pending: number; age_s: number }>(sql.sample)
  metrics.webhooksPending.set(row?.pending ?? 0)
  metrics.webhookQueueAgeSeconds.set(Math.max(0, row?.age_s ?? 0))
}
