// The adapter of fal's queue. A submit hands out a task at once and is sent once; everything after it only reads. The
// task's addresses are those that fal returned, never made up here: they are not those of the model's path.
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../outbound.ts'
import { classifyRead, classifyResult, classifySubmit, type ErrorAnswer } from './fal/failures.ts'
import { buildCall } from './fal/request.ts'
import { readResult } from './fal/result.ts'
import { createWebhookReader } from './fal/webhook.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  classifyLostRead,
  isRecord,
  limitCall,
  MAX_SMALL_ANSWER_BYTES,
  parseJsonOrNull,
  readErrorText,
  readSmallJson,
  scrubKey,
  scrubOutcome,
  textOrNull,
} from './hosted-call.ts'
import type {
  CallContext,
  CancelOutcome,
  Provider,
  ProviderFailure,
  ProviderOutcome,
  ProviderRequest,
  UpstreamTask,
} from './provider.ts'

export { NOT_RUN } from './fal/failures.ts'

export type FalOptions = {
  /** `<id>:<secret>` */
  apiKey: string
  /** The queue's: `https://queue.fal.run`. */
  baseUrl: string
  /** Where the keys of webhooks are published; default: fal's, or beside another base URL. */
  jwksUrl?: string
  /** How long they are believed; fal asks for a day at most. */
  keysLifetimeMs?: number
}

type Options = { apiKey: string; baseUrl: string }

const VENDOR = 'fal'
const OFFICIAL_HOST = 'queue.fal.run'
const OFFICIAL_KEYS = 'https://rest.alpha.fal.ai/.well-known/jwks.json'
const KEYS_LIFETIME_MS = 24 * 3_600_000
/** A picture takes some ten seconds; asking twice in one finds it soon enough. */
const POLL_AFTER_MS = 1_000
/** Each order that stands before ours in the queue lets us look away a little longer, up to the second number. */
const PER_PLACE_MS = 500
const MAX_POLL_AFTER_MS = 5_000
/** A result that cannot be used is read once more: a front that speaks for fal for a moment must not end paid work. */
const MAX_MISREADS = 1
/** Nobody's request: its status is refused for the want of it, but only after the key was looked at. */
const NO_REQUEST = '/bytedance/seedream/requests/00000000-0000-4000-8000-000000000000/status'

/** Creates the provider `fal`. */
export function createFalProvider(given: FalOptions): Provider {
  const options = { apiKey: given.apiKey, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  const scrub = (outcome: ProviderOutcome) => scrubOutcome(outcome, options.apiKey)
  const base = new URL(options.baseUrl)
  const ownKeys = `${base.origin}/.well-known/jwks.json`
  return {
    name: 'fal',
    idempotentCreates: false,
    submit: async (request, context) => scrub(await submit(options, request, context)),
    poll: async (task, context) => scrub(await poll(options, task, context)),
    cancel: (task, context) => cancel(options, task, context),
    readWebhook: createWebhookReader({
      jwksUrl: given.jwksUrl ?? (base.hostname === OFFICIAL_HOST ? OFFICIAL_KEYS : ownKeys),
      keysLifetimeMs: given.keysLifetimeMs ?? KEYS_LIFETIME_MS,
    }),
    check: context =>
      checkByGet(
        {
          vendor: VENDOR,
          apiKey: options.apiKey,
          url: `${options.baseUrl}${NO_REQUEST}`,
          headers: authorize(options),
          judge: judgeNoRequest,
        },
        context,
      ),
  }
}

async function submit(
  options: Options,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const call = await buildCall(request)
  if ('failure' in call) return call.failure
  const webhook =
    context.webhookUrl === undefined ? '' : `?fal_webhook=${encodeURIComponent(context.webhookUrl)}`
  let response: OutboundResponse
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${options.baseUrl}${call.path}${webhook}`,
      trust: 'configured',
      headers: {
        ...context.headers,
        ...authorize(options),
        ...call.body.headers,
        accept: 'application/json',
        // A job that has not begun when nobody waits any more shall not begin, and none shall run twice.
        'x-fal-request-timeout': String(Math.max(1, Math.floor(context.timeoutMs / 1000))),
        'x-fal-no-retry': '1',
      },
      body: call.body.content,
      ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  if (response.status < 200 || response.status > 299) return classifySubmit(await readError(response))
  try {
    return readAccepted(await readSmallJson(response), options, request.count)
  } catch (error) {
    return classifyBrokenAnswer(VENDOR, error, response)
  }
}

/** The queue's receipt. Without addresses that may be asked, nobody can learn what becomes of the job. */
function readAccepted(value: unknown, options: Options, count: number): ProviderOutcome {
  const receipt = isRecord(value) ? value : {}
  const id = textOrNull(receipt.request_id)
  const [pollUrl, resultUrl, cancelUrl] = ['status_url', 'response_url', 'cancel_url'].map(name =>
    textOrNull(receipt[name]),
  )
  const isUsable = [pollUrl, resultUrl].every(url => typeof url === 'string' && mayShowKey(url, options))
  if (id === null || id === '' || !isUsable) {
    const message = "fal's receipt is unusable: it lacks the request's id or its addresses"
    return { kind: 'failed', failure: 'malformed_response', message }
  }
  const task = { id, pollUrl, resultUrl, count, ...(cancelUrl ? { cancelUrl } : {}) } as UpstreamTask
  return { kind: 'pending', task, ...describePlace(receipt.queue_position) }
}

function describePlace(position: unknown): { pollAfterMs: number; queuePosition?: number } {
  if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0)
    return { pollAfterMs: POLL_AFTER_MS }
  const pollAfterMs = Math.min(MAX_POLL_AFTER_MS, POLL_AFTER_MS + position * PER_PLACE_MS)
  return { pollAfterMs, queuePosition: position }
}

/** The key goes back to where it was sent, and to other hosts of the vendor, but nowhere else an answer names. */
function mayShowKey(url: string, { baseUrl }: Options): boolean {
  if (!URL.canParse(url)) return false
  const { origin, protocol, hostname } = new URL(url)
  return origin === new URL(baseUrl).origin || (protocol === 'https:' && hostname.endsWith('.fal.run'))
}

async function poll(options: Options, task: UpstreamTask, context: CallContext): Promise<ProviderOutcome> {
  const answer = await read(options, String(task.pollUrl ?? ''), context)
  if ('kind' in answer) return answer
  if ('text' in answer) return classifyRead(answer)
  const status = isRecord(answer.value) ? textOrNull(answer.value.status) : null
  if (status === null) return missed('the answer tells no status')
  // A state that is new to us is none that has ended.
  if (status !== 'COMPLETED') {
    const position = isRecord(answer.value) ? answer.value.queue_position : null
    if (status === 'IN_QUEUE') return { kind: 'pending', task, ...describePlace(position) }
    return { kind: 'pending', task, pollAfterMs: POLL_AFTER_MS, queuePosition: null }
  }
  return readCompleted(options, task, context)
}

/** A job that failed is completed, too: the model's own error stands at the result's address. */
async function readCompleted(
  options: Options,
  task: UpstreamTask,
  context: CallContext,
): Promise<ProviderOutcome> {
  // The connection that brought the status is free for this read in the next turn; else another one would be made.
  await new Promise(resolve => setImmediate(resolve))
  const answer = await read(options, String(task.resultUrl ?? ''), context)
  if ('kind' in answer) return answer
  if ('text' in answer) return classifyResult(answer) ?? classifyMissedResult(answer)
  const count = typeof task.count === 'number' ? task.count : 1
  const outcome = await readResult(answer.value, { requestId: task.id, count }, context)
  const misreads = Number(task.misreads ?? 0) + 1
  const isUnusable = outcome.kind === 'failed' && outcome.failure === 'malformed_response'
  if (!isUnusable || misreads > MAX_MISREADS) return outcome
  return { kind: 'pending', task: { ...task, misreads }, pollAfterMs: POLL_AFTER_MS }
}

/** The job has ended, so no answer that is not its own may end it once more. */
function classifyMissedResult(answer: ErrorAnswer): ProviderFailure {
  const failure = classifyRead(answer)
  return failure.failure === 'unknown_outcome' ? { ...failure, failure: 'unavailable' } : failure
}

type ReadAnswer = { value: unknown } | ErrorAnswer | ProviderFailure

async function read(options: Options, url: string, context: CallContext): Promise<ReadAnswer> {
  if (!mayShowKey(url, options)) return missed('its address is none of fal’s')
  try {
    const response = await ask(options, { method: 'GET', url }, context)
    if (response.status < 200 || response.status > 299) return await readError(response)
    return { value: await readSmallJson(response) }
  } catch (error) {
    return classifyLostRead(VENDOR, error)
  }
}

function missed(why: string): ProviderFailure {
  return { kind: 'failed', failure: 'unavailable', message: `fal: the task could not be read: ${why}` }
}

function ask(
  options: Options,
  { method, url }: Pick<OutboundRequest, 'method' | 'url'>,
  context: CallContext,
): Promise<OutboundResponse> {
  const headers = { accept: 'application/json', ...context.headers, ...authorize(options) }
  return context.http.request({
    method,
    url,
    trust: 'upstream',
    headers,
    ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
  })
}

/** Only a job that left the queue unbegun is canceled for sure; a running one is asked to stop and may end well. */
async function cancel(options: Options, task: UpstreamTask, context: CallContext): Promise<CancelOutcome> {
  const { cancelUrl } = task
  if (cancelUrl === undefined || !mayShowKey(cancelUrl, options))
    return { kind: 'not_canceled', message: 'fal gave no address to cancel it' }
  try {
    const response = await ask(options, { method: 'PUT', url: cancelUrl }, context)
    const { status } = response
    const body = parseJsonOrNull(await readErrorText(response))
    const said = isRecord(body) ? textOrNull(body.status) : null
    if (status === 200 && (said === 'OK' || said === 'CANCELED')) return { kind: 'canceled' }
    return { kind: 'not_canceled', message: scrubKey(`fal answered ${status} ${said ?? ''}`, options.apiKey) }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return { kind: 'not_canceled', message: `fal gave no answer: ${error.message}` }
  }
}

async function readError(response: OutboundResponse): Promise<ErrorAnswer> {
  const { status, headers } = response
  return { status, headers, text: await readErrorText(response) }
}

function authorize({ apiKey }: Options): Record<string, string> {
  return { authorization: `Key ${apiKey}` }
}

function judgeNoRequest({ status, text }: { status: number; text: string }): string | null {
  const failure = classifySubmit({ status, headers: {}, text })
  const isFal = isRecord(parseJsonOrNull(text))
  if (isFal && [200, 202, 400, 404, 422].includes(status)) return null
  return failure.message
}
