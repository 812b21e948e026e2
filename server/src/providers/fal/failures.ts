// What fal's errors mean. The same body says different things by where it stands: at the submit nothing was taken on
// yet; at the result's address it is how an accepted job ended, and no such end is ever sent again.
import { describeBody, isRecord, parseJsonOrNull, textOrNull } from '../hosted-call.ts'
import { type FailureKind, noUsage, type ProviderFailure } from '../provider.ts'
import { findRetryDelayMs } from '../retry-delay.ts'

export type ErrorAnswer = {
  status: number
  headers: Record<string, string>
  /** Bounded by the reader; JSON, HTML or words. */
  text: string
}

/** One entry of `detail`, which comes as an array, an object or a string; some bodies have a `message` alone. */
type Detail = { message: string; type: string | null; place: string | null }
type ErrorBody = { details: Detail[]; errorType: string | null; hasDetail: boolean }

/** Answers to a submit that prove that nothing was taken on: no runner could be had, in fal's own envelope. */
export const NOT_RUN: readonly { status: number; errorType: string }[] = [
  { status: 503, errorType: 'runner_scheduling_failure' },
]

const UNKNOWN_STATUSES = [408, 409, 499]
const POLICY = 'content_policy_violation'
const FIELDS: Record<string, string> = {
  image_size: 'size',
  num_images: 'count',
  negative_prompt: 'negativePrompt',
  output_format: 'outputFormat',
}

/** Classifies an answer to a submit outside 2xx. */
export function classifySubmit(answer: ErrorAnswer): ProviderFailure {
  const body = parseBody(answer.text)
  const failure = chooseSubmitKind(answer, body)
  const retryAfterMs = findRetryDelayMs(answer.headers, '')
  const hasDelay = ['rate_limited', 'unavailable'].includes(failure) && retryAfterMs !== null
  return {
    kind: 'failed',
    failure,
    message: describe(answer, body),
    ...(hasDelay ? { retryAfterMs } : {}),
    ...(failure === 'unavailable' ? { overloaded: true } : {}),
    ...describeRefusal(failure, body ?? emptyBody),
  }
}

function chooseSubmitKind({ status, text }: ErrorAnswer, body: ErrorBody | null): FailureKind {
  if (status >= 500) {
    const listed = NOT_RUN.some(each => each.status === status && each.errorType === body?.errorType)
    return listed ? 'unavailable' : 'unknown_outcome'
  }
  if (UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (status === 429) return 'rate_limited'
  if (status === 402) return 'quota_exhausted'
  if (status === 403)
    return /exhausted balance|user is locked/i.test(text) ? 'quota_exhausted' : 'misconfigured'
  if (status === 401 || status === 405) return 'misconfigured'
  // Without the envelope it is the address that is wrong, not the model that is gone.
  if (status === 404) return body === null ? 'misconfigured' : 'model_retired'
  return body !== null && isPolicy(body) ? 'content_rejected' : 'invalid_request'
}

/**
 * Classifies the answer at the result's address of a completed job; null where it says nothing about the job: the
 * queue or somebody between us has answered, and the read is made again.
 */
export function classifyResult(answer: ErrorAnswer): ProviderFailure | null {
  const body = parseBody(answer.text)
  const { status } = answer
  if (body === null || !body.hasDetail || [401, 403, 408, 429, 502].includes(status)) return null
  const message = `the job ended: ${describe(answer, body)}`
  // Documented: what fails with a 5xx is not billed.
  const unbilled = { usage: { ...noUsage, costUsdMicro: 0 } }
  if (status >= 500) return { kind: 'failed', failure: 'upstream_failed', message, ...unbilled }
  if (status === 404) return { kind: 'failed', failure: 'unknown_outcome', message }
  if (/still in progress/i.test(firstMessage(body))) return null
  if (isCanceled(status, body)) return { kind: 'failed', failure: 'upstream_failed', message, ...unbilled }
  if (isPolicy(body)) {
    return {
      kind: 'failed',
      failure: 'content_rejected',
      message,
      ...describeRefusal('content_rejected', body),
    }
  }
  const refusal = describeRefusal('invalid_request', body)
  return { kind: 'failed', failure: 'invalid_request', message, accepted: true, ...refusal }
}

/** Classifies a read of the status that brought no status; none of these but the 404 ends the task. */
export function classifyRead(answer: ErrorAnswer): ProviderFailure {
  const body = parseBody(answer.text)
  const message = `the task could not be read: ${describe(answer, body)}`
  const { status, headers } = answer
  if (status === 404 && body !== null) return { kind: 'failed', failure: 'unknown_outcome', message }
  if (status === 401 || status === 403) return { kind: 'failed', failure: 'misconfigured', message }
  const retryAfterMs = findRetryDelayMs(headers, '')
  const delay = retryAfterMs === null ? {} : { retryAfterMs }
  return { kind: 'failed', failure: status === 429 ? 'rate_limited' : 'unavailable', message, ...delay }
}

function isPolicy({ details }: ErrorBody): boolean {
  return details.some(({ type }) => type === POLICY)
}

function isCanceled(status: number, body: ErrorBody): boolean {
  return status === 499 || /request (was|has been) cancell?ed/i.test(firstMessage(body))
}

function describeRefusal(failure: FailureKind, { details }: ErrorBody): Partial<ProviderFailure> {
  const places = details.map(({ place }) => place)
  if (failure === 'content_rejected') {
    // The place names what was sent; without one it may be the picture that was made.
    const isInput = places.some(place => place === 'prompt' || place?.startsWith('image'))
    return { stage: isInput ? 'input' : 'unknown', categories: [] }
  }
  const place = places.find(each => each !== null)
  if (failure !== 'invalid_request' || !place) return {}
  return { field: FIELDS[place] ?? (place.startsWith('image') ? 'references' : place) }
}

const emptyBody: ErrorBody = { details: [], errorType: null, hasDetail: false }

function parseBody(text: string): ErrorBody | null {
  const body = parseJsonOrNull(text)
  if (!isRecord(body)) return null
  const { detail } = body
  const given = Array.isArray(detail) ? detail : detail === undefined || detail === null ? [] : [detail]
  const details = given.map(readDetail)
  const message = textOrNull(body.message)
  if (details.length === 0 && message === null) return null
  const own: Detail[] = message === null ? [] : [{ message, type: null, place: null }]
  return {
    details: details.length > 0 ? details : own,
    errorType: textOrNull(body.error_type),
    hasDetail: details.length > 0,
  }
}

/** Only words, type and place are taken: the rest repeats what was sent. */
function readDetail(detail: unknown): Detail {
  if (typeof detail === 'string') return { message: detail, type: null, place: null }
  if (!isRecord(detail)) return { message: '', type: null, place: null }
  const place = Array.isArray(detail.loc) ? detail.loc.findLast(each => typeof each === 'string') : null
  return {
    message: textOrNull(detail.msg) ?? textOrNull(detail.message) ?? '',
    type: textOrNull(detail.type),
    place: typeof place === 'string' && place !== 'body' ? place : null,
  }
}

function firstMessage({ details }: ErrorBody): string {
  return details[0]?.message ?? ''
}

function describe({ status, headers, text }: ErrorAnswer, body: ErrorBody | null): string {
  if (body === null) return `fal answered ${status} without its error envelope: ${describeBody(text)}`
  const names = [body.details[0]?.type, body.errorType, headers['x-fal-error-type']]
  const types = names.filter(name => name !== undefined && name !== null && name !== '')
  const isOurTimeout = headers['x-fal-request-timeout-type'] === 'user'
  const words = isOurTimeout ? ' (it did not begin in the time that we gave it)' : ''
  return `fal answered ${status} ${[...new Set(types)].join('/') || 'error'}${words}: ${firstMessage(body)}`
}
