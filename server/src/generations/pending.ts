// Orders of which a part is pending: every handle is stored before the first poll (T4), those that come first even
// before the others have answered. A handle that nobody will read is canceled at the upstream.
import { fp } from '../failpoints.ts'
import type { Route } from '../models/catalog.ts'
import type { ProviderOutcome, UpstreamTask } from '../providers/provider.ts'
import { cancelTasks } from './cancel-tasks.ts'
import { type DeliverNeeds, giveUp } from './deliver.ts'
import { expectedPartCostUsdMicro, hookUrlOf, type PartOutcome } from './dispatch.ts'
import type { Generation } from './generation.ts'
import { taskOf, toPartRecord } from './parts.ts'
import { persist } from './persist.ts'
import { pollSql } from './poll-sql.ts'
import { type AttemptRow, findRow, sql } from './sql.ts'

export type PendingNeeds = DeliverNeeds & {
  /** Looks for polls that are due then. */
  pollAfter(delayMs: number): void
}

type Started = { generation: Generation; route: Route; n: number }

/** Polls of tasks that are promised a webhook: rare, for the webhook may be lost. */
export const toldPollMs = 10_000

export function pollDelayMs(pollAfterMs: number, told: boolean): number {
  return Math.max(1, Math.round(told ? Math.max(pollAfterMs, toldPollMs) : pollAfterMs))
}

/**
 * Hears the parts of an order one by one. From the first that is pending on, each is written down as it comes, but
 * for the last, which T4 records with all others.
 */
export function createPartNotes(needs: PendingNeeds, started: Started, count: number) {
  const { generation, n } = started
  const heard: PartOutcome[] = []
  let written = 0
  let writing: Promise<void> = Promise.resolve()
  async function write(): Promise<void> {
    const news = heard.slice(written)
    if (news.length === 0) return
    written = heard.length
    if (__FAILPOINTS__) await fp('parts.before')
    const shareUsdMicro = expectedPartCostUsdMicro(needs.catalog, generation, started.route)
    const records = news.map(part => toPartRecord(part, shareUsdMicro))
    const values = [generation.id, generation.epoch, n, JSON.stringify(records)]
    await findRow(needs.db, pollSql.noteParts, values)
    if (__FAILPOINTS__) await fp('parts.after')
  }
  return async (part: PartOutcome): Promise<void> => {
    heard.push(part)
    if (heard.length >= count || !heard.some(({ outcome }) => outcome.kind === 'pending')) return
    // What cannot be written now, T4 writes.
    writing = writing.then(write).catch(error => needs.events.workFailed(generation.id, error))
    await writing
  }
}

/** T4. */
export async function awaitParts(needs: PendingNeeds, started: Started, parts: PartOutcome[]): Promise<void> {
  const { generation, n } = started
  const told = isTold(needs, started, parts)
  const delayMs = parts.some(({ outcome }) => bringsAddress(outcome)) ? 0 : firstDelayMs(parts, told)
  if (__FAILPOINTS__) await fp('T4.before')
  const shareUsdMicro = expectedPartCostUsdMicro(needs.catalog, generation, started.route)
  const records = parts.map(part => toPartRecord(part, shareUsdMicro))
  const values = [generation.id, generation.epoch, n, JSON.stringify(records), delayMs, told]
  // The handle is the only way to what was bought: it is not lost to a database that is away for a moment.
  const row = await persist(() => findRow<{ done: boolean }>(needs.db, pollSql.awaitParts, values))
  if (__FAILPOINTS__) await fp('T4.after')
  if (row?.done) return needs.pollAfter(delayMs)
  await giveUp(needs, generation, { n, step: 'T4', parts: records })
  const tasks = parts.flatMap(({ part, outcome }) =>
    outcome.kind === 'pending' ? [{ part, task: outcome.task }] : [],
  )
  await cancelTasks(needs, { generation, n, provider: started.route.provider, tasks })
}

/** It must be fetched at once, whatever the others are at: addresses end. */
function bringsAddress(outcome: ProviderOutcome): boolean {
  return outcome.kind === 'succeeded' && outcome.images.some(image => image.kind === 'url')
}

function firstDelayMs(parts: PartOutcome[], told: boolean): number {
  const delays = parts.flatMap(({ outcome }) => (outcome.kind === 'pending' ? [outcome.pollAfterMs] : []))
  return pollDelayMs(Math.min(...delays), told)
}

function isTold(needs: PendingNeeds, { generation, route, n }: Started, parts: PartOutcome[]): boolean {
  const provider = needs.providers.get(route.provider)
  return parts
    .filter(({ outcome }) => outcome.kind === 'pending')
    .every(({ part }) => hookUrlOf(needs, provider, { generationId: generation.id, n, part }) !== null)
}

/** After an end that left tasks running: nobody will read them. */
export async function abandonTasks(needs: DeliverNeeds, generation: Generation, n: number): Promise<void> {
  const attempts = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  const left = attempts.filter(each => each.n === n && each.state !== 'done')
  const tasks = left.flatMap(each => {
    const task: UpstreamTask | null = taskOf(each)
    return task ? [{ part: each.part, task }] : []
  })
  const provider = left[0]?.provider
  if (provider) await cancelTasks(needs, { generation, n, provider, tasks })
}
