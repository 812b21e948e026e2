// What OpenAI's refusals mean. A status that could hide finished, billed work is never called 'unavailable':
// only the answers listed in NOT_RUN prove that nothing ran.
import type { FailureKind, ProviderFailure } from '../provider.ts'
import { findRetryDelayMs } from '../retry-delay.ts'

/** An answer outside 2xx, or an error object inside one. */
export type ErrorAnswer = {
  status: number
  headers: Record<string, string>
  /** Bounded by the reader; JSON, HTML or words. */
  body: string
}

export type ErrorObject = {
  message: string
  type: string | null
  code: string | null
  param: string | null
  stage: 'input' | 'output' | 'unknown'
  categories: string[]
}

export type NotRunAnswer = { status: number; type: string }

/** Answers after a sent create that prove that no work was begun. Everything else may have been billed. */
export const NOT_RUN: readonly NotRunAnswer[] = [
  // "The model is currently overloaded" / "slow down": documented as refused at the door, in the vendor's own
  // envelope. The same status with a page of HTML comes from an intermediary and proves nothing.
  { status: 503, type: 'server_error' },
]

// Statuses by which the vendor or an intermediary may hide work that ran.
const UNKNOWN_STATUSES = [408, 409]
const FIELD_WORDS: Record<string, string> = {
  n: 'count',
  output_format: 'outputFormat',
  output_compression: 'outputCompression',
  partial_images: 'partialImages',
  input_fidelity: 'inputFidelity',
  image: 'references',
  'image[]': 'references',
  images: 'references',
}

/** Classifies an answer outside 2xx. */
export function classifyErrorAnswer(answer: ErrorAnswer): ProviderFailure {
  const error = parseErrorBody(answer.body)
  const failure = chooseKind(answer.status, error, answer.body)
  const retryAfterMs = findRetryDelayMs(answer.headers, error?.message ?? answer.body)
  const hasDelay = failure === 'rate_limited' || failure === 'quota_exhausted' || failure === 'unavailable'
  return {
    kind: 'failed',
    failure,
    message: describe(answer, error),
    ...(hasDelay && retryAfterMs !== null ? { retryAfterMs } : {}),
    ...(failure === 'content_rejected' ? describeRejection(error) : {}),
    ...(failure === 'invalid_request' && error?.param ? { field: nameField(error.param) } : {}),
    ...(failure === 'unavailable' ? { overloaded: true } : {}),
    // Under 403 the same code means a project that may not use the model.
    ...(answer.status === 404 && error?.code === 'model_not_found' ? { gone: true } : {}),
  }
}

/**
 * Classifies an error object that came under a 200, mostly inside a stream. The vendor had accepted the work by
 * then, so an error that asks for patience proves nothing about what ran or was billed.
 */
export function classifyErrorInSuccess(error: ErrorObject, hadPartial: boolean): ProviderFailure {
  const kind = isModeration(error)
    ? 'content_rejected'
    : kindByCode(error) === 'invalid_request'
      ? 'invalid_request'
      : 'unknown_outcome'
  const rejection = describeRejection(error)
  const stage = rejection.stage === 'unknown' && hadPartial ? 'output' : rejection.stage
  return {
    kind: 'failed',
    failure: kind,
    message: `OpenAI reported under status 200: ${nameError(error)}: ${error.message}`,
    ...(kind === 'content_rejected' ? { ...rejection, stage } : {}),
    ...(kind === 'invalid_request' ? { accepted: true } : {}),
    ...(kind === 'invalid_request' && error.param ? { field: nameField(error.param) } : {}),
  }
}

/** Reads `{"error": {...}}`; null when the value is something else. */
export function parseErrorObject(value: unknown): ErrorObject | null {
  const error = isRecord(value) ? value.error : undefined
  if (!isRecord(error)) return null
  const message = textOrNull(error.message) ?? ''
  const details = isRecord(error.moderation_details) ? error.moderation_details : {}
  const stage = details.moderation_stage
  const listed = Array.isArray(details.categories) ? details.categories : listViolations(message)
  return {
    message,
    type: textOrNull(error.type),
    code: textOrNull(error.code),
    param: textOrNull(error.param),
    stage: stage === 'input' || stage === 'output' ? stage : 'unknown',
    categories: listed.filter(category => typeof category === 'string'),
  }
}

function parseErrorBody(body: string): ErrorObject | null {
  try {
    return parseErrorObject(JSON.parse(body))
  } catch {
    return null
  }
}

function chooseKind(status: number, error: ErrorObject | null, body: string): FailureKind {
  if (status >= 500) {
    const isListed = NOT_RUN.some(entry => entry.status === status && entry.type === error?.type)
    return isListed ? 'unavailable' : 'unknown_outcome'
  }
  if (UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (error !== null && isModeration(error)) return 'content_rejected'
  if (isOurs(error?.message ?? body, error?.code ?? null)) return 'misconfigured'
  const byCode = error === null ? null : kindByCode(error)
  if (byCode !== null && byCode !== 'invalid_request') return byCode
  if (status === 429) return 'rate_limited'
  if (status === 402) return 'quota_exhausted'
  if (status === 401 || status === 403 || status === 405) return 'misconfigured'
  // A 404 that names no model is a wrong base URL.
  if (status === 404) return /\bmodel\b/i.test(error?.message ?? '') ? 'model_retired' : 'misconfigured'
  return 'invalid_request'
}

function kindByCode({ code, type }: ErrorObject): FailureKind | null {
  if (code === 'insufficient_quota' || type === 'insufficient_quota') return 'quota_exhausted'
  if (code === 'billing_hard_limit_reached') return 'quota_exhausted'
  if (code === 'rate_limit_exceeded') return 'rate_limited'
  if (code === 'model_not_found') return 'model_retired'
  if (code === 'invalid_api_key') return 'misconfigured'
  return type === 'invalid_request_error' ? 'invalid_request' : null
}

function isModeration({ code }: ErrorObject): boolean {
  return code === 'moderation_blocked' || code === 'content_policy_violation'
}

/** Refusals of the account or its region; they have been seen under 400 as well as 403. */
function isOurs(message: string, code: string | null): boolean {
  if (code === 'unsupported_country_region_territory') return true
  return /organization must be verified|country, region, or territory not supported/i.test(message)
}

function describeRejection(
  error: ErrorObject | null,
): Pick<ProviderFailure, 'categories'> & { stage: ErrorObject['stage'] } {
  return { stage: error?.stage ?? 'unknown', categories: error?.categories ?? [] }
}

function listViolations(message: string): string[] {
  const list = /safety_violations=\[([^\]]*)\]/.exec(message)?.[1] ?? ''
  return list
    .split(',')
    .map(category => category.trim())
    .filter(category => category !== '')
}

function nameField(param: string): string {
  return FIELD_WORDS[param] ?? param
}

function nameError({ type, code }: ErrorObject): string {
  return [type, code].filter(part => part !== null).join('/') || 'error'
}

function describe({ status, body }: ErrorAnswer, error: ErrorObject | null): string {
  if (error !== null) return `OpenAI answered ${status} ${nameError(error)}: ${error.message}`
  const words = body
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return `OpenAI answered ${status} without its error envelope: ${words === '' ? '(empty)' : words}`
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
