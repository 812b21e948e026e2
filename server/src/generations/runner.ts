// Runs generations in this process: claims queued ones while there is room, renews the leases of all it holds in
// one statement, and stops without abandoning work. Leases and epochs decide; a lost wake-up only costs time.
import { randomUUID } from 'node:crypto'
import type { Generation } from './generation.ts'
import { pollGeneration } from './poll.ts'
import { type RunNeeds, reconcileGeneration, runGeneration, type Started } from './run.ts'
import { type GenerationRow, sql, toGeneration } from './sql.ts'

export type Runner = {
  /** Starts an attempt whose intent is committed; never waits for it. */
  start(started: Started): void
  /** Claims and starts queued generations while there is room. */
  fill(): Promise<void>
  /** Claims polls that are due and leases that ran out. */
  sweep(): Promise<void>
  hasRoom(): boolean
  /** Keeps a place for work that is about to start; call the answer when it has, or will not. Null = no room. */
  reserve(): (() => void) | null
  runs(generationId: string): boolean
  running(): number
  draining(): boolean
  renewLeases(): Promise<void>
  /** Claims nothing more; resolves when the last one ended or the time is up. */
  stop(graceMs: number): Promise<void>
  wakeAfter(delayMs: number): void
}

/** Rows claimed in one statement: enough to keep up, few enough that another node gets its share. */
const claimBatch = 32
const firstAccount = '00000000-0000-0000-0000-000000000000'

export function createRunner(
  needs: Omit<RunNeeds, 'wakeAfter' | 'claimMoved'>,
  options: { concurrency: number; onClaimed(count: number): void },
): Runner {
  const held = new Map<string, { epoch: number; done: Promise<void> }>()
  const timers = new Set<NodeJS.Timeout>()
  let reserved = 0
  let draining = false
  let filling: Promise<void> | null = null
  let refill = false
  /** The last fill ended for lack of room, so somebody may be waiting in the queue. */
  let isShort = false
  // Starts at a random account, so that nodes do not all begin with the same tenant.
  let cursor: string = randomUUID()

  const runNeeds: RunNeeds = {
    ...needs,
    wakeAfter,
    claimMoved(generationId, epoch) {
      const entry = held.get(generationId)
      if (entry) entry.epoch = epoch
    },
  }
  const room = () => (draining ? 0 : Math.max(0, options.concurrency - held.size - reserved))
  const hasRoom = () => room() > 0

  function reserve(places: number): () => void {
    reserved += places
    let isKept = true
    return () => {
      if (!isKept) return
      isKept = false
      reserved -= places
      if (isShort && hasRoom()) fill().catch(error => needs.events.workFailed('claim', error))
    }
  }

  function track(generation: Generation, work: () => Promise<void>): void {
    const entry = { epoch: generation.epoch, done: Promise.resolve() }
    held.set(generation.id, entry)
    entry.done = work()
      .catch(error => needs.events.workFailed(generation.id, error))
      .finally(() => {
        // This process may have claimed the same row again after it lost the lease.
        if (held.get(generation.id) === entry) held.delete(generation.id)
        if (hasRoom()) fill().catch(error => needs.events.workFailed('claim', error))
      })
  }

  function wakeAfter(delayMs: number): void {
    if (draining) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      Promise.all([fill(), sweepPolls()]).catch(error => needs.events.workFailed('wake', error))
    }, delayMs)
    timers.add(timer)
  }

  async function claimOnce(): Promise<number> {
    const places = Math.min(claimBatch, room())
    const leave = reserve(places)
    const values = [needs.processName, needs.leaseMs, places, cursor]
    const rows = await needs.db.query<GenerationRow>(sql.claimQueued, values).finally(leave)
    options.onClaimed(rows.length)
    for (const row of rows) {
      const generation = toGeneration(row)
      if (generation.accountId > cursor) cursor = generation.accountId
      track(generation, () => runGeneration(runNeeds, { generation }))
    }
    if (rows.length === 0 && cursor !== firstAccount) {
      cursor = firstAccount
      return -1
    }
    return rows.length
  }

  async function drainQueue(): Promise<void> {
    do {
      refill = false
      isShort = false
      while (hasRoom()) if ((await claimOnce()) === 0) break
    } while (refill && hasRoom())
    isShort = !hasRoom()
  }

  /** One fill at a time; a wake-up during one makes it look once more. */
  function fill(): Promise<void> {
    refill = true
    filling ??= drainQueue().finally(() => {
      filling = null
    })
    return filling
  }

  async function sweepPolls(): Promise<void> {
    if (!hasRoom()) return
    const rows = await needs.db.query<GenerationRow>(sql.claimPolls, [
      needs.processName,
      needs.leaseMs,
      claimBatch,
    ])
    for (const row of rows) {
      const generation = toGeneration(row)
      track(generation, () => pollGeneration(runNeeds, generation))
    }
  }

  async function sweepLost(): Promise<void> {
    const values = [needs.processName, needs.leaseMs, claimBatch]
    const rows = await needs.db.query<GenerationRow>(sql.claimReconciling, values)
    for (const row of rows) {
      const generation = toGeneration(row)
      needs.events.generationReconciling(generation, 'lease expired')
      track(generation, () => reconcileGeneration(runNeeds, generation))
    }
  }

  return {
    start: started => track(started.generation, () => runGeneration(runNeeds, started)),
    fill,
    hasRoom,
    reserve: () => (hasRoom() ? reserve(1) : null),
    wakeAfter,
    runs: generationId => held.has(generationId),
    running: () => held.size,
    draining: () => draining,
    async sweep() {
      if (draining) return
      // Polls that cannot be claimed must not keep the rows of dead workers waiting.
      await sweepPolls().catch(error => needs.events.workFailed('poll', error))
      await sweepLost()
    },
    async renewLeases() {
      if (held.size === 0) return
      const ids = [...held.keys()]
      const epochs = ids.map(id => held.get(id)?.epoch ?? -1)
      await needs.db.query(sql.renewLeases, [ids, epochs, needs.leaseMs])
    },
    async stop(graceMs) {
      draining = true
      for (const timer of timers) clearTimeout(timer)
      const grace = new AbortController()
      const timeUp = new Promise<void>(resolve => {
        const timer = setTimeout(resolve, graceMs)
        grace.signal.addEventListener('abort', () => clearTimeout(timer))
      })
      const allDone = Promise.allSettled([...held.values()].map(each => each.done)).then(() => undefined)
      await Promise.race([allDone, timeUp])
      grace.abort()
    },
  }
}
