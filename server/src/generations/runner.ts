// Runs generations in this process: claims queued ones while there is room, renews the leases of all it holds in
// one statement, and stops without abandoning work. Leases and epochs decide; a lost wake-up only costs time.
import type { Generation } from './generation.ts'
import type { Pacing } from './pacing.ts'
import { createPlaces, type Places, restsOfPlace } from './places.ts'
import { settleReads } from './poll.ts'
import { createPoller, type Poller, wokenMs } from './poller.ts'
import { claimBatch, createQueueClaims, withPlaces } from './queue-claims.ts'
import { type RunNeeds, reconcileGeneration, runGeneration, type Started } from './run.ts'
import { runOwn } from './run-own.ts'
import { type GenerationRow, sql, toGeneration } from './sql.ts'

export type Runner = {
  /** Starts an attempt whose intent is committed; never waits for it. */
  start(started: Started): void
  /** Claims and starts queued generations while there is room. */
  fill(): Promise<void>
  /** Claims polls that are due and leases that ran out. */
  sweep(): Promise<void>
  /** Reads upstream tasks that are due. */
  poll(): Promise<void>
  /** Keeps a place for work that is about to start; call the answer when it has, or will not. Null = no room. */
  reserve(): (() => void) | null
  runs(generationId: string): boolean
  running(): number
  draining(): boolean
  renewLeases(): Promise<void>
  /** Claims nothing more; resolves when the last one ended, also one whose claim was under way, or the time is up. */
  stop(graceMs: number): Promise<void>
}

type RunnerNeeds = Omit<RunNeeds, 'wakeAfter' | 'pollAfter' | 'claimMoved'> & {
  pacing: Pick<Pacing, 'claim'>
}

export function createRunner(
  needs: RunnerNeeds,
  options: { concurrency: number; onClaimed(count: number): void },
): Runner {
  const report = (what: string) => (error: unknown) => needs.events.workFailed(what, error)
  const places = createPlaces(options.concurrency, () => queue.onFree())
  const timers = createTimers(places)
  const runNeeds: RunNeeds = {
    ...needs,
    wakeAfter: delayMs => timers.after(delayMs, () => queue.fill().catch(report('wake'))),
    pollAfter: delayMs => poller.pollAfter(delayMs),
    claimMoved: places.moveEpoch,
    restWork: places.rest,
  }
  // An end is acted on whether or not there is a place: its addresses do not wait.
  const poller = createPoller(needs, {
    mostResting: options.concurrency * restsOfPlace,
    act(reading, restInLane) {
      const { generation } = reading
      const polled = { ...runNeeds, restWork: restPolled(places, restInLane) }
      track(generation, () => runOwn(polled, generation, own => settleReads(own, reading)))
    },
  })
  function track(generation: Generation, work: () => Promise<void>): void {
    places.hold(generation, () => work().catch(report(generation.id)))
  }
  function start(work: Started | { generation: Generation }): void {
    track(work.generation, () => runOwn(runNeeds, work.generation, own => runGeneration(own, work)))
  }
  const queue = createQueueClaims(places, {
    claim: (count, cursor) =>
      needs.db.query<GenerationRow>(sql.claimQueued, [needs.processName, needs.leaseMs, count, cursor]),
    claimPaced: needs.pacing.claim,
    onClaimed: options.onClaimed,
    run: generation => start({ generation }),
    onFailure: report('claim'),
  })

  function beginLost(generation: Generation): void {
    needs.events.generationReconciling(generation, 'lease expired')
    track(generation, () => runOwn(runNeeds, generation, own => reconcileGeneration(own, generation)))
  }
  return {
    start,
    fill: queue.fill,
    reserve: () => (places.room() > 0 ? places.reserve(1) : null),
    runs: places.holds,
    running: places.held,
    draining: places.isDraining,
    poll() {
      poller.pollAfter(wokenMs) // What was read a moment ago is due in another.
      return poller.look()
    },
    async sweep() {
      // A process that was stopped or stalled finds its own leases run out while its work goes on: what nobody has
      // taken stays its own, and no other row may be judged dead before that is said.
      await renewLeases(needs, places)
      if (places.isDraining()) return
      await claimInAnyCase(poller.look(), () => claimLost(needs, places, beginLost))
    },
    renewLeases: () => renewLeases(needs, places),
    async stop(graceMs) {
      void places.drain()
      timers.clear()
      await atMost(graceMs, endAll(poller, places))
    },
  }
}

/**
 * Polls that cannot be claimed must not keep the rows of dead workers waiting; that they cannot is told in the end, for a
 * process that claims none is not ready.
 */
async function claimInAnyCase(polls: Promise<void>, claimRows: () => Promise<void>): Promise<void> {
  const [polled] = await Promise.allSettled([polls])
  await claimRows()
  if (polled.status === 'rejected') throw polled.reason
}

function restPolled(places: Places, restInLane: () => () => void) {
  return (generationId: string) => {
    const ends = [places.rest(generationId, true), restInLane()]
    return () => {
      for (const end of ends) end()
    }
  }
}

/** Also beyond the places there are: rows of dead workers must not wait for them. */
function claimLost(
  needs: RunnerNeeds,
  places: Places,
  begin: (generation: Generation) => void,
): Promise<void> {
  return withPlaces(places, 1, async () => {
    const values = [needs.processName, needs.leaseMs, claimBatch, places.leases().ids]
    const rows = await needs.db.query<GenerationRow>(sql.claimReconciling, values)
    for (const row of rows) begin(toGeneration(row))
  })
}

/** A read under way may still bring work. */
async function endAll(poller: Poller, places: Places): Promise<void> {
  await poller.stop()
  await places.drain()
}

async function renewLeases({ db, leaseMs, processName }: RunnerNeeds, places: Places): Promise<void> {
  const { ids, epochs } = places.leases()
  if (ids.length > 0) await db.query(sql.renewLeases, [ids, epochs, leaseMs, processName])
}

function createTimers(places: Places) {
  const timers = new Set<NodeJS.Timeout>()
  return {
    after(delayMs: number, run: () => void): void {
      if (places.isDraining()) return
      const timer = setTimeout(() => {
        timers.delete(timer)
        run()
      }, delayMs)
      timers.add(timer)
    },
    clear(): void {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

/** Resolves when the work has ended or the time is up. */
async function atMost(graceMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<void>(resolve => {
    timer = setTimeout(resolve, graceMs)
  })
  await Promise.race([work, timeUp])
  clearTimeout(timer)
}
