// The parts of one order as its attempt rows keep them: from an outcome to a row, and from the rows of an attempt to
// outcomes again, so that a process which heard none of them adds them up as the one that did.
import {
  type FailureKind,
  failureKinds,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type UpstreamImage,
  type UpstreamTask,
  type Usage,
} from '../providers/provider.ts'
import { costOfOutcome } from './call-cost.ts'
import type { PartOutcome } from './dispatch.ts'
import type { PartImage, PartResult, StoredUsage } from './generation.ts'
import { toStorableText } from './redaction.ts'
import type { AttemptRow } from './sql.ts'

/** As `record_parts` of the database takes it. */
export type PartRecord = {
  part: number
  state: 'accepted' | 'done' | 'failed' | 'unknown' | 'not_run'
  task?: UpstreamTask
  result?: PartResult
  failure?: string
  message?: string
  cost?: number
  usage?: StoredUsage
}

const maxMessageLength = 2_000

export function toPartRecord({ part, outcome }: PartOutcome, shareUsdMicro: number): PartRecord {
  if (outcome.kind === 'pending') return { part, state: 'accepted', task: outcome.task }
  const cost = costOfOutcome(outcome, shareUsdMicro)
  if (outcome.kind === 'succeeded') {
    const { images, usage, warnings, task } = outcome
    const result = { images: images.map(toPartImage), usage, warnings }
    return { part, state: 'done', result, cost, ...toUsageField(usage), ...(task ? { task } : {}) }
  }
  const { failure, message } = outcome
  return {
    part,
    state: attemptStateOf(failure),
    failure,
    message: toStorableText(message, maxMessageLength),
    cost,
    ...toUsageField(outcome.usage),
  }
}

function toUsageField(usage: Usage | undefined): { usage?: StoredUsage } {
  const stored = usage ? toStoredUsage(usage) : null
  return stored ? { usage: stored } : {}
}

/** Null where the upstream said nothing. */
export function toStoredUsage({ costUsdMicro: _, ...usage }: Usage): StoredUsage | null {
  const said = Object.entries(usage).filter(([, value]) => value !== null && value !== undefined)
  return said.length === 0 ? null : Object.fromEntries(said)
}

export function attemptStateOf(failure: string): 'failed' | 'unknown' | 'not_run' {
  if (failure === 'unknown_outcome') return 'unknown'
  const notRun = ['rate_limited', 'quota_exhausted', 'unavailable', 'model_retired']
  return notRun.includes(failure) ? 'not_run' : 'failed'
}

/** The same for a task that the upstream had taken on: no word of its proves any more that nothing ran. */
export function toEndedRecord(ended: PartOutcome, shareUsdMicro: number): PartRecord {
  const record = toPartRecord(ended, shareUsdMicro)
  return record.state === 'not_run' ? { ...record, state: 'failed' } : record
}

function toPartImage(image: UpstreamImage, index: number): PartImage {
  if (image.kind === 'url') return { index, url: image.url }
  const { storageKey: key, mediaType, sizeBytes, sha256, width, height } = image.image
  return { index, key, mediaType, sizeBytes, sha256, width, height }
}

/** What a part came to; one that has not ended counts as unknown. */
export function toPartOutcome(attempt: AttemptRow): PartOutcome {
  const { part, state, result } = attempt
  const outcome: ProviderOutcome =
    state === 'done' && result ? toSuccess(attempt, result) : toFailure(attempt)
  return { part, outcome }
}

function toSuccess({ cost_usd_micro }: AttemptRow, result: PartResult): ProviderOutcome {
  const images = result.images.map((image): UpstreamImage => {
    if ('url' in image) return { kind: 'url', url: image.url, mediaType: null }
    const { key: storageKey, mediaType, sizeBytes, sha256, width, height } = image
    return { kind: 'received', image: { storageKey, mediaType, sizeBytes, sha256, width, height } }
  })
  return { ...result, kind: 'succeeded', images, usage: { ...result.usage, costUsdMicro: cost_usd_micro } }
}

function toFailure({ failure, message, cost_usd_micro, usage }: AttemptRow): ProviderFailure {
  const kind = failureKinds.find((each): each is FailureKind => each === failure) ?? 'unknown_outcome'
  const known = { usage: { ...noUsage, ...usage, costUsdMicro: cost_usd_micro } }
  return { kind: 'failed', failure: kind, message: message ?? 'it was not heard of again', ...known }
}

/** Of calls that nothing is known of when their order ends: each may have cost what was expected. */
export function toOpenRecords(attempts: readonly AttemptRow[]): PartRecord[] {
  return attempts.filter(isOpenPart).map(({ part, failure, message, ...attempt }) => ({
    ...{ part, state: 'unknown', failure: failure ?? 'unknown_outcome' },
    ...(message === null ? {} : { message }),
    cost: attempt.cost_usd_micro ?? attempt.expected_cost_usd_micro,
  }))
}

/** Nothing is recorded of what became of it. */
export function isOpenPart({ state }: AttemptRow): boolean {
  return state === 'unknown' || state === 'intent' || state === 'accepted'
}

/** Whether an address among what it brought is still to be fetched. */
export function hasAddress({ state, result }: AttemptRow): boolean {
  return state === 'done' && (result?.images.some(isToFetch) ?? false)
}

export function isToFetch(image: PartImage): image is { index: number; url: string } {
  return 'url' in image && !image.lost
}

export function taskOf({ upstream_task }: AttemptRow): UpstreamTask | null {
  return upstream_task as UpstreamTask | null
}

/** Where the parts were made: all of an order go one way. */
export function routeOf([first]: readonly AttemptRow[]): { provider: string; upstreamModel: string } {
  return { provider: first?.provider ?? '', upstreamModel: first?.upstream_model ?? '' }
}

export function tasksOf(attempts: AttemptRow[]): Map<number, UpstreamTask> {
  const tasks = new Map<number, UpstreamTask>()
  for (const each of attempts) {
    const task = taskOf(each)
    if (task) tasks.set(each.part, task)
  }
  return tasks
}
