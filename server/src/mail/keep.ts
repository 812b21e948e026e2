// Letters do not wait for ever, nor are they kept for ever; and how long the oldest has waited.
import type { Db } from '../db/db.ts'
import type { Metrics } from '../telemetry.ts'
import type { MailEvents } from './observe.ts'
import { type MailKind, sql } from './sql.ts'

/** What is older is no news any more: also where no mail server is configured. */
export const maxAgeS = 3 * 24 * 3_600
/** Beyond the 24 hours in which a letter speaks for the next ones, as long as the log of deliveries by default. */
const keptDays = 30
/** Rows of one statement: its locks are gone within milliseconds. */
const batch = 1_000

export async function keepMail({
  db,
  events,
}: {
  db: Db
  events: Pick<MailEvents, 'expired'>
}): Promise<void> {
  for (;;) {
    const expired = await db.query<{ id: string; kind: MailKind }>(sql.expire, [maxAgeS, batch])
    for (const mail of expired) events.expired(mail)
    if (expired.length < batch) break
  }
  for (;;) {
    const [row] = await db.query<{ count: number }>(sql.prune, [keptDays, batch])
    if ((row?.count ?? 0) < batch) break
  }
}

export async function sampleMail({ db, metrics }: { db: Db; metrics: Metrics }): Promise<void> {
  const [row] = await db.query<{ age_s: number }>(sql.sample)
  metrics.mailQueueAgeSeconds.set(Math.max(0, row?.age_s ?? 0))
}
