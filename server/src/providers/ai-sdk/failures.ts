// What a failed call of a package means. The journal of the wire decides; the package's own errors are read only where
// the upstream's answers were whole, because they alone know what those say.
import type { OutboundError } from '../../outbound.ts'
import { describeBody, isRecord, parseJsonOrNull, textOrNull } from '../hosted-call.ts'
import type { JsonImagesError } from '../json-images.ts'
import type { FailureKind, ProviderFailure } from '../provider.ts'
import { findRetryDelayMs } from '../retry-delay.ts'
import { UnusablePackage } from './package.ts'
import type { Answer, Journal } from './wire.ts'

/** Statuses by which an upstream or an intermediary may hide work that ran; no overload answer is documented. */
const UNKNOWN_STATUSES = [408, 409, 425]
const MODERATION =
  /moderat|nsfw|safety (?:system|filter|check)|content[ _-]?(?:policy|filter|violation)|prohibited content/i
const MONEY =
  /insufficient[ _]?(?:quota|credit|balance|fund)|out of credit|exceeded your (?:current )?quota|billing|exhausted (?:balance|credit)/i
/** Some say so with 400. */
const KEY = /(?:incorrect|invalid) api[ _]key/i
/** How packages say that a task ended badly. */
const FAILED = /\b(?:failed|error|cancell?ed)\b/i
const MODEL = /\bmodel\b/i

type Words = { vendor: string; error: unknown }

/** A create that ended without pictures and without a task. */
export function classifySubmit(
  { vendor, error }: Words,
  journal: Journal,
  isAborted: boolean,
): ProviderFailure {
  const { createAnswer, createError } = journal
  if (createAnswer !== null && createAnswer.status > 299) return classifyRefusal(vendor, createAnswer)
  if (journal.create === 'none') return classifyUnsent({ vendor, error }, journal, isAborted)
  if (createError !== null) return classifyBroken(vendor, createError)
  if (journal.broken !== null) return fail('unknown_outcome', `${vendor}: ${journal.broken}`)
  if (isAborted || journal.readError !== null || (journal.readAnswer?.status ?? 200) > 299) {
    return fail(
      'unknown_outcome',
      `${vendor} took the work on and was not heard of again: ${nameError(error)}`,
    )
  }
  return classifyWhole({ vendor, error }, journal)
}

/** A read of the task. What says nothing about the task is `unavailable`: it is read again. */
export function classifyPoll(
  { vendor, error }: Words,
  journal: Journal,
  isAborted: boolean,
): ProviderFailure {
  const { readAnswer, readError } = journal
  const status = readAnswer?.status ?? 200
  if (isAborted || readError !== null || status >= 500 || status === 429 || status === 408 || status < 200) {
    const why = readError?.message ?? (isAborted ? 'the time was up' : `status ${status}`)
    return fail('unavailable', `${vendor} could not be asked about the task: ${why}`)
  }
  if (status === 401 || status === 403) {
    return fail('misconfigured', `${vendor} refused to tell about the task: ${describe(readAnswer)}`)
  }
  if (status === 404 || status === 410)
    return fail('unknown_outcome', `${vendor} does not know the task any more`)
  if (journal.broken !== null) return fail('unknown_outcome', `${vendor}: ${journal.broken}`)
  if (journal.isModerated) return classifyWhole({ vendor, error }, journal)
  // A redirect, or an answer that is no JSON of this upstream: an intermediary spoke.
  if (status > 299 || readAnswer === null || isUnreadable(error)) {
    return fail('unavailable', `${vendor}'s answer about the task is unusable: ${nameError(error)}`)
  }
  return classifyWhole({ vendor, error }, journal)
}

/** Whole answers that the package took for a failure: of the work, or of the answer's form. */
function classifyWhole(
  { vendor, error }: Words,
  { readAnswer, createAnswer, isModerated }: Journal,
): ProviderFailure {
  const said = (readAnswer ?? createAnswer)?.text ?? ''
  if (!isModerated && isUnreadable(error))
    return fail('malformed_response', `${vendor}'s answer is unusable: ${nameError(error)}`)
  const words = nameError(error)
  const reason = findReason(said)
  if (isModerated || MODERATION.test(words) || MODERATION.test(reason)) {
    const refusal = fail('content_rejected', `${vendor} refused: ${reason || words}`)
    return { ...refusal, stage: 'unknown', categories: [] }
  }
  const isFailed = readAnswer !== null && error instanceof Error && FAILED.test(error.message)
  const kind = isFailed ? 'upstream_failed' : 'malformed_response'
  return fail(kind, `${vendor}: ${words}${reason === '' ? '' : ` (${reason})`}`)
}

/** Nothing that could have begun work was sent. */
function classifyUnsent({ vendor, error }: Words, journal: Journal, isAborted: boolean): ProviderFailure {
  if (error instanceof UnusablePackage) return fail('misconfigured', error.message)
  if (!isAborted && journal.broken !== null) return fail('misconfigured', `${vendor}: ${journal.broken}`)
  if (isAborted || journal.readError !== null || journal.readAnswer !== null) {
    return fail('unavailable', `${vendor} was not asked: ${journal.readError?.message ?? nameError(error)}`)
  }
  const name = error instanceof Error ? error.name : ''
  const isOurs = /LoadAPIKey|LoadSetting|NoSuchModel/.test(name)
  return fail(isOurs ? 'misconfigured' : 'invalid_request', `${vendor}, before sending: ${nameError(error)}`)
}

function classifyBroken(vendor: string, error: OutboundError | JsonImagesError): ProviderFailure {
  if ('sent' in error && !error.sent)
    return fail('unavailable', `${vendor} was not reached: ${error.message}`)
  const isWhole = error.name === 'JsonImagesError' || error.code === 'too_large'
  return fail(
    isWhole ? 'malformed_response' : 'unknown_outcome',
    `${vendor}'s answer is ${isWhole ? 'unusable' : 'lost'} (${error.code}): ${error.message}`,
  )
}

function classifyRefusal(vendor: string, answer: Answer): ProviderFailure {
  const words = describe(answer)
  const failure = chooseKind(answer.status, words)
  const delayMs =
    failure === 'rate_limited' || failure === 'quota_exhausted'
      ? findRetryDelayMs(answer.headers, words)
      : null
  return {
    ...fail(failure, `${vendor} answered ${answer.status}: ${words}`),
    ...(delayMs === null ? {} : { retryAfterMs: delayMs }),
    ...(failure === 'content_rejected' ? { stage: 'unknown', categories: [] } : {}),
  }
}

function chooseKind(status: number, words: string): FailureKind {
  if (status >= 500 || UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (status === 401 || KEY.test(words)) return 'misconfigured'
  if (status === 402) return 'quota_exhausted'
  if (status === 429) return MONEY.test(words) ? 'quota_exhausted' : 'rate_limited'
  if (MODERATION.test(words)) return 'content_rejected'
  if (MONEY.test(words)) return 'quota_exhausted'
  if (status === 403 || status === 405) return 'misconfigured'
  if (status === 404 || status === 410) return MODEL.test(words) ? 'model_retired' : 'misconfigured'
  return 'invalid_request'
}

/** Whether an answer turns the key away; what else it says is no fault of the key. */
export function isKeyRefused(status: number, text: string): boolean {
  return status === 401 || status === 403 || (status >= 400 && KEY.test(text))
}

/** The words of an error's body, wherever the vendor puts them. */
function describe(answer: Answer | null): string {
  if (answer === null) return '(no answer)'
  return findReason(answer.text) || describeBody(answer.text)
}

/** Of the envelopes known: `error.message`, `error`, `message`, `detail` as text, list or object, `failure_reason`. */
export function findReason(text: string): string {
  const body = parseJsonOrNull(text)
  if (!isRecord(body)) return ''
  const { error, detail } = body
  const [first] = Array.isArray(detail) ? detail : []
  const found = [
    isRecord(error) ? [error.code, error.type, error.message] : [error],
    [body.code, body.message, body.failure_reason, body.status],
    [detail, isRecord(detail) ? detail.error : null, isRecord(first) ? first.msg : null],
  ].flatMap(each => each.map(textOrNull))
  return found.filter(each => each !== null && each !== '').join(': ')
}

/** The package could not read an answer that came whole. */
function isUnreadable(error: unknown): boolean {
  return error instanceof Error && /APICallError|JSONParse|TypeValidation|EmptyResponse/.test(error.name)
}

function nameError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'no picture came'
}

function fail(failure: FailureKind, message: string): ProviderFailure {
  return { kind: 'failed', failure, message }
}
