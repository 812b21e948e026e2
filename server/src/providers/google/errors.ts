// Reads Gemini's error answers. Only what is listed in NOT_RUN, and a 429, may ever claim that nothing was made:
// the core sends those again, and a create that did run would be paid for twice.
import { z } from 'zod'
import type { FailureKind, ProviderFailure } from '../provider.ts'

/** Answers that prove the create was refused unrun. Everything else that looks temporary is unknown. */
export const NOT_RUN: readonly { httpStatus: number; status: string }[] = [
  // Documented overload ("The model is overloaded. Please try again later."): turned away before a model ran.
  // The vendor's own envelope is required, because an intermediary's 503 says nothing about the model.
  { httpStatus: 503, status: 'UNAVAILABLE' },
]

/** An error answer as it came: body cut at a few kilobytes, header names in lower case. */
export type ErrorAnswer = { httpStatus: number; headers: Record<string, string>; text: string }

const text = z.string().nullable().catch(null)
const detailSchema = z
  .object({
    reason: text,
    retryDelay: text,
    violations: z.array(z.object({ quotaId: text }).catch({ quotaId: null })).catch([]),
    fieldViolations: z.array(z.object({ field: text }).catch({ field: null })).catch([]),
  })
  .catch({ reason: null, retryDelay: null, violations: [], fieldViolations: [] })
const envelopeSchema = z.object({
  error: z.object({
    status: z.string(),
    message: z.string().catch(''),
    details: z.array(detailSchema).catch([]),
  }),
})
type Envelope = z.infer<typeof envelopeSchema>['error']

// Statuses whose meaning does not hang on the envelope. 408, 409, 499, 500, 502 and 504 are left out on purpose:
// once the request was sent they prove nothing, so they fall through to unknown_outcome.
const KINDS: Record<number, FailureKind> = {
  401: 'misconfigured',
  403: 'misconfigured',
  501: 'misconfigured',
}
const UNKNOWN_STATUSES: readonly number[] = [408, 409, 499]

/** Classifies an answer outside 2xx. */
export function classifyErrorAnswer(answer: ErrorAnswer): ProviderFailure {
  const envelope = parseEnvelope(answer.text)
  const message = describeError(answer, envelope)
  if (answer.httpStatus === 429) return classifyTooMany(answer, { envelope, message })
  const failure = chooseKind(answer.httpStatus, envelope)
  if (failure === 'unavailable') {
    return { kind: 'failed', failure, message, overloaded: true, ...describeDelay(answer, envelope) }
  }
  if (failure === 'model_retired' && envelope !== null && isGone(envelope))
    return { kind: 'failed', failure, message, gone: true }
  const field = failure === 'invalid_request' && envelope !== null ? findField(envelope) : null
  return field === null ? { kind: 'failed', failure, message } : { kind: 'failed', failure, message, field }
}

function chooseKind(httpStatus: number, envelope: Envelope | null): FailureKind {
  const listed = NOT_RUN.some(entry => entry.httpStatus === httpStatus && entry.status === envelope?.status)
  if (listed) return 'unavailable'
  const known = KINDS[httpStatus]
  if (known !== undefined) return known
  if (httpStatus >= 500 || UNKNOWN_STATUSES.includes(httpStatus)) return 'unknown_outcome'
  // A redirect is never followed: the key would go to an address nobody configured.
  if (httpStatus < 400) return 'malformed_response'
  // Without the vendor's envelope it is the address that is wrong, not the model that is gone.
  if (httpStatus === 404) return envelope === null ? 'misconfigured' : 'model_retired'
  return envelope !== null && isOurFault(envelope) ? 'misconfigured' : 'invalid_request'
}

/** The vendor's two sentences: the code alone stands for everything that it does not find, such as an address. */
const GONE = /^models\/\S+ is not found for API version|^this model .*is no longer available to new users/i

function isGone({ status, message }: Envelope): boolean {
  return status === 'NOT_FOUND' && GONE.test(message)
}

function isOurFault(envelope: Envelope): boolean {
  if (envelope.status === 'FAILED_PRECONDITION') return true
  if (envelope.details.some(detail => detail.reason === 'API_KEY_INVALID')) return true
  // A wrong key is a 400 here; older answers carry the sentence without the reason.
  return /^api key (not valid|not found|expired)/i.test(envelope.message)
}

function classifyTooMany(
  answer: ErrorAnswer,
  parsed: { envelope: Envelope | null; message: string },
): ProviderFailure {
  const details = parsed.envelope?.details ?? []
  const quotaIds = details.flatMap(detail => detail.violations.map(violation => violation.quotaId ?? ''))
  // The stated delay is misleading on a daily quota: it heals at midnight Pacific time, not in seconds.
  if (quotaIds.some(id => id.includes('PerDay'))) {
    return { kind: 'failed', failure: 'quota_exhausted', message: parsed.message }
  }
  const delay = describeDelay(answer, parsed.envelope)
  return { kind: 'failed', failure: 'rate_limited', message: parsed.message, ...delay }
}

/** The delay the upstream asks for: in its details, else in the header, else none. */
function describeDelay(answer: ErrorAnswer, envelope: Envelope | null): { retryAfterMs?: number } {
  const details = envelope?.details ?? []
  const stated = details.map(detail => parseDurationMs(detail.retryDelay)).find(delayMs => delayMs !== null)
  const retryAfterMs = stated ?? parseRetryAfterMs(answer.headers)
  return retryAfterMs === null ? {} : { retryAfterMs }
}

/** Milliseconds of a protobuf duration such as `34s` or `600.5s`, rounded up; null when it is none. */
export function parseDurationMs(duration: string | null): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(duration ?? '')
  return match === null ? null : Math.ceil(Number(match[1]) * 1000)
}

/** Milliseconds of a Retry-After header, seconds or date; a date counts from the answer's own Date header. */
export function parseRetryAfterMs(headers: Record<string, string>): number | null {
  const value = headers['retry-after']?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const delayMs = Date.parse(value) - Date.parse(headers.date ?? '')
  return Number.isFinite(delayMs) && delayMs >= 0 ? delayMs : null
}

// What the upstream calls a field, and what the core calls it. The longer names come first.
const FIELDS: readonly [RegExp, string][] = [
  [/aspect_?ratio/i, 'aspectRatio'],
  [/image_?size/i, 'resolution'],
  [/thinking/i, 'thinkingLevel'],
  [/inline_?data|file_?data|mime_?type/i, 'references'],
  [/\bseed\b/i, 'seed'],
  [/\bcontents?\b/i, 'prompt'],
]

function findField(envelope: Envelope): string | null {
  const named = envelope.details.flatMap(detail =>
    detail.fieldViolations.map(violation => violation.field ?? ''),
  )
  for (const place of [...named, envelope.message]) {
    const found = FIELDS.find(([pattern]) => pattern.test(place))
    if (found !== undefined) return found[1]
  }
  return null
}

function parseEnvelope(body: string): Envelope | null {
  try {
    const parsed: unknown = JSON.parse(body)
    // Some front ends wrap the envelope in an array of one.
    const result = envelopeSchema.safeParse(Array.isArray(parsed) ? parsed[0] : parsed)
    return result.success ? result.data.error : null
  } catch {
    return null
  }
}

function describeError(answer: ErrorAnswer, envelope: Envelope | null): string {
  const words =
    envelope === null ? answer.text.replace(/\s+/g, ' ') : `${envelope.status}: ${envelope.message}`
  return `Gemini answered ${answer.httpStatus} ${words.trim() || 'with an empty body'}`
}
