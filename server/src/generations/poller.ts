// Reads upstream tasks that are due: claimed many in one statement, read side by side, and what is still under way put
// back in one statement. Each provider has places of its own, so that one that hangs delays no other. No worker and no
// memory is held between reads. Who acts on an end claims the generation first; a read alone changes nothing.
import { isDeepStrictEqual } from 'node:util'
import { fp } from '../failpoints.ts'
import type { OutboundClient } from '../outbound.ts'
import type { ProviderOutcome, UpstreamTask } from '../providers/provider.ts'
import { openContext } from './dispatch.ts'
import { keyGone, leaveDelayMs, needsOfTasks } from './own-keys.ts'
import { delayOfRead, failedReadDelayMs, type Read, type Reading } from './poll.ts'
import { type ClaimedPoll, type MetPoll, pollSql } from './poll-sql.ts'
import { createReadSignals } from './read-signals.ts'
import { callUpstream } from './redaction.ts'
import type { RunNeeds } from './run.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

export type Poller = {
  /** Looks for polls that are due so long from now; calls of about one moment are one look. */
  pollAfter(delayMs: number): void
  /** Claims what is due and begins to read it. */
  look(): Promise<void>
  /** Begins nothing more; resolves when the reads have ended and are written down. */
  stop(): Promise<void>
}

export type PollerNeeds = Omit<RunNeeds, 'wakeAfter' | 'pollAfter' | 'claimMoved'>

/**
 * Wake-ups within so long are one look, and so are writes: no poll is worth a statement of its own. Where a read is far
 * off it matters less when it comes, and more of them go together.
 */
function tickOf(delayMs: number): number {
  if (delayMs < 1_000) return 50
  return delayMs < 2_000 ? 100 : 200
}
/** As `repeat_polls` of the database has it: a poll that was woken while it read is read again then. */
export const wokenMs = 500
/** Generations of one lane, as the database has it, that are read at once by one process. */
const placesOfLane = 128
/** One poll is a small read, and ends before the claim on it does, which is a lease. */
const readTimeoutMs = 20_000
/** Who has not begun to answer a small read by then hangs, and its place is for the next. */
const answerTimeoutMs = 8_000
/** Work that has taken long is read more rarely: at most this share of its age is lost, and no more than so long. */
const ageShare = 1 / 10
const maxAgeDelayMs = 5_000
/** Shortly before its deadline a picture is tried for, however many others wait for their store of files. */
const lastTryMs = 6_000

export type PollerOptions = {
  /**
   * Is given generations that were claimed, and takes charge of them. It calls `rest` when one begins to wait for a
   * store of files that is away, and the answer when that has ended.
   */
  act(reading: Reading, rest: () => () => void): void
  /** While so many of a lane wait so, what ends in it stays in the database and is read again. */
  mostResting: number
}

export function createPoller(given: PollerNeeds, { act, mostResting }: PollerOptions): Poller {
  const needs = { ...given, http: hasten(given.http) }
  const report = (what: string) => (error: unknown) => needs.events.workFailed(what, error)
  const ticks = createTicks(() => void look().catch(report('poll')))
  const repeats = createRepeats(needs, { pollAfter: ticks.after, report: report('poll') })
  const reading = new Set<Promise<void>>()
  const lanes = createLanes()
  const ends: Ends = {
    act: ({ lane }, told) => act(told, () => lanes.rest(lane)),
    isCrowded: ({ lane }) => lanes.countResting(lane) >= mostResting,
    signalFor: createReadSignals(),
    repeat: repeats.repeat,
    leave: repeats.leave,
  }
  let looking: Promise<void> | null = null
  let isMore = false
  let isStopped = false

  function begin(poll: ClaimedPoll): void {
    const leave = lanes.enter(poll.lane)
    const read = readOne(needs, poll, ends)
      .catch(report(poll.id))
      .finally(() => {
        reading.delete(read)
        if (leave()) ticks.after(0)
      })
    reading.add(read)
  }
  async function claimDue(): Promise<void> {
    do {
      isMore = false
      const { names, counts } = lanes.busy()
      const values = [needs.leaseMs, placesOfLane, names, counts]
      for (const each of await needs.db.query<MetPoll>(pollSql.claim, values)) {
        if (each.left_ms !== null) begin(each)
        // It took the place of one that may be read.
        else isMore = true
      }
    } while (isMore && !isStopped)
  }
  function look(): Promise<void> {
    isMore = true
    if (isStopped) return Promise.resolve()
    looking ??= claimDue().finally(() => {
      looking = null
    })
    return looking
  }
  return {
    pollAfter: ticks.after,
    look,
    async stop() {
      isStopped = true
      ticks.clear()
      await looking?.catch(() => undefined)
      await Promise.all(reading)
      await repeats.close()
    },
  }
}

/** Made once: whatever is built anew for each read is a part of what it costs. */
type Ends = {
  act(poll: ClaimedPoll, reading: Reading): void
  isCrowded(poll: ClaimedPoll): boolean
  signalFor(timeoutMs: number): AbortSignal
  repeat(poll: ClaimedPoll, reads: Read[]): void
  leave(poll: ClaimedPoll): void
}

async function readOne(needs: PollerNeeds, poll: ClaimedPoll, ends: Ends): Promise<void> {
  const isOver = poll.left_ms <= 0
  if (__FAILPOINTS__ && !isOver) await fp('poll.before')
  const tasks = isOver ? [] : (poll.tasks ?? [])
  const own = await needsOfTasks(needs, tasks)
  if (tasks.some(({ provider }) => own.own?.unreadable.has(provider))) return ends.leave(poll)
  const reads = (await Promise.all(tasks.map(each => readTask(own, { poll, ends }, each)))).flat()
  judgeReads(own, poll, reads)
  const isUnderWay =
    !isOver &&
    !poll.has_address &&
    tasks.length > 0 &&
    reads.every(({ outcome }) => delayOfRead(outcome, poll.told) !== null)
  if (isUnderWay || (ends.isCrowded(poll) && mayWait(poll, reads))) return ends.repeat(poll, reads)
  const values = [poll.id, poll.epoch, needs.processName, needs.leaseMs]
  const row = await findRow<GenerationRow>(needs.db, pollSql.claimAwaiting, values)
  // Somebody else acts on it, or has: what this read told is of no more use.
  if (row) ends.act(poll, { generation: toGeneration(row), reads, told: poll.told, ageMs: poll.age_ms })
}

/** It brings addresses alone, which another read brings again, so that nothing is lost by it but time. */
function mayWait(poll: ClaimedPoll, reads: Read[]): boolean {
  if (poll.left_ms <= lastTryMs || reads.length === 0) return false
  return reads.every(({ outcome, received }) => {
    if (outcome.kind !== 'succeeded') return delayOfRead(outcome, poll.told) !== null
    return received.length === 0 && outcome.images.some(({ kind }) => kind === 'url')
  })
}

/**
 * A route whose tasks cannot be read is sent no more of them, until one is answered; how tasks end is judged by whoever
 * acts on it.
 */
function judgeReads({ breaker }: PollerNeeds, poll: ClaimedPoll, reads: Read[]): void {
  const [task] = poll.tasks ?? []
  const outcomes = reads.map(({ outcome }) => outcome)
  // A key that may not see the task, such as that of another account, says nothing of the upstream.
  if (outcomes.some(each => each.kind === 'failed' && each.failure === 'misconfigured')) return
  const tellsOfReads = (each: ProviderOutcome) =>
    each.kind === 'succeeded' || delayOfRead(each, poll.told) !== null
  if (!task || !outcomes.some(tellsOfReads)) return
  const heard = { accountId: poll.account_id, stage: 'read' as const, outcomes, ageMs: 0 }
  breaker.note({ provider: task.provider, upstreamModel: task.model }, heard)
}

/** Nothing where this process has no such provider, or the adapter failed: the task is read again later. */
async function readTask(
  needs: PollerNeeds,
  { poll, ends }: { poll: ClaimedPoll; ends: Ends },
  { part, provider, task }: { part: number; provider: string; task: UpstreamTask | null },
): Promise<Read[]> {
  const read = needs.providers.get(provider)?.poll
  if (!read && needs.own) return [{ part, outcome: keyGone, received: [] }]
  if (!read || !task) return []
  const received: string[] = []
  const timeoutMs = Math.max(1, Math.ceil(Math.min(readTimeoutMs, poll.left_ms)))
  const { id, n } = poll
  const signal = ends.signalFor(timeoutMs)
  const context = openContext(needs, { generation: { id }, n, part, signal, timeoutMs, received })
  try {
    const outcome: ProviderOutcome = await read(task, context)
    return [{ part, outcome, received }]
  } catch (error) {
    await reportCleaned(needs, poll, error)
    return []
  }
}

function hasten(http: OutboundClient): OutboundClient {
  const limits = { headersTimeoutMs: answerTimeoutMs }
  return { ...http, request: call => http.request(call, limits) }
}

/** An error of an adapter may hold what the upstream said, and that the prompt: it is not logged as it is. */
async function reportCleaned(needs: PollerNeeds, { id }: ClaimedPoll, error: unknown): Promise<void> {
  const row = await findRow<GenerationRow>(needs.db, sql.findAny, [id])
  if (!row) return
  await callUpstream(needs, toGeneration(row), () => Promise.reject(error)).catch(cleaned =>
    needs.events.workFailed(id, cleaned),
  )
}

/** How many generations of each lane are read now, and how many wait for its store of files. */
function createLanes() {
  const lanes = new Map<string, { count: number; isFull: boolean }>()
  const resting = new Map<string, number>()
  const addResting = (name: string, count: number) => resting.set(name, (resting.get(name) ?? 0) + count)
  return {
    /** Answers how it is left, which tells whether more of the lane may be waiting for the place. */
    enter(name: string): () => boolean {
      const lane = lanes.get(name) ?? { count: 0, isFull: false }
      lanes.set(name, lane)
      lane.count += 1
      lane.isFull ||= lane.count >= placesOfLane
      return () => {
        const { isFull } = lane
        lane.count -= 1
        lane.isFull = false
        if (lane.count === 0) lanes.delete(name)
        return isFull
      }
    },
    countResting: (name: string) => resting.get(name) ?? 0,
    rest(name: string): () => void {
      addResting(name, 1)
      return () => void addResting(name, -1)
    },
    busy: () => ({ names: [...lanes.keys()], counts: [...lanes.values()].map(({ count }) => count) }),
  }
}

/** Looks at times to come, those of one tick together. */
function createTicks(look: () => void) {
  const timers = new Map<number, NodeJS.Timeout>()
  let isClear = false
  return {
    after(delayMs: number, tickMs = tickOf(delayMs)): void {
      const now = performance.now()
      const tick = Math.ceil((now + delayMs) / tickMs) * tickMs
      if (isClear || timers.has(tick)) return
      const timer = setTimeout(
        () => {
          timers.delete(tick)
          look()
        },
        // A moment later than the database's clock says due, not earlier.
        tick - now + 2,
      )
      timers.set(tick, timer)
    },
    clear(): void {
      isClear = true
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}

type ChangedTask = { part: number; task: string }
type Repeat = {
  id: string
  n: number
  changed: ChangedTask[]
  /** From when it was read. */
  delayMs: number
  readAtMs: number
  wakes: number
  /** Null leaves what was told before. */
  progress: number | null
  position: number | null
  isLeft: boolean
}

/** Reads that told "not yet", put back together. Those that cannot be written are read again when their claim ends. */
function createRepeats(
  needs: PollerNeeds,
  { pollAfter, report }: { pollAfter(delayMs: number): void; report(error: unknown): void },
) {
  let waiting: Repeat[] = []
  const ticks = createTicks(() => void flush().catch(report))
  async function flush(): Promise<void> {
    // Every node writes rows in the same order, so that no two hold what the other waits for.
    const batch = waiting.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    waiting = []
    if (batch.length === 0) return
    const now = performance.now()
    const delays = batch.map(({ delayMs, readAtMs }) => Math.max(1, Math.round(delayMs - (now - readAtMs))))
    const values = [
      batch.map(({ id }) => id),
      batch.map(({ n }) => n),
      delays,
      batch.map(({ wakes }) => wakes),
      batch.map(({ progress }) => progress),
      batch.map(({ position }) => position),
    ]
    // Before the next read of them is due, anywhere.
    await keepTasks(needs, batch)
    const row = await findRow<{ woken: boolean }>(needs.db, pollSql.repeat, values)
    for (const [at, { isLeft }] of batch.entries()) if (!isLeft) pollAfter(delays[at] ?? 0)
    if (row?.woken) pollAfter(wokenMs)
  }
  function add(repeat: Repeat): void {
    waiting.push(repeat)
    ticks.after(0, tickOf(repeat.delayMs))
  }
  return {
    repeat: (poll: ClaimedPoll, reads: Read[]) => add(toRepeat(poll, reads)),
    /** For another node: this one makes no appointment with it. */
    leave: (poll: ClaimedPoll) =>
      add({ ...toRepeat(poll, []), delayMs: leaveDelayMs(needs.random()), isLeft: true }),
    close(): Promise<void> {
      ticks.clear()
      return flush().catch(report)
    },
  }
}

async function keepTasks({ db }: PollerNeeds, batch: Repeat[]): Promise<void> {
  const tasks = batch.flatMap(({ id, n, changed }) => changed.map(each => ({ id, n, ...each })))
  if (tasks.length === 0) return
  await db.query(pollSql.keepTasks, [
    tasks.map(({ id }) => id),
    tasks.map(({ n }) => n),
    tasks.map(({ part }) => part),
    tasks.map(({ task }) => task),
  ])
}

function findChanged({ tasks }: ClaimedPoll, reads: Read[]): ChangedTask[] {
  return reads.flatMap(({ part, outcome }) => {
    if (outcome.kind !== 'pending') return []
    const before = tasks?.find(each => each.part === part)?.task
    if (outcome.task === before) return []
    // The database keeps the fields in an order of its own.
    return isDeepStrictEqual(outcome.task, before) ? [] : [{ part, task: JSON.stringify(outcome.task) }]
  })
}

function toRepeat(poll: ClaimedPoll, reads: Read[]): Repeat {
  const { id, n, wakes, told, age_ms } = poll
  const delays = reads.map(({ outcome }) => delayOfRead(outcome, told) ?? failedReadDelayMs)
  // None where nothing could be read: a provider without a key, an adapter that failed.
  const shortest = delays.length > 0 ? Math.min(...delays) : failedReadDelayMs
  const delayMs = Math.max(shortest, Math.min(age_ms * ageShare, maxAgeDelayMs))
  const { progress, position } = toProgress(poll, reads)
  return {
    id,
    n,
    wakes,
    changed: findChanged(poll, reads),
    delayMs: Math.round(delayMs),
    readAtMs: performance.now(),
    progress,
    position,
    isLeft: false,
  }
}

/** As `repeat_polls` has it: it waits in no queue any more. */
const outOfQueue = -1

/** Of the part that is furthest behind; nothing where one could not be read, for it may be that one. */
function toProgress({ tasks }: ClaimedPoll, reads: Read[]): Pick<Repeat, 'progress' | 'position'> {
  const known = reads.flatMap(({ outcome }) => (outcome.kind === 'pending' ? [outcome] : []))
  if (known.length === 0 || known.length < (tasks?.length ?? 0)) return { progress: null, position: null }
  const progress = known.flatMap(each => each.progress ?? [])
  const positions = known.flatMap(each => each.queuePosition ?? [])
  const hasLeft = known.every(each => each.queuePosition === null)
  return {
    progress: progress.length > 0 ? Math.max(0, Math.min(1, ...progress)) : null,
    position:
      positions.length > 0 ? Math.max(0, Math.round(Math.max(...positions))) : hasLeft ? outOfQueue : null,
  }
}
