// A sample of the queue, at most a second old: decides early and cheaply whether an order may still be taken, and
// whether somebody already waits (then a new order queues behind them instead of starting at once).
import type { Db } from '../db/db.ts'
import type { Metrics } from '../telemetry.ts'
import { routeSql } from './routing-sql.ts'
import { findRow, sql } from './sql.ts'

export type QueueSample = {
  isFull(): boolean
  /** As many wait for routes as may; orders of other routes are taken all the same. */
  isFullOfWaiting(): boolean
  isEmpty(): boolean
  /** Counts an order that is about to enter the queue; call the answer with whether it did. */
  arrive(): (isTaken: boolean) => void
  /** Counts orders that were claimed here since the last sample. */
  noteLeft(count: number): void
  retryAfterSeconds(): number
  depth(): number
  /** How long the one that could be run for longest had waited at the last sample, seconds. */
  ageSeconds(): number
  /** The same now, and 0 while any worker works: accounts take turns, so one may have a long queue of its own. */
  readStuckSeconds(): Promise<number>
  refresh(): Promise<void>
}

type SampleRow = { depth: number; age_s: number; waiting: number; working: boolean }

/** Told to callers that were shed: long enough for the queue to move, short enough to be obeyed by SDKs. */
const shedRetrySeconds = 5

/** A sample is taken each second: where the last one is so old, none could be taken, however busy the machine is. */
const freshMs = 10_000

type QueueNeeds = { db: Db; metrics: Metrics; elapsedMs: () => number }

export function createQueueSample(needs: QueueNeeds, bound: number): QueueSample {
  let depth = 0
  // Asked of the database but not yet there: a sample taken meanwhile does not show them.
  let arriving = 0
  let entered = 0
  let ageSeconds = 0
  let sampledAtMs = Number.NEGATIVE_INFINITY
  let waiting = 0
  let isWorking = false
  async function refresh(): Promise<void> {
    const before = entered
    const row = await findRow<SampleRow>(needs.db, routeSql.queueSample, [])
    // What came meanwhile may be in the answer or not: counted twice for a second it does less harm than forgotten.
    depth = (row?.depth ?? 0) + entered - before
    ageSeconds = row?.age_s ?? 0
    waiting = row?.waiting ?? 0
    isWorking = row?.working ?? false
    sampledAtMs = needs.elapsedMs()
    needs.metrics.queueDepth.set(depth)
    needs.metrics.queueWaiting.set(waiting)
    needs.metrics.queueAgeSeconds.set(ageSeconds)
    const open = await findRow<{ open: number }>(needs.db, sql.openHolds, [])
    needs.metrics.openHolds.set(open?.open ?? 0)
  }
  return {
    isFull: () => depth + arriving >= bound,
    isFullOfWaiting: () => waiting >= bound,
    isEmpty: () => depth + arriving === 0,
    arrive() {
      arriving += 1
      return isTaken => {
        arriving -= 1
        if (!isTaken) return
        depth += 1
        entered += 1
      }
    },
    noteLeft: count => {
      depth = Math.max(0, depth - count)
    },
    retryAfterSeconds: () => shedRetrySeconds,
    depth: () => depth,
    ageSeconds: () => ageSeconds,
    async readStuckSeconds() {
      if (needs.elapsedMs() - sampledAtMs > freshMs) await refresh()
      return isWorking ? 0 : ageSeconds
    },
    refresh,
  }
}
