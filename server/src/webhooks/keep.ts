// The log of deliveries, kept for so many days; how far the deliverers are behind; and the end of waits for a proof.
import type { Db } from '../db/db.ts'
import type { Metrics } from '../telemetry.ts'
import type { DeliveryEvents } from './observe.ts'
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

/**
 * What waits for a proof is held and in no log that ends. A challenge has a quarter of an hour: this is four of them, for
 * an owner who mends the receiver meanwhile, and no longer however often another is asked for.
 */
const maxPendingS = 3_600

/** Disables endpoints that have not proven themselves in time; what was held for them is dropped. */
export async function endUnproven({
  db,
  events,
}: {
  db: Db
  events: Pick<DeliveryEvents, 'endpointDisabled'>
}): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ id: string }>(sql.endUnproven, [maxPendingS])
    if (!row) break
    events.endpointDisabled({ endpointId: row.id })
  }
}

export async function sampleDeliveries({ db, metrics }: { db: Db; metrics: Metrics }): Promise<void> {
  const [row] = await db.query<{ pending: number; age_s: number }>(sql.sample)
  metrics.webhooksPending.set(row?.pending ?? 0)
  metrics.webhookQueueAgeSeconds.set(Math.max(0, row?.age_s ?? 0))
}
