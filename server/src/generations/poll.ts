// One poll of an upstream task under a fresh claim. A read that fails is tried again later; only the upstream's
// own word, or the deadline, ends the generation.
import { fp } from '../failpoints.ts'
import type { Route } from '../models/catalog.ts'
import type { ProviderFailure, ProviderOutcome, UpstreamTask } from '../providers/provider.ts'
import { deliver, dropLeftovers, giveUp } from './deliver.ts'
import { openContext } from './dispatch.ts'
import { settleReleased } from './finish.ts'
import { failureRules, type Generation, type StoredImage } from './generation.ts'
import { costOfOutcome } from './loss.ts'
import { callUpstream } from './redaction.ts'
import { type RunNeeds, reconcileUnknown } from './run.ts'
import { type AttemptRow, findRow, sql } from './sql.ts'

/** Between polls when a read failed and the upstream named no delay. */
const failedReadDelayMs = 2_000
/** One poll is a small read; it must not hold the lease of a stuck socket. */
const pollTimeoutMs = 30_000

export async function pollGeneration(needs: RunNeeds, generation: Generation): Promise<void> {
  const attempts = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  const attempt = attempts.find(each => each.n === generation.attempts && each.state === 'accepted')
  const provider = attempt ? needs.providers.get(attempt.provider) : undefined
  const poll = provider?.poll
  if (!attempt?.upstream_task || !poll)
    return waitOn(needs, generation, { part: 0, delayMs: failedReadDelayMs })
  const signal = AbortSignal.timeout(pollTimeoutMs)
  const received: string[] = []
  const context = openContext(needs, {
    generation,
    n: attempt.n,
    part: attempt.part,
    signal,
    timeoutMs: pollTimeoutMs,
    received,
  })
  if (__FAILPOINTS__) await fp('poll.before')
  const task = attempt.upstream_task as UpstreamTask
  const outcome = await callUpstream(needs, generation, () => poll(task, context))
  if (__FAILPOINTS__) await fp('poll.after')
  const sold = await act(needs, { generation, attempt, received }, outcome)
  await dropLeftovers(needs, generation, { received, sold })
}

async function act(
  needs: RunNeeds,
  { generation, attempt, received }: { generation: Generation; attempt: AttemptRow; received: string[] },
  outcome: ProviderOutcome,
): Promise<StoredImage[] | null> {
  const { n, part } = attempt
  if (outcome.kind === 'pending') {
    await waitOn(needs, generation, { part, delayMs: outcome.pollAfterMs, task: outcome.task })
    return null
  }
  if (outcome.kind === 'succeeded') {
    const { images, usage } = outcome
    const warnings = [...generation.warnings, ...outcome.warnings]
    const parts = [{ part, outcome }]
    const { provider, expected_cost_usd_micro: shareUsdMicro } = attempt
    const result = { images, usage, warnings, parts, received }
    return deliver(needs, { generation, n, provider, ...result, shareUsdMicro })
  }
  await actOnFailure(needs, { generation, attempt }, outcome)
  return null
}

async function actOnFailure(
  needs: RunNeeds,
  { generation, attempt }: { generation: Generation; attempt: AttemptRow },
  outcome: ProviderFailure,
): Promise<void> {
  const { n, part } = attempt
  const rule = failureRules[outcome.failure]
  if (rule.action === 'retry') {
    return waitOn(needs, generation, { part, delayMs: outcome.retryAfterMs ?? failedReadDelayMs })
  }
  const route: Route = {
    provider: attempt.provider,
    upstreamModel: attempt.upstream_model,
    retiresAt: null,
    successor: null,
    maxCountPerCall: generation.count,
  }
  const { message } = outcome
  const lossUsdMicro = costOfOutcome(outcome, attempt.expected_cost_usd_micro)
  if (rule.action === 'reconcile')
    return reconcileUnknown(needs, { generation, route, n }, { message, lossUsdMicro })
  const done = await settleReleased(needs, generation, {
    from: ['awaiting'],
    state: rule.state,
    reason: rule.reason,
    attemptState: 'failed',
    failure: outcome.failure,
    message,
    lossUsdMicro,
    epoch: generation.epoch,
  })
  if (!done) await giveUp(needs, generation, { n, step: 'T7' })
}

async function waitOn(
  needs: RunNeeds,
  generation: Generation,
  next: { part: number; delayMs: number; task?: UpstreamTask },
): Promise<void> {
  const task = next.task ? JSON.stringify(next.task) : null
  const values = [generation.id, generation.epoch, generation.attempts, next.part, task, next.delayMs]
  await findRow<{ done: boolean }>(needs.db, sql.awaitTask, values)
  needs.wakeAfter(next.delayMs)
}
