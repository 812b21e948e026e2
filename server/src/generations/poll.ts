// What reads of an order's upstream tasks told, acted on under a fresh claim: parts end one by one, what they brought
// is fetched at once, and when the last has ended the order does. A read that fails is made again later; only the
// upstream's own word, or the deadline, ends a part.
import { fp } from '../failpoints.ts'
import type { ProviderFailure, ProviderOutcome } from '../providers/provider.ts'
import { priceOutcome } from './call-cost.ts'
import { cancelTasks } from './cancel-tasks.ts'
import { deliver, dropLeftovers, giveUp } from './deliver.ts'
import { combineParts, type PartOutcome } from './dispatch.ts'
import { type Release, settleReleased } from './finish.ts'
import { failureRules, type Generation, type PartImage, type StoredImage } from './generation.ts'
import { lossOfParts } from './loss.ts'
import { collectEach, type Missing } from './outputs.ts'
import {
  hasAddress,
  isToFetch,
  type PartRecord,
  routeOf,
  tasksOf,
  toEndedRecord,
  toPartOutcome,
} from './parts.ts'
import { pollDelayMs } from './pending.ts'
import { pollSql } from './poll-sql.ts'
import { callUpstream } from './redaction.ts'
import { type RunNeeds, reconcileGeneration } from './run.ts'
import { type AttemptRow, findRow, sql } from './sql.ts'
import { timeLeftMs } from './time-left.ts'
import { tellLost, tellUnheard } from './unheard.ts'

/** What one read of a part told, and the pictures that came with it. */
export type Read = { part: number; outcome: ProviderOutcome; received: string[] }
/** What is known of a generation whose tasks were read; `told` as in the row of its poll. */
export type Reading = {
  generation: Generation
  reads: Read[]
  told: boolean
  /** Since its tasks were accepted. */
  ageMs: number
}

/** Between polls when a read failed and the upstream named no delay. */
export const failedReadDelayMs = 2_000
/** Between two visits to a store of files that could not be reached while other parts go on. */
const fetchAgainMs = 4_000
/** However long an upstream asks to be left alone, work that is paid for is looked at again while there is time. */
const maxReadDelayMs = 15_000
/** A finite number that the database holds, whatever an upstream names. */
const maxPollDelayMs = 600_000
/** The upstream's last chance to end work that is paid for; the caller waits no longer than a few seconds more. */
const lastCancelMs = 2_000

/** These say that a read failed, and nothing of the task. */
export function isFailedRead(outcome: ProviderOutcome): boolean {
  return (
    outcome.kind === 'failed' && ['unavailable', 'rate_limited', 'misconfigured'].includes(outcome.failure)
  )
}

export function delayOfRead(outcome: ProviderOutcome, told: boolean): number | null {
  if (outcome.kind === 'pending') return clamp(pollDelayMs(outcome.pollAfterMs, told), maxPollDelayMs)
  if (outcome.kind === 'failed' && isFailedRead(outcome))
    return clamp(outcome.retryAfterMs ?? failedReadDelayMs, maxReadDelayMs)
  return null
}

function clamp(delayMs: number, maxMs: number): number {
  return Math.min(maxMs, Math.max(1, Math.round(delayMs) || 1))
}

/** Acts on a generation that this process has just claimed; its state is `awaiting`. */
export async function settleReads(needs: RunNeeds, { reads, ...reading }: Reading): Promise<void> {
  const { generation } = reading
  if (__FAILPOINTS__) await fp('poll.after')
  const received = reads.flatMap(read => read.received)
  const outcomes = new Map<number, ProviderOutcome>()
  const rows = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  const attempts = rows.filter(each => each.n === generation.attempts)
  const tariff = needs.catalog.tariff(routeOf(attempts), generation.options)
  for (const { part, outcome } of reads) {
    // The words of an upstream are cleaned only now, because a mere read does not know the prompt.
    const cleaned = await callUpstream(needs, generation, () => Promise.resolve(outcome))
    outcomes.set(part, priceOutcome(cleaned, tariff))
  }
  tellEnds(needs, { ...reading, attempts, outcomes, received })
  const sold = await act(needs, { ...reading, attempts, outcomes, received })
  await dropLeftovers(needs, generation, { received, sold })
}

/** What became of the tasks that ended, for whoever watches over the route. */
function tellEnds(needs: RunNeeds, work: Work): void {
  const { generation, attempts, outcomes } = work
  const ends: ProviderOutcome[] = []
  for (const { part, state, provider, upstream_model: upstreamModel } of attempts) {
    const outcome = outcomes.get(part)
    // One that is denied may be found yet; `tellLost` tells of it in the end.
    if (state !== 'accepted' || !outcome || isWaiting(outcome) || isLost(outcome)) continue
    needs.events.taskEnded({ generation, provider, upstreamModel, outcome })
    ends.push(outcome)
  }
  judgeRoute(needs, work, ends)
}

/** As the breaker judges the outcomes of a call that was answered at once. */
function judgeRoute(
  { breaker }: RunNeeds,
  { generation, attempts, ageMs }: Work,
  outcomes: ProviderOutcome[],
): void {
  const [attempt] = attempts
  if (!attempt || outcomes.length === 0) return
  const { provider, upstream_model: upstreamModel } = attempt
  breaker.note(
    { provider, upstreamModel },
    { accountId: generation.accountId, stage: 'end', outcomes, ageMs },
  )
}

type Work = Omit<Reading, 'reads'> & {
  attempts: AttemptRow[]
  /** By part, of the reads that were made. */
  outcomes: Map<number, ProviderOutcome>
  received: string[]
}

async function act(needs: RunNeeds, work: Work): Promise<StoredImage[] | null> {
  const { generation, attempts, outcomes } = work
  const open = attempts.filter(({ state }) => state === 'accepted')
  if (timeLeftMs(generation.timeLeft) <= 0) return endAtDeadline(needs, work)
  const waiting = open.filter(({ part }) => isWaiting(outcomes.get(part)))
  const lost = open.filter(({ part }) => isLost(outcomes.get(part)))
  if (waiting.length + lost.length > 0) {
    await goOn(needs, work, lost)
    return null
  }
  return end(needs, work, partsOf(work))
}

function isWaiting(outcome: ProviderOutcome | undefined): boolean {
  return outcome === undefined || outcome.kind === 'pending' || isFailedRead(outcome)
}

function isLost(outcome: ProviderOutcome | undefined): boolean {
  return outcome?.kind === 'failed' && outcome.failure === 'unknown_outcome'
}

/** Every part as it stands: as it was read now, else as it is recorded. */
function partsOf({ attempts, outcomes }: Work): PartOutcome[] {
  return attempts.map(attempt => {
    const outcome = attempt.state === 'accepted' ? outcomes.get(attempt.part) : undefined
    return outcome ? { part: attempt.part, outcome } : toPartOutcome(attempt)
  })
}

/** Writes down which parts ended, fetches what they brought, and lets the others be read again. */
async function goOn(needs: RunNeeds, work: Work, lost: AttemptRow[]): Promise<void> {
  const { generation, attempts, told } = work
  const { id, epoch, attempts: n } = generation
  const ended = attempts.filter(({ part, state }) => {
    const outcome = work.outcomes.get(part)
    return state === 'accepted' && !isWaiting(outcome) && !isLost(outcome)
  })
  const records = ended.flatMap(attempt => toRecord(work, attempt))
  if (records.length > 0 && !(await note(needs, generation, records)))
    return giveUp(needs, generation, { n, step: 'T4', parts: records })
  const fetched = await fetchParts(needs, work, records)
  if (lost.length > 0) {
    if (fetched.length > 0) await note(needs, generation, fetched)
    return loseTasks(needs, work, lost)
  }
  const delays = [...work.outcomes.values()].flatMap(outcome => delayOfRead(outcome, told) ?? [])
  if (fetched.some(({ result }) => result?.images.some(isToFetch))) delays.push(fetchAgainMs)
  const delayMs = delays.length > 0 ? Math.max(1, Math.round(Math.min(...delays))) : failedReadDelayMs
  const values = [id, epoch, n, JSON.stringify([...fetched, ...openRecords(work)]), delayMs, null]
  const row = await findRow<{ done: boolean }>(needs.db, pollSql.awaitParts, values)
  if (row?.done) needs.pollAfter(delayMs)
  else await giveUp(needs, generation, { n, step: 'T4', parts: records })
}

/** The handles of those that go on, as their adapter wants them kept. */
function openRecords({ outcomes }: Work): PartRecord[] {
  return [...outcomes].flatMap(([part, outcome]) =>
    outcome.kind === 'pending' ? [{ part, state: 'accepted' as const, task: outcome.task }] : [],
  )
}

function toRecord({ outcomes }: Work, attempt: AttemptRow): PartRecord[] {
  const outcome = outcomes.get(attempt.part)
  return outcome ? [toEndedRecord({ part: attempt.part, outcome }, attempt.expected_cost_usd_micro)] : []
}

async function note(needs: RunNeeds, generation: Generation, records: PartRecord[]): Promise<boolean> {
  if (__FAILPOINTS__) await fp('parts.before')
  const values = [generation.id, generation.epoch, generation.attempts, JSON.stringify(records)]
  const row = await findRow<{ done: boolean }>(needs.db, pollSql.noteParts, values)
  if (__FAILPOINTS__) await fp('parts.after')
  return row?.done === true
}

/** Pictures of parts that have ended are had now: their addresses may not outlast the other parts. */
async function fetchParts(needs: RunNeeds, work: Work, records: PartRecord[]): Promise<PartRecord[]> {
  const { generation, attempts, received, ageMs } = work
  const known = records.flatMap(({ part, cost, result }) => (result ? [{ part, cost, result }] : []))
  const earlier = attempts.filter(hasAddress).flatMap(({ part, result, ...attempt }) => {
    const cost = attempt.cost_usd_micro ?? attempt.expected_cost_usd_micro
    return result ? [{ part, cost, result }] : []
  })
  const wanted = [...known, ...earlier].filter(({ result }) => result.images.some(isToFetch))
  return Promise.all(
    wanted.map(async ({ part, cost, result }): Promise<PartRecord> => {
      const tasks = tasksOf(attempts)
      const n = generation.attempts
      const collecting = { generation, n, ...routeOf(attempts), tasks, received, isBrief: true, ageMs }
      const expected = result.images.flatMap((image, at) =>
        isToFetch(image) ? [{ ...image, part, at }] : [],
      )
      const collected = await collectEach(needs, collecting, expected)
      const images = result.images.map((image, at) =>
        toKept(image, collected[expected.findIndex(each => each.at === at)]),
      )
      return { part, state: 'done', result: { ...result, images }, ...(cost === undefined ? {} : { cost }) }
    }),
  )
}

/** An address that cannot be reached now is fetched later, by the next poll or when the last part has ended. */
function toKept(image: PartImage, collected: StoredImage | Missing | undefined): PartImage {
  if (!collected || collected === 'unreached') return image
  if (typeof collected === 'string') return 'url' in image ? { ...image, lost: true } : image
  const { key, mediaType, sizeBytes, sha256, width, height } = collected
  return { index: image.index, key, mediaType, sizeBytes, sha256, width, height }
}

/** T9 for the tasks that the upstream does not know, and at once the reconciler, which has them read again. */
async function loseTasks(needs: RunNeeds, { generation, outcomes }: Work, lost: AttemptRow[]): Promise<void> {
  const { id, epoch, attempts: n } = generation
  const first = outcomes.get(lost[0]?.part ?? 0)
  const message = first?.kind === 'failed' ? first.message : ''
  const parts = lost.map(({ part }) => part)
  if (__FAILPOINTS__) await fp('T9.before')
  const values = [id, epoch, n, parts, needs.processName, needs.leaseMs, message]
  const row = await findRow<{ epoch: number | null }>(needs.db, pollSql.loseTasks, values)
  if (__FAILPOINTS__) await fp('T9.after')
  if (!row?.epoch) return giveUp(needs, generation, { n, step: 'T9' })
  needs.claimMoved(id, row.epoch)
  needs.events.generationReconciling(generation, message)
  await reconcileGeneration(needs, { ...generation, state: 'reconciling', epoch: row.epoch })
}

/** Every part has ended. */
async function end(needs: RunNeeds, work: Work, parts: PartOutcome[]): Promise<StoredImage[] | null> {
  const { generation, attempts, received } = work
  const combined = combineParts(parts)
  tellDenied(needs, work)
  const [attempt] = attempts
  const shareUsdMicro = attempt?.expected_cost_usd_micro ?? 0
  if (combined.kind === 'delivered') {
    const { images, usage } = combined
    const warnings = [...generation.warnings, ...combined.warnings]
    const tasks = tasksOf(attempts)
    const result = { images, usage, warnings, parts, received, tasks, shareUsdMicro, ageMs: work.ageMs }
    return deliver(needs, { generation, n: generation.attempts, ...routeOf(attempts), ...result })
  }
  if (combined.kind === 'failed') {
    const { provider } = routeOf(attempts)
    const records = parts.map(part => toEndedRecord(part, shareUsdMicro))
    const lossUsdMicro = lossOfParts(parts, shareUsdMicro)
    await fail(needs, generation, { failure: combined.failure, lossUsdMicro, provider, parts: records })
  }
  return null
}

async function fail(
  needs: RunNeeds,
  generation: Generation,
  { failure, ...more }: { failure: ProviderFailure } & Pick<Release, 'lossUsdMicro' | 'provider' | 'parts'>,
): Promise<void> {
  const { state, reason } = failureRules[failure.failure]
  const done = await settleReleased(needs, generation, {
    from: ['awaiting'],
    state,
    reason,
    attemptState: failure.failure === 'unknown_outcome' ? 'unknown' : 'failed',
    failure: failure.failure,
    message: failure.message,
    ...more,
    epoch: generation.epoch,
  })
  if (!done) await giveUp(needs, generation, { n: generation.attempts, step: 'T7', parts: more.parts })
}

/** Those that the upstream has denied for too long, while other parts went on. */
function tellDenied(needs: RunNeeds, { generation, attempts, ageMs }: Work): void {
  tellLost(needs, generation, { attempts: attempts.filter(({ state }) => state === 'unknown'), ageMs })
}

/** Tasks that still run are canceled, what has come is sold, and without any picture the customer gets all back. */
async function endAtDeadline(needs: RunNeeds, work: Work): Promise<StoredImage[] | null> {
  const { generation, attempts } = work
  const n = generation.attempts
  const open = attempts.filter(each => each.state === 'accepted' && !isSaved(work, each))
  const tasks = [...tasksOf(open)].map(([part, task]) => ({ part, task }))
  const provider = open[0]?.provider ?? ''
  const canceled = await cancelTasks(needs, { generation, n, provider, tasks }, lastCancelMs)
  const parts = partsOf(work).map((part, at) => {
    const unfinished = open.find(each => each === attempts[at])
    return unfinished ? toUnfinished(unfinished, canceled.has(part.part)) : part
  })
  // A call that is not answered by its deadline is judged so too.
  judgeRoute(
    needs,
    work,
    open.map(attempt => toUnfinished(attempt, false).outcome),
  )
  tellUnfinished(needs, work, canceled)
  if (combineParts(parts).kind === 'delivered') return end(needs, work, parts)
  tellDenied(needs, work)
  const shareUsdMicro = attempts[0]?.expected_cost_usd_micro ?? 0
  const lossUsdMicro = lossOfParts(parts, shareUsdMicro)
  const records = parts.map(part => toEndedRecord(part, shareUsdMicro))
  const done = await settleReleased(needs, generation, {
    from: ['awaiting'],
    state: 'failed',
    reason: 'deadline_exceeded',
    attemptState: canceled.size === open.length ? 'failed' : 'unknown',
    failure: null,
    message: 'the deadline has passed',
    lossUsdMicro,
    provider: routeOf(attempts).provider,
    parts: records,
    epoch: generation.epoch,
  })
  if (!done) await giveUp(needs, generation, { n, step: 'T7', parts: records })
  return null
}

/** Its end was told in the very read that met the deadline, and nothing is to be fetched any more. */
function isSaved({ outcomes }: Work, { part }: AttemptRow): boolean {
  const outcome = outcomes.get(part)
  if (isWaiting(outcome) || isLost(outcome)) return false
  return outcome?.kind !== 'succeeded' || outcome.images.some(({ kind }) => kind === 'received')
}

/** Of the open ones, those that this very read did not tell the end of. */
function tellUnfinished(
  needs: RunNeeds,
  { generation, attempts, outcomes }: Work,
  canceled: Set<number>,
): void {
  const open = attempts.filter(({ part, state }) => {
    const outcome = outcomes.get(part)
    return state === 'accepted' && (isWaiting(outcome) || isLost(outcome))
  })
  const ended = open.filter(({ part }) => canceled.has(part))
  tellUnheard(needs, generation, { attempts: ended, kind: 'canceled' })
  const left = open.filter(({ part }) => !canceled.has(part))
  tellUnheard(needs, generation, { attempts: left, kind: 'unknown_outcome' })
}

/** A task that did not come to its end; only one that the upstream ended costs nothing. */
export function toUnfinished({ part }: AttemptRow, isCanceled: boolean): PartOutcome {
  const failure: ProviderFailure = isCanceled
    ? { kind: 'failed', failure: 'unavailable', message: 'canceled at the upstream' }
    : { kind: 'failed', failure: 'unknown_outcome', message: 'it had not ended at the deadline' }
  return { part, outcome: failure }
}
