// Claims of queued orders in one process, while it has room: one at a time, account by account, and those that waited
// for a route which has a place now.
import { randomUUID } from 'node:crypto'
import type { Generation } from './generation.ts'
import type { Places } from './places.ts'
import { type GenerationRow, toGeneration } from './sql.ts'

/** Rows claimed in one statement: enough to keep up, few enough that another node gets its share. */
export const claimBatch = 32
const firstAccount = '00000000-0000-0000-0000-000000000000'

/** Keeps places until what was claimed is held, so that a stop never overlooks a claim under way. */
export async function withPlaces<Result>(
  places: Places,
  count: number,
  run: () => Promise<Result>,
): Promise<Result> {
  const leave = places.reserve(count)
  try {
    return await run()
  } finally {
    leave()
  }
}

export type QueueClaims = {
  /** One at a time; a wake-up during one makes it look once more. */
  fill(): Promise<void>
  onFree(): void
}

export type ClaimNeeds = {
  claim(count: number, cursor: string): Promise<GenerationRow[]>
  /** Those that waited for a route which has a place now. */
  claimPaced(count: number): Promise<GenerationRow[]>
  onClaimed(count: number): void
  run(generation: Generation): void
  onFailure(error: unknown): void
}

/** Claims while there is room, account by account, so that no tenant waits behind another's queue. */
export function createQueueClaims(places: Places, needs: ClaimNeeds): QueueClaims {
  const claimQueued = createQueuedClaim(places, needs)
  let filling: Promise<void> | null = null
  let refill = false
  // The last fill ended for lack of room, so somebody may be waiting in the queue.
  let isShort = false
  let pacedFirst = false

  /** Orders that waited for their route's places. */
  async function claimPaced(): Promise<number> {
    const count = Math.min(claimBatch, places.room())
    if (count === 0) return 0
    return withPlaces(places, count, async () => {
      const claimed = await needs.claimPaced(count)
      for (const row of claimed) needs.run(toGeneration(row))
      return claimed.length
    })
  }

  async function drainQueue(): Promise<void> {
    do {
      refill = false
      isShort = false
      // Each kind begins in turn: neither takes the last place for ever.
      pacedFirst = !pacedFirst
      const kinds = pacedFirst ? [claimPaced, claimQueued] : [claimQueued, claimPaced]
      for (let found = true; found && places.room() > 0; ) {
        found = false
        for (const claim of kinds) found = (await claim()) !== 0 || found
      }
    } while (refill && places.room() > 0)
    isShort = places.room() === 0
  }

  function fill(): Promise<void> {
    refill = true
    filling ??= drainQueue().finally(() => {
      filling = null
    })
    return filling
  }

  return {
    fill,
    onFree() {
      if (isShort && places.room() > 0) fill().catch(needs.onFailure)
    },
  }
}

/** One step of the walk over accounts: how many it claimed; -1 = the walk begins anew. */
function createQueuedClaim(places: Places, needs: ClaimNeeds): () => Promise<number> {
  // Starts at a random account, so that nodes do not all begin with the same tenant.
  let cursor: string = randomUUID()
  return async () => {
    const count = Math.min(claimBatch, places.room())
    if (count === 0) return 0
    const rows = await withPlaces(places, count, async () => {
      const claimed = await needs.claim(count, cursor)
      needs.onClaimed(claimed.length)
      for (const row of claimed) {
        const generation = toGeneration(row)
        if (generation.accountId > cursor) cursor = generation.accountId
        needs.run(generation)
      }
      return claimed
    })
    if (rows.length === 0 && cursor !== firstAccount) {
      cursor = firstAccount
      return -1
    }
    return rows.length
  }
}
