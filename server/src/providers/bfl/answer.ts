// Reads what Black Forest Labs says of a task: at the create, and at every poll. A task keeps id, address and cost; the
// prompt, which the answers repeat, is left where it is.
import { isRecord, textOrNull } from '../hosted-call.ts'
import {
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type UpstreamTask,
  type Usage,
} from '../provider.ts'
import { choosePollUrl } from './poll-url.ts'

const MICRO_USD_PER_CREDIT = 10_000
// Most models are done within ten seconds; what takes longer is asked less often.
const POLL_STEPS: readonly { reads: number; delayMs: number }[] = [
  { reads: 10, delayMs: 1_000 },
  { reads: 30, delayMs: 2_000 },
]
const MAX_POLL_MS = 5_000
// Beyond it the pace stays, and a handle that stays too need not be written again.
const MAX_READS = 30
// A task is not known everywhere at once: for some ten seconds "not found" is no answer.
const MAX_MISSES = 6
const MISS_DELAY_MS = 1_500
// An answer that is ready and empty is read once more.
const MAX_UNUSABLE_READS = 1

/** The task that a create has handed out: `{"id","polling_url","cost"?}`. */
export function takeTask(
  value: unknown,
  { baseUrl, warnings }: { baseUrl: string; warnings: string[] },
): ProviderOutcome {
  const answer = isRecord(value) ? value : {}
  const id = textOrNull(answer.id)
  if (id === null || id === '') {
    const message = "Black Forest Labs' answer is unusable: it names no task"
    return { kind: 'failed', failure: 'malformed_response', message }
  }
  const task: UpstreamTask = {
    id,
    pollUrl: choosePollUrl(baseUrl, id, textOrNull(answer.polling_url) ?? undefined),
    costUsdMicro: readCost(answer.cost),
    warnings,
    reads: 0,
    misses: 0,
    unusable: 0,
  }
  return { kind: 'pending', task, pollAfterMs: 1_000 }
}

/** What a poll says: `{"status","result","progress"?,"details"?}`. */
export function readTask(value: unknown, task: UpstreamTask): ProviderOutcome {
  const answer = isRecord(value) ? value : {}
  const status = textOrNull(answer.status) ?? ''
  if (status === 'Ready') return readResult(answer, task)
  if (status === 'Task not found') return miss(task)
  if (status === 'Request Moderated') return reject(answer, task, 'input')
  if (status === 'Content Moderated') return reject(answer, task, 'output')
  if (status === 'Error' || status === 'Failed') {
    const message = `Black Forest Labs could not make it: ${status} ${describeDetails(answer.details)}`
    return { kind: 'failed', failure: 'upstream_failed', message, usage: describeUsage(task) }
  }
  // Pending, and every state that nobody knows yet: only the vendor's word or the deadline ends a task.
  const progress = readProgress(answer.progress)
  const reads = Math.min(countOf(task.reads) + 1, MAX_READS)
  const delayMs = POLL_STEPS.find(step => reads < step.reads)?.delayMs ?? MAX_POLL_MS
  const isSame = task.reads === reads && task.misses === 0 && task.unusable === 0
  return {
    kind: 'pending',
    task: isSame ? task : { ...task, reads, misses: 0, unusable: 0 },
    pollAfterMs: delayMs,
    ...(progress === null ? {} : { progress }),
  }
}

function readResult(answer: Record<string, unknown>, task: UpstreamTask): ProviderOutcome {
  const url = isRecord(answer.result) ? textOrNull(answer.result.sample) : null
  if (url !== null && url !== '') {
    const warnings = Array.isArray(task.warnings) ? task.warnings.map(String) : []
    const usage = describeUsage(task)
    return { kind: 'succeeded', images: [{ kind: 'url', url, mediaType: null }], usage, warnings }
  }
  const unusable = countOf(task.unusable)
  if (unusable < MAX_UNUSABLE_READS) {
    return { kind: 'pending', task: { ...task, unusable: unusable + 1 }, pollAfterMs: MISS_DELAY_MS }
  }
  const message = "Black Forest Labs' answer is unusable: ready without a picture"
  return { kind: 'failed', failure: 'malformed_response', message, usage: describeUsage(task) }
}

function miss(task: UpstreamTask): ProviderOutcome {
  const misses = countOf(task.misses) + 1
  if (misses <= MAX_MISSES) return { kind: 'pending', task: { ...task, misses }, pollAfterMs: MISS_DELAY_MS }
  const message = 'Black Forest Labs does not know the task that it handed out'
  return { kind: 'failed', failure: 'unknown_outcome', message, usage: describeUsage(task) }
}

function reject(
  answer: Record<string, unknown>,
  task: UpstreamTask,
  stage: 'input' | 'output',
): ProviderFailure {
  const reasons = isRecord(answer.details) ? answer.details['Moderation Reasons'] : null
  const categories = Array.isArray(reasons) ? reasons.filter(reason => typeof reason === 'string') : []
  const message = `Black Forest Labs refused: ${String(answer.status)} (${categories.join(', ')})`
  // Of the input it is refused before any work: what the create stated was for a picture that was never begun.
  const usage = stage === 'input' ? { ...noUsage, upstreamRequestId: task.id } : describeUsage(task)
  return { kind: 'failed', failure: 'content_rejected', stage, categories, message, usage }
}

/** Details of a failure are an object whose shape nobody documents. */
function describeDetails(details: unknown): string {
  return details === undefined || details === null ? '' : JSON.stringify(details)
}

/** The create states what the task costs, and nothing later says otherwise, however it ends. */
function describeUsage(task: UpstreamTask): Usage {
  const costUsdMicro = typeof task.costUsdMicro === 'number' ? task.costUsdMicro : null
  return { ...noUsage, costUsdMicro, upstreamRequestId: task.id }
}

/** Credits, of which one is a cent. */
function readCost(credits: unknown): number | null {
  if (typeof credits !== 'number' || !Number.isFinite(credits) || credits < 0) return null
  return Math.round(credits * MICRO_USD_PER_CREDIT)
}

/** A share, which some answers give in hundredths. */
function readProgress(progress: unknown): number | null {
  if (typeof progress !== 'number' || !(progress >= 0)) return null
  return progress <= 1 ? progress : Math.min(1, progress / 100)
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
