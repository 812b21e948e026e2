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
  return {
    generationCreated({ id: generationId, model, price }: Generation): void {
      log.info({ event: 'generation.created', generationId, model, price }, 'generation created')
    },
    ...createAttemptEvents(log, metrics),
    /** `provider` is the one that was asked last; null = nobody was. */
    generationSettled: (generation: Generation, provider: string | null): void =>
      recordSettled(log, metrics, { generation, provider }),
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

/** What becomes of calls to upstreams and of their tasks; each is counted by how it ended. */
function createAttemptEvents(log: Log, metrics: Metrics) {
  const count = createCount(metrics, watchUnknown(log, metrics))
  return {
    attemptEnded(call: EndedCall): void {
      count({ ...call, kind: kindOf(call.outcome) })
      recordAttempt(log, metrics, call)
    },
    taskEnded(task: EndedTask): void {
      const kind = kindOf(task.outcome)
      // One that the upstream does not know now may be found yet: see unheard.ts.
      if (kind !== 'unknown_outcome') count({ ...task, kind })
      recordTask(log, task)
    },
    /** Calls that were answered, or may have been, with pictures that storage refused: nobody knows what each came to. */
    attemptsUnstored({ calls, ...call }: UnstoredCalls): void {
      for (let nth = 0; nth < calls; nth += 1) count({ ...call, kind: 'storage_failed' })
      const { generation, provider, upstreamModel: upstream_model, message } = call
      log.error(
        { event: 'attempt.unstored', generationId: generation.id, provider, upstream_model, calls, message },
        'what upstream calls brought could not be stored',
      )
    },
    /** What became of a call or a task whose end nobody had told. */
    attemptFound(found: FoundAttempt): void {
      count(found)
      const { generation, provider, upstreamModel: upstream_model, kind } = found
      log[kind === 'unknown_outcome' ? 'warn' : 'info'](
        { event: 'attempt.found', generationId: generation.id, provider, upstream_model, kind },
        'the end of an upstream call was found out',
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

type Counted = UpstreamModel & { generation: Generation; kind: string }

/** Each call and each task by how it ended. */
function createCount(metrics: Metrics, noteUnknown: (provider: string, unknown: boolean) => void) {
  return ({ generation, provider, upstreamModel: upstream_model, kind }: Counted): void => {
    metrics.attempts.inc({ provider: labelOf(provider, generation), upstream_model, outcome: kind })
    // A customer's own key: the operator's alarms are not for it. What goes on is judged by its end.
    if (generation.ownProviders === null && kind !== 'pending')
      noteUnknown(provider, kind === 'unknown_outcome')
  }
}

function kindOf(outcome: ProviderOutcome): string {
  return outcome.kind === 'failed' ? outcome.failure : outcome.kind
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

type UnstoredCalls = UpstreamModel & { generation: Generation; calls: number; message: string }
type EndedCall = EndedTask & { seconds: number }
export type FoundKind = 'succeeded' | 'unknown_outcome' | 'canceled'
type FoundAttempt = UpstreamModel & { generation: Generation; kind: FoundKind }

/** Providers are configuration, so the labels are few; under customers' own keys each is another. */
function labelOf(provider: string, { ownProviders }: Generation): string {
  return ownProviders === null ? provider : `${provider}:own`
}

function recordAttempt(log: Log, metrics: Metrics, call: EndedCall): void {
  const { upstreamModel: upstream_model, outcome, seconds } = call
  const provider = labelOf(call.provider, call.generation)
  const kind = kindOf(outcome)
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
  const kind = kindOf(outcome)
  const record = { event: 'task.ended', generationId: generation.id, provider, upstream_model, kind }
  if (outcome.kind !== 'failed') log.info(record, 'upstream task ended')
  else
    log[generation.ownProviders ? 'info' : levelOf(outcome.failure)](
      { ...record, message: outcome.message },
      'upstream task failed',
    )
}

function recordSettled(
  log: Log,
  metrics: Metrics,
  { generation, provider: asked }: { generation: Generation; provider: string | null },
): void {
  const { id: generationId, model, dialect, state, reason, captured, createdAt } = generation
  const provider = asked === null ? 'none' : labelOf(asked, generation)
  const endedAt = generation.completedAt ?? createdAt
  metrics.generations.inc({ model, provider, dialect, state, reason: reason ?? '' })
  metrics.generationSeconds.observe(
    { model, provider, state },
    (endedAt.getTime() - createdAt.getTime()) / 1000,
  )
  if (state === 'succeeded') metrics.images.inc({ model }, generation.images.length)
  metrics.credits.inc({ type: 'capture' }, captured)
  metrics.credits.inc({ type: 'release' }, generation.price - captured)
  log.info(
    { event: `generation.${state}`, generationId, model, provider, dialect, reason, captured },
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
