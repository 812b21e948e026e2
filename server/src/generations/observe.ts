// One function per thing that happens to a generation: metric and log record are written together, here only.
import type { Log } from '../log.ts'
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'
import type { Metrics } from '../telemetry.ts'
import type { BreakerEvents, UpstreamModel } from './breaker.ts'
import type { Generation } from './generation.ts'

export type GenerationEvents = ReturnType<typeof createGenerationEvents>

/** Calls looked at for the unknown rate of a provider. */
const unknownWindow = 1_000
/** Above this share the operator is told (RELIABILITY's alarm at 1 %), once at least this many calls were seen. */
const unknownAlarmShare = 0.01
const unknownAlarmCalls = 100

export function createGenerationEvents(log: Log, metrics: Metrics) {
  const noteUnknown = watchUnknown(log, metrics)
  return {
    generationCreated({ id: generationId, model, price }: Generation): void {
      log.info({ event: 'generation.created', generationId, model, price }, 'generation created')
    },
    attemptEnded(call: EndedCall): void {
      // A customer's own key: the operator's alarms are not for it.
      const isOwn = call.generation.ownProviders !== null
      recordAttempt(log, metrics, isOwn ? nameOwn(call) : call)
      const { outcome } = call
      if (!isOwn)
        noteUnknown(call.provider, outcome.kind === 'failed' && outcome.failure === 'unknown_outcome')
    },
    taskEnded: (task: EndedTask): void => recordTask(log, task),
    generationSettled: (generation: Generation): void => recordSettled(log, metrics, generation),
    generationReconciling(generation: Generation, cause: string): void {
      log.warn(
        { event: 'generation.reconciling', generationId: generation.id, cause },
        'outcome unknown, reconciling',
      )
    },
    hookUnread(provider: string, error: unknown): void {
      log.warn(
        { event: 'hook.unread', provider, err: error },
        'a webhook of an upstream could not be judged; it is asked to come again',
      )
    },
    cancelRefused({ id: generationId }: Generation, cause: string): void {
      log.info(
        { event: 'cancel.refused', generationId, cause },
        'an upstream did not confirm that it ended a task',
      )
    },
    raceLost(generation: Generation, step: string): void {
      log.info(
        { event: 'generation.race_lost', generationId: generation.id, step },
        'settled by somebody else',
      )
    },
    leftoversKept({ id: generationId }: Generation, error: unknown): void {
      log.warn(
        { event: 'leftovers.kept', generationId, err: error },
        'pictures that are no result were not removed',
      )
    },
    filesKept({ id: generationId }: Generation, error: unknown): void {
      log.error(
        { event: 'files.kept', generationId, err: error },
        'files that have ended could not be removed; the sweep tries again',
      )
    },
    outputLost(
      { id: generationId }: Generation,
      lost: { provider: string; upstreamModel: string; index: number; cause: string; tries: number },
    ): void {
      log.error(
        { event: 'output.lost', generationId, ...lost },
        'a picture that was paid for could not be fetched from its upstream',
      )
    },
    workFailed(generationId: string, error: unknown): void {
      log.error(
        { event: 'generation.work_failed', generationId, err: error },
        'a worker gave up; its lease will expire',
      )
    },
  }
}

/** The breakers of this process; others know nothing of them. */
export function createBreakerEvents(log: Log, metrics: Metrics): BreakerEvents {
  const note = (isOpen: boolean, target: UpstreamModel, accountId: string | null) => {
    const { provider, upstreamModel: upstream_model } = target
    // Metrics know no accounts: one that fails alone is no outage.
    if (accountId === null) metrics.breakerOpen.set({ provider, upstream_model }, Number(isOpen))
    const scope = accountId === null ? {} : { accountId }
    return { event: isOpen ? 'breaker.opened' : 'breaker.closed', provider, upstream_model, ...scope }
  }
  return {
    breakerOpened(target, accountId) {
      if (accountId === null)
        log.error(note(true, target, null), 'an upstream fails every call; it is only probed now')
      else log.warn(note(true, target, accountId), 'an upstream fails every call of one account')
    },
    breakerClosed: (target, accountId) =>
      log.warn(note(false, target, accountId), 'the upstream works again'),
  }
}

/** Keeps the share of unknown outcomes of each provider, and raises the alarm. */
function watchUnknown(log: Log, metrics: Metrics): (provider: string, unknown: boolean) => void {
  const recent = new Map<string, boolean[]>()
  return (provider, unknown) => {
    const calls = recent.get(provider) ?? []
    recent.set(provider, calls)
    calls.push(unknown)
    if (calls.length > unknownWindow) calls.shift()
    const share = calls.filter(Boolean).length / calls.length
    metrics.unknownRatio.set({ provider }, share)
    if (unknown && calls.length >= unknownAlarmCalls && share >= unknownAlarmShare) {
      log.error(
        { event: 'unknown_rate.alarm', provider, share },
        'too many outcomes are unknown at this provider',
      )
    }
  }
}

/** A task that the upstream had accepted, as it told the end. */
type EndedTask = {
  generation: Generation
  provider: string
  upstreamModel: string
  outcome: ProviderOutcome
}

type EndedCall = EndedTask & { seconds: number }

function nameOwn(call: EndedCall): EndedCall {
  return { ...call, provider: `${call.provider}:own` }
}

function recordAttempt(log: Log, metrics: Metrics, call: EndedCall): void {
  const { provider, upstreamModel: upstream_model, outcome, seconds } = call
  const kind = outcome.kind === 'failed' ? outcome.failure : outcome.kind
  metrics.attempts.inc({ provider, upstream_model, outcome: kind })
  const error_type = outcome.kind === 'failed' ? outcome.failure : ''
  metrics.attemptSeconds.observe(
    { gen_ai_provider_name: provider, gen_ai_request_model: upstream_model, error_type },
    seconds,
  )
  const generationId = call.generation.id
  const record = { event: 'attempt.ended', generationId, provider, upstream_model, kind, seconds }
  if (outcome.kind !== 'failed') log.info(record, 'upstream call ended')
  else
    log[call.generation.ownProviders ? 'info' : levelOf(outcome.failure)](
      { ...record, message: outcome.message },
      'upstream call failed',
    )
}

function recordTask(log: Log, task: EndedTask): void {
  const { generation, provider, upstreamModel: upstream_model, outcome } = task
  const kind = outcome.kind === 'failed' ? outcome.failure : outcome.kind
  const record = { event: 'task.ended', generationId: generation.id, provider, upstream_model, kind }
  if (outcome.kind !== 'failed') log.info(record, 'upstream task ended')
  else
    log[generation.ownProviders ? 'info' : levelOf(outcome.failure)](
      { ...record, message: outcome.message },
      'upstream task failed',
    )
}

function recordSettled(log: Log, metrics: Metrics, generation: Generation): void {
  const { id: generationId, model, dialect, state, reason, captured, createdAt } = generation
  const endedAt = generation.completedAt ?? createdAt
  metrics.generations.inc({ model, dialect, state, reason: reason ?? '' })
  metrics.generationSeconds.observe({ model, state }, (endedAt.getTime() - createdAt.getTime()) / 1000)
  if (state === 'succeeded') metrics.images.inc({ model }, generation.images.length)
  metrics.credits.inc({ type: 'capture' }, captured)
  metrics.credits.inc({ type: 'release' }, generation.price - captured)
  log.info(
    { event: `generation.${state}`, generationId, model, dialect, reason, captured },
    `generation ${state}`,
  )
}

/** Ours to mend: error. The upstream's bad day: warning. The customer's content: information. */
function levelOf(failure: FailureKind): 'info' | 'warn' | 'error' {
  if (failure === 'misconfigured' || failure === 'model_retired' || failure === 'malformed_response')
    return 'error'
  if (failure === 'content_rejected' || failure === 'invalid_request') return 'info'
  return 'warn'
}
