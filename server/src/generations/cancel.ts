// The customer's cancel. Queued work is canceled at once (T14); work at an upstream that can cancel is asked (T15);
// everything else runs on and is charged when delivered, and the answer says so.
import type { Db } from '../db/db.ts'
import { cancelTasks } from './cancel-tasks.ts'
import type { DispatchNeeds } from './dispatch.ts'
import { type FinishNeeds, settleReleased } from './finish.ts'
import { type Generation, isTerminal } from './generation.ts'
import { lossOfParts } from './loss.ts'
import { needsOf, type OwnKeys } from './own-keys.ts'
import { type PartRecord, taskOf, toEndedRecord, toPartOutcome } from './parts.ts'
import { pollSql } from './poll-sql.ts'
import { findGeneration } from './read.ts'
import { type AttemptRow, findRow, type GenerationRow, sql, toGeneration } from './sql.ts'
import { tellUnheard } from './unheard.ts'

export type CancelResult =
  | { kind: 'canceled'; generation: Generation }
  | { kind: 'already_ended'; generation: Generation }
  | { kind: 'runs_on'; generation: Generation }

export type CancelNeeds = FinishNeeds & DispatchNeeds & { db: Db; leaseMs: number; ownKeys: OwnKeys }

/** A process that acts on what a poll told is done within moments, unless it fetches a large picture. */
const maxClaimTries = 10
const claimAgainMs = 100

/** Null when the account has no such generation. */
export async function cancelGeneration(
  given: CancelNeeds,
  accountId: string,
  id: string,
): Promise<CancelResult | null> {
  const generation = await findGeneration(given.db, accountId, id)
  if (!generation) return null
  if (isTerminal(generation.state)) return { kind: 'already_ended', generation }
  const needs = await needsOf(given, generation)
  const canceled = (await cancelQueued(needs, generation)) || (await cancelUpstream(needs, generation))
  const now = (await findGeneration(needs.db, accountId, id)) ?? generation
  if (canceled) return { kind: 'canceled', generation: now }
  return { kind: isTerminal(now.state) ? 'already_ended' : 'runs_on', generation: now }
}

function cancelQueued(needs: FinishNeeds, generation: Generation): Promise<boolean> {
  return settleReleased(needs, generation, {
    ...canceled,
    from: ['queued'],
    attemptState: 'not_run',
    epoch: null,
  })
}

const canceled = {
  state: 'canceled' as const,
  reason: 'canceled' as const,
  failure: null,
  message: 'canceled by the customer',
  lossUsdMicro: 0,
}

/**
 * T15. The claim comes first: what a poll tells of a task that was canceled is then nobody's to act on. Parts whose end
 * the upstream confirms are over; while any other may bring a picture the order runs on, and so it does when one has.
 */
async function cancelUpstream(needs: CancelNeeds, found: Generation): Promise<boolean> {
  const generation = await claim(needs, found)
  if (!generation) return false
  const { id, epoch, attempts: n } = generation
  const rows = await needs.db.query<AttemptRow>(sql.attempts, [id])
  const current = rows.filter(each => each.n === n)
  const open = current.filter(each => each.state === 'accepted')
  const tasks = open.flatMap(each => {
    const task = taskOf(each)
    return task ? [{ part: each.part, task }] : []
  })
  const provider = open[0]?.provider ?? ''
  const confirmed = await cancelTasks(needs, { generation, n, provider, tasks })
  tellUnheard(needs, generation, {
    attempts: open.filter(each => confirmed.has(each.part)),
    kind: 'canceled',
  })
  const brought = current.some(({ state, result }) => state === 'done' && result?.images.length !== 0)
  if (open.length > 0 && confirmed.size === open.length && !brought) {
    const ended = current.filter(each => !confirmed.has(each.part))
    const shareUsdMicro = open[0]?.expected_cost_usd_micro ?? 0
    const lossUsdMicro = lossOfParts(ended.map(toPartOutcome), shareUsdMicro)
    const lost = ended.filter(({ state }) => state === 'unknown')
    const end = { ...canceled, lossUsdMicro, from: ['awaiting' as const], attemptState: 'failed' as const }
    const { failure: _, ...free } = canceledPart
    const parts = [
      ...[...confirmed].map(part => ({ ...free, part })),
      ...lost.map(each => toEndedRecord(toPartOutcome(each), shareUsdMicro)),
    ]
    const done = await settleReleased(needs, generation, { ...end, provider, parts, epoch })
    if (done) tellUnheard(needs, generation, { attempts: lost, kind: 'unknown_outcome' })
    return done
  }
  const records = [...confirmed].map(part => ({ ...canceledPart, part }))
  await findRow(needs.db, pollSql.awaitParts, [id, epoch, n, JSON.stringify(records), 0, null])
  return false
}

const canceledPart: Omit<PartRecord, 'part'> = {
  state: 'failed',
  failure: 'upstream_failed',
  message: canceled.message,
  cost: 0,
}

async function claim(needs: CancelNeeds, found: Generation): Promise<Generation | null> {
  let generation: Generation | null = found
  for (let tries = 0; generation?.state === 'awaiting' && tries < maxClaimTries; tries += 1) {
    const { id, epoch, accountId } = generation
    const values = [id, epoch, needs.processName, needs.leaseMs]
    const row = await findRow<GenerationRow>(needs.db, pollSql.claimAwaiting, values)
    if (row) return toGeneration(row)
    await new Promise(resolve => setTimeout(resolve, claimAgainMs))
    generation = await findGeneration(needs.db, accountId, id)
  }
  return null
}
