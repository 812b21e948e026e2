// Where a queued order stands, and when it may begin: worked out when somebody asks, from a bounded look at the queue,
// and never written.
import type { Db } from '../db/db.ts'
import type { Generation } from './generation.ts'
import { routeSql } from './routing-sql.ts'

export type QueuePlace = {
  /** 1 = it is next. Accounts take turns: it may come earlier, and no later. */
  position: number
  /**
   * Until it begins: by how many ended in the last minutes; after a quiet time by how long calls took when they last
   * succeeded; null where no call ever has.
   */
  estimatedSeconds: number | null
}

/** Of one that was taken between being read as queued and being looked for: who is shown as queued is told a place. */
const taken: QueuePlace = { position: 1, estimatedSeconds: 0 }

type PlaceRow = {
  id: string
  ahead: number
  ended: number
  window_s: number
  /** Both only where none has ended. */
  mean_ms: number | null
  under_way: number | null
}

/** Of every one among the account's generations that was read as queued. Asks nothing of the database when none does. */
export async function findQueuePlaces(
  db: Db,
  accountId: string,
  generations: readonly Pick<Generation, 'id' | 'state'>[],
): Promise<ReadonlyMap<string, QueuePlace>> {
  const ids = generations.filter(({ state }) => state === 'queued').map(({ id }) => id)
  if (ids.length === 0) return new Map()
  const rows = await db.query<PlaceRow>(routeSql.queuePlaces, [accountId, ids])
  const found = new Map(rows.map(row => [row.id, toPlace(row)]))
  return new Map(ids.map(id => [id, found.get(id) ?? taken]))
}

/** That of one; null when it was not read as queued. */
export async function findQueuePlace(
  db: Db,
  generation: Pick<Generation, 'id' | 'state' | 'accountId'>,
): Promise<QueuePlace | null> {
  const places = await findQueuePlaces(db, generation.accountId, [generation])
  return places.get(generation.id) ?? null
}

function toPlace({ ahead, ended, window_s, mean_ms, under_way }: PlaceRow): QueuePlace {
  const position = ahead + 1
  if (ended > 0) return { position, estimatedSeconds: Math.ceil((position * window_s) / ended) }
  if (mean_ms === null) return { position, estimatedSeconds: null }
  // Those under way end one after the other, each making room for the next.
  const atOnce = Math.max(1, under_way ?? 0)
  return { position, estimatedSeconds: Math.ceil((position * mean_ms) / 1_000 / atOnce) }
}
