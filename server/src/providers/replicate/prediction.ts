// Reads a prediction, from the answer to its create, from a poll or from a webhook, and says what became of it.
import { isRecord, textOrNull } from '../hosted-call.ts'
import {
  type CallContext,
  ImageRejected,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderPending,
  type UpstreamImage,
  type UpstreamTask,
  type Usage,
} from '../provider.ts'
import { classifySentence } from './failures.ts'
import { findReplicateModel } from './models.ts'

/** The handle of a prediction. Never its inputs: they hold the prompt. */
export type ReplicateTask = UpstreamTask & {
  /** `owner/name`. */
  model: string
  /** Pictures asked for. */
  count: number
  /** Of the mapping, for the outcome. */
  warnings: string[]
  polls: number
}

type Known = Pick<ReplicateTask, 'model' | 'count' | 'warnings' | 'polls'>

/** What is stored may be older than this adapter, or come from a webhook. */
export function toTask(given: UpstreamTask): ReplicateTask {
  if (isWhole(given)) return given
  const { id, model, count, warnings, polls } = given
  return {
    id,
    model: typeof model === 'string' ? model : '',
    count: typeof count === 'number' ? count : 1,
    warnings: Array.isArray(warnings) ? warnings.filter(each => typeof each === 'string') : [],
    polls: typeof polls === 'number' ? polls : 0,
  }
}

/** As this adapter wrote it, and with no misreadings to forget. */
function isWhole(given: UpstreamTask): given is ReplicateTask {
  const { model, count, warnings, polls, misreads } = given
  return (
    typeof model === 'string' &&
    typeof count === 'number' &&
    typeof polls === 'number' &&
    misreads === undefined &&
    Array.isArray(warnings) &&
    warnings.every(each => typeof each === 'string')
  )
}

/** An answer that is no prediction: perhaps not the vendor's own. */
export class Unreadable extends Error {
  override name = 'Unreadable'
}

// 3,000 reads a minute are allowed to an account: a thousand open predictions stay below that at this pace.
const FIRST_POLL_MS = 1_000
const POLL_STEP_MS = 250
const MAX_POLL_MS = 5_000
// Beyond it the pace stays, and a handle that stays too need not be written again.
const MAX_POLLS = (MAX_POLL_MS - FIRST_POLL_MS) / POLL_STEP_MS
const ID = /^[\w-]{1,128}$/
// The largest picture that is taken out of a data URL; larger ones come as addresses.
const DATA_URL = /^data:image\/[\w.+-]+;base64,([A-Za-z0-9+/]+={0,2})$/

/** The id that a prediction names itself by. */
export function readPredictionId(value: unknown): string {
  const id = isRecord(value) ? textOrNull(value.id) : null
  if (id === null || !ID.test(id)) throw new Unreadable('The answer is no prediction: it has no id')
  return id
}

/** What became of it. Throws Unreadable, and errors of our own storage. */
export async function readPrediction(
  value: unknown,
  known: Known | ReplicateTask,
  context: Pick<CallContext, 'receiveImage'>,
): Promise<ProviderOutcome> {
  const id = readPredictionId(value)
  const prediction = isRecord(value) ? value : {}
  const usage = readUsage(prediction, known.model, id)
  switch (prediction.status) {
    case 'succeeded':
      return readSuccess(prediction, { known, usage, id }, context)
    case 'failed':
      return { ...classifySentence(textOrNull(prediction.error)), usage }
    case 'canceled':
    case 'aborted':
      return { ...describeEnd(prediction), usage }
    default:
      return describePending(prediction, { known, id })
  }
}

/** Words of a state that nobody knows yet are taken for work that goes on: the deadline ends it if it does not. */
function describePending(
  prediction: Record<string, unknown>,
  { known, id }: { known: Known | ReplicateTask; id: string },
): ProviderPending {
  const progress = readProgress(textOrNull(prediction.logs))
  const polls = Math.min(known.polls + 1, MAX_POLLS)
  const pending: ProviderPending = {
    kind: 'pending',
    // The same handle where nothing is to be kept of this read.
    task: 'id' in known && known.id === id && known.polls === polls ? known : { ...known, id, polls },
    pollAfterMs: Math.min(FIRST_POLL_MS + POLL_STEP_MS * known.polls, MAX_POLL_MS),
  }
  if (progress !== null) pending.progress = progress
  return pending
}

async function readSuccess(
  prediction: Record<string, unknown>,
  { known, usage, id }: { known: Known; usage: Usage; id: string },
  context: Pick<CallContext, 'receiveImage'>,
): Promise<ProviderOutcome> {
  if (prediction.data_removed === true && prediction.output === null) {
    const message = 'Replicate has removed the output of the prediction'
    return { kind: 'failed', failure: 'unknown_outcome', message, usage }
  }
  const outputs = listOutputs(prediction.output)
  const images: UpstreamImage[] = []
  for (const output of outputs.slice(0, known.count)) {
    const image = await takeOutput(output, context)
    if (image !== null) images.push(image)
  }
  // It is a prediction and it says that it is done: another read would say the same.
  if (images.length === 0) {
    return { ...describeUnreadable('The prediction succeeded without a readable output'), usage }
  }
  const warnings = [...known.warnings]
  const made = { ...usage, images: outputs.length }
  const arrived = Math.max(images.length, outputs.length > known.count ? outputs.length : 0)
  if (arrived !== known.count) warnings.push(`Asked for ${known.count} pictures, ${arrived} arrived`)
  return { kind: 'succeeded', images, usage: made, warnings, task: { ...known, id } }
}

export function describeUnreadable(why: string): ProviderFailure {
  return { kind: 'failed', failure: 'malformed_response', message: `Replicate's answer is unusable: ${why}` }
}

/** A URL or a list of them, whatever the model's schema says. */
function listOutputs(output: unknown): string[] {
  const listed = Array.isArray(output) ? output : [output]
  return listed.filter(each => typeof each === 'string')
}

/** Null for what is neither an address nor a picture. */
async function takeOutput(
  output: string,
  { receiveImage }: Pick<CallContext, 'receiveImage'>,
): Promise<UpstreamImage | null> {
  const inline = DATA_URL.exec(output)?.[1]
  if (inline !== undefined) {
    try {
      return { kind: 'received', image: await receiveImage(once(Buffer.from(inline, 'base64'))) }
    } catch (error) {
      if (error instanceof ImageRejected) return null
      throw error
    }
  }
  return /^https?:/.test(output) && URL.canParse(output)
    ? { kind: 'url', url: output, mediaType: null }
    : null
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Nobody here asks for the outcome of what was canceled at our own word, so it was somebody else's. */
function describeEnd({ status, error }: Record<string, unknown>): ProviderFailure {
  const reason = textOrNull(error)
  const message = `Replicate's prediction was ${String(status)}${reason === null ? '' : `: ${reason}`}`
  return { kind: 'failed', failure: 'upstream_failed', message }
}

/** Time is told; what it costs is our table's word, and only where a model is billed by it. */
function readUsage(prediction: Record<string, unknown>, model: string, id: string): Usage {
  const seconds = isRecord(prediction.metrics) ? prediction.metrics.predict_time : null
  const rate = findReplicateModel(model).model.usdMicroPerSecond
  const isBilledByTime = typeof seconds === 'number' && seconds >= 0 && rate !== undefined
  const costUsdMicro = isBilledByTime ? Math.ceil(seconds * rate) : null
  return { ...noUsage, costUsdMicro, upstreamRequestId: id }
}

/** The last bar that the model drew into its log: ` 46%|####6     | 23/50`. */
function readProgress(logs: string | null): number | null {
  if (!logs?.includes('%|')) return null
  const bars = [...logs.matchAll(/(\d{1,3})%\|/g)]
  const percent = Number(bars.at(-1)?.[1] ?? Number.NaN)
  return Number.isFinite(percent) ? Math.min(percent, 100) / 100 : null
}
