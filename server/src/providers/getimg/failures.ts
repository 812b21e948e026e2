// What getimg's error answers mean. It documents no overload that proves "not run", so only a 429, a 402 and a model
// that is gone may let the core ask again; every 5xx may hide a picture that was made and billed.
import { describeBody, isRecord, parseJsonOrNull, textOrNull } from '../hosted-call.ts'
import type { FailureKind, ProviderFailure } from '../provider.ts'
import { findRetryDelayMs } from '../retry-delay.ts'

/** Answers after a sent create that prove that nothing ran, beside 429, 402 and 404: getimg documents none. */
export const NOT_RUN: readonly number[] = []

export type ErrorAnswer = {
  status: number
  headers: Record<string, string>
  /** Bounded by the reader; JSON, HTML or words. */
  text: string
  /** What was sent: an answer that repeats it must not be read as the upstream's own words. */
  prompt: string
}

type ErrorObject = { message: string; code: string | null; param: string | null }

const UNKNOWN_STATUSES = [408, 409, 499]
// Refusals of the request itself. The others say who is asking, what it costs or how often, in words of any kind.
const REFUSAL_STATUSES = [400, 403, 422, 451]
const MODERATION = /moderat|safety|polic(y|ies)/i
// Documented codes of refusals that have nothing to do with content, whatever words stand beside them.
const OTHER_CODES = ['parameter_missing', 'invalid_parameter', 'invalid_api_key', 'not_found']
const FIELDS: readonly [RegExp, string][] = [
  [/^aspect_ratio/, 'aspectRatio'],
  [/^resolution/, 'resolution'],
  [/^output_format/, 'outputFormat'],
  [/^images/, 'references'],
]

/** Classifies an answer outside 2xx. */
export function classifyErrorAnswer(answer: ErrorAnswer): ProviderFailure {
  const error = parseError(answer.text)
  const failure = chooseKind(answer, error)
  const message =
    error === null
      ? `getimg answered ${answer.status} without its error envelope: ${describeBody(answer.text)}`
      : `getimg answered ${answer.status} ${error.code ?? 'error'}: ${error.message}`
  const retryAfterMs = failure === 'rate_limited' ? findDelayMs(answer, error) : null
  const field = failure === 'invalid_request' && error?.param ? { field: nameField(error.param) } : {}
  return {
    kind: 'failed',
    failure,
    message,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(failure === 'content_rejected' ? { stage: stageOf(error), categories: [] } : {}),
    ...field,
  }
}

function chooseKind(answer: ErrorAnswer, error: ErrorObject | null): FailureKind {
  const { status } = answer
  if (status >= 500 || UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (status === 429) return 'rate_limited'
  if (status === 402) return 'quota_exhausted'
  if (status === 401 || status === 405) return 'misconfigured'
  if (error !== null && REFUSAL_STATUSES.includes(status) && isModeration(error, answer.prompt))
    return 'content_rejected'
  if (status === 403) return 'misconfigured'
  // Without the vendor's envelope it is the address that is wrong, not the model that is gone.
  if (status === 404) return error === null ? 'misconfigured' : 'model_retired'
  // The catalogue sends only ids that it lists, so one that is refused is gone.
  return error?.param === 'model' ? 'model_retired' : 'invalid_request'
}

function isModeration({ code, message }: ErrorObject, prompt: string): boolean {
  if (code !== null && OTHER_CODES.includes(code)) return false
  return MODERATION.test(`${code} ${prompt === '' ? message : message.replaceAll(prompt, '')}`)
}

/** The documented code is about the prompt or a reference; a guess from words tells no stage. */
function stageOf(error: ErrorObject | null): 'input' | 'unknown' {
  return error?.code === 'content_policy_violation' ? 'input' : 'unknown'
}

/** `{"error":{…}}` as documented, or its members at the top. */
function parseError(text: string): ErrorObject | null {
  const body = parseJsonOrNull(text)
  if (!isRecord(body)) return null
  const error = isRecord(body.error) ? body.error : body
  const message = textOrNull(error.message)
  if (message === null) return null
  return { message, code: textOrNull(error.code), param: textOrNull(error.param) }
}

function findDelayMs({ headers }: ErrorAnswer, error: ErrorObject | null): number | null {
  return findRetryDelayMs(headers, error?.message ?? '') ?? readResetMs(headers)
}

/** Unix seconds, held against the answer's own Date header, so that no clock of ours is involved. */
function readResetMs(headers: Record<string, string>): number | null {
  const reset = headers['x-ratelimit-reset'] ?? ''
  if (!/^\d{1,12}$/.test(reset)) return null
  const delayMs = Number(reset) * 1000 - Date.parse(headers.date ?? '')
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : null
}

function nameField(param: string): string {
  return FIELDS.find(([pattern]) => pattern.test(param))?.[1] ?? param
}
