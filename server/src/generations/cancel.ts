// The customer's cancel. Queued work is canceled at once (T14); work at an upstream that can cancel is asked (T15);
// everything else runs on and is charged when delivered, and the answer says so.
import type { Db } from '../db/db.ts'
import type { UpstreamTask } from '../providers/provider.ts'
import { type DispatchNeeds, openContext } from './dispatch.ts'
import { type FinishNeeds, settleReleased } from './finish.ts'
import { type Generation, isTerminal } from './generation.ts'
import { findGeneration } from './read.ts'
import { callUpstream } from './redaction.ts'
import { type AttemptRow, sql } from './sql.ts'

export type CancelResult =
  | { kind: 'canceled'; generation: Generation }
  | { kind: 'already_ended'; generation: Generation }
  | { kind: 'runs_on'; generation: Generation }

export type CancelNeeds = FinishNeeds & DispatchNeeds & { db: Db }

const cancelTimeoutMs = 15_000

/** Null when the account has no such generation. */
export async function cancelGeneration(
  needs: CancelNeeds,
  accountId: string,
  id: string,
): Promise<CancelResult | null> {
  const generation = await findGeneration(needs.db, accountId, id)
  if (!generation) return null
  if (isTerminal(generation.state)) return { kind: 'already_ended', generation }
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

async function cancelUpstream(needs: FinishNeeds & DispatchNeeds, generation: Generation): Promise<boolean> {
  if (generation.state !== 'awaiting') return false
  const attempts = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  const current = attempts.find(each => each.n === generation.attempts && each.state === 'accepted')
  const provider = current ? needs.providers.get(current.provider) : undefined
  const cancel = provider?.cancel
  if (!current?.upstream_task || !cancel) return false
  const signal = AbortSignal.timeout(cancelTimeoutMs)
  const { n, part } = current
  const call = { generation, n, part, signal, timeoutMs: cancelTimeoutMs, received: [] }
  const task = current.upstream_task as UpstreamTask
  const outcome = await callUpstream(needs, generation, () => cancel(task, openContext(needs, call)))
  if (outcome.kind !== 'canceled') return false
  return settleReleased(needs, generation, {
    ...canceled,
    from: ['awaiting'],
    attemptState: 'failed',
    epoch: null,
  })
}
