// What Replicate's refusals mean: answers outside 2xx, and the plain sentence of a prediction that failed. The vendor
// gives no code for the latter, so it is told by its words.
import { describeBody, isRecord, parseJsonOrNull, readRetryAfterMs, textOrNull } from '../hosted-call.ts'
import type { FailureKind, ProviderFailure } from '../provider.ts'

export type ErrorAnswer = { status: number; headers: Record<string, string>; text: string }

/**
 * Answers after a sent create that prove that no prediction was begun: the API's own 503, refused at its door, which
 * says `detail` and repeats its status. The same status with a page of HTML, or with JSON of another form, comes from
 * an intermediary and proves nothing.
 */
export const NOT_RUN: readonly { status: number; envelope: 'detail' }[] = [
  { status: 503, envelope: 'detail' },
]

// The delays are stated in whole seconds and rounded down ("resets in ~7s").
const DELAY_MARGIN_MS = 1_000
const KINDS: Record<number, FailureKind> = {
  401: 'misconfigured',
  402: 'quota_exhausted',
  403: 'misconfigured',
  405: 'misconfigured',
  408: 'unknown_outcome',
  409: 'unknown_outcome',
  429: 'rate_limited',
}

type Envelope = {
  title: string
  detail: string
  /** The status as a body with `detail` repeats it; null where it does not. */
  statedStatus: number | null
  retryAfterS: number | null
  fields: string[]
}

/** A create that was not answered with a prediction. */
export function classifyCreateAnswer(answer: ErrorAnswer): ProviderFailure {
  const envelope = parseEnvelope(answer.text)
  const failure = chooseKind(answer.status, envelope)
  const message = describe(answer, envelope)
  if (failure === 'rate_limited')
    return { kind: 'failed', failure, message, ...describeDelay(answer, envelope) }
  if (failure === 'unavailable') return { kind: 'failed', failure, message, overloaded: true }
  const field = failure === 'invalid_request' ? findField(envelope) : null
  return { kind: 'failed', failure, message, ...(field === null ? {} : { field }) }
}

/** A read of a task that was not answered with a prediction: the core reads again, save where the task is gone. */
export function classifyReadAnswer(answer: ErrorAnswer): ProviderFailure {
  const envelope = parseEnvelope(answer.text)
  const message = describe(answer, envelope)
  if (answer.status === 401 || answer.status === 403)
    return { kind: 'failed', failure: 'misconfigured', message }
  if (answer.status === 429)
    return { kind: 'failed', failure: 'rate_limited', message, ...describeDelay(answer, envelope) }
  const isGone = envelope !== null && (answer.status === 404 || answer.status === 410)
  return { kind: 'failed', failure: isGone ? 'unknown_outcome' : 'unavailable', message }
}

/** An upload that failed: the prediction it was for had not been created. */
export function classifyUploadAnswer(answer: ErrorAnswer): ProviderFailure {
  const failure = classifyCreateAnswer(answer)
  if (failure.failure === 'model_retired') return { ...failure, failure: 'misconfigured' }
  if (failure.failure !== 'unknown_outcome') return failure
  return { ...failure, failure: 'unavailable', ...(answer.status >= 500 ? { overloaded: true } : {}) }
}

type Sentence = { says: RegExp; failure: FailureKind; stage?: 'output' | 'unknown' }

/**
 * The first that matches counts. The vendor had taken the work on, so nothing here is `unavailable`: a prediction that
 * failed is never bought again by itself.
 */
const SENTENCES: readonly Sentence[] = [
  { says: /NSFW content/i, failure: 'content_rejected', stage: 'output' },
  { says: /flagged as sensitive|\(E005\)/i, failure: 'content_rejected', stage: 'unknown' },
  { says: /Input validation error|\(E006\)/i, failure: 'invalid_request' },
]

/** What the sentence of a failed prediction means; no sentence is an upstream failure like an unknown one. */
export function classifySentence(error: string | null): ProviderFailure {
  const message = `Replicate's prediction failed: ${error ?? '(no reason given)'}`
  const found = SENTENCES.find(({ says }) => says.test(error ?? ''))
  if (found === undefined) return { kind: 'failed', failure: 'upstream_failed', message }
  const { failure, stage } = found
  if (failure === 'content_rejected') return { kind: 'failed', failure, message, stage: stage ?? 'unknown' }
  return { kind: 'failed', failure, message, ...(failure === 'invalid_request' ? { accepted: true } : {}) }
}

function chooseKind(status: number, envelope: Envelope | null): FailureKind {
  if (NOT_RUN.some(entry => entry.status === status) && envelope?.statedStatus === status)
    return 'unavailable'
  const known = KINDS[status]
  if (known !== undefined) return known
  if (status >= 500) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  // Without the vendor's envelope it is the address that is wrong, not the model that is gone.
  if (status === 404) return envelope === null ? 'misconfigured' : 'model_retired'
  return envelope !== null && isVersionGone(envelope) ? 'model_retired' : 'invalid_request'
}

function isVersionGone({ title, detail }: Envelope): boolean {
  return /invalid version|version does not exist/i.test(`${title} ${detail}`)
}

/** In the header, in the body, or in prose; none is told to the core as none. */
function describeDelay({ headers }: ErrorAnswer, envelope: Envelope | null): { retryAfterMs?: number } {
  const inBody = envelope?.retryAfterS ?? null
  const inProse = /resets in ~?\s*(\d{1,6}(?:\.\d+)?)\s*s/i.exec(envelope?.detail ?? '')?.[1]
  const statedMs =
    readRetryAfterMs(headers) ??
    (inBody === null ? null : inBody * 1000) ??
    (inProse === undefined ? null : Number(inProse) * 1000)
  return statedMs === null ? {} : { retryAfterMs: Math.ceil(statedMs) + DELAY_MARGIN_MS }
}

// What the inputs are called in core words. Longer names come first.
const FIELDS: readonly [RegExp, string][] = [
  [/negative_prompt/, 'negativePrompt'],
  [/image_input|input_images?|image_prompt|\bimage\b/, 'references'],
  [/\bmask\b/, 'mask'],
  [/aspect_ratio/, 'aspectRatio'],
  [/resolution|image_size|megapixels|\bsize\b/, 'resolution'],
  [/\bwidth\b|\bheight\b/, 'size'],
  [/num_outputs|max_images/, 'count'],
  [/output_format/, 'outputFormat'],
  [/output_quality/, 'outputCompression'],
  [/\bseed\b/, 'seed'],
  [/\bprompt\b/, 'prompt'],
]

function findField(envelope: Envelope | null): string | null {
  for (const place of [...(envelope?.fields ?? []), envelope?.detail ?? '']) {
    const found = FIELDS.find(([pattern]) => pattern.test(place))
    if (found !== undefined) return found[1]
  }
  return null
}

/** `detail` is always there; older answers say `error` instead. */
function parseEnvelope(text: string): Envelope | null {
  const body = parseJsonOrNull(text)
  if (!isRecord(body)) return null
  const detail = textOrNull(body.detail) ?? textOrNull(body.error)
  if (detail === null) return null
  const fields = Array.isArray(body.invalid_fields) ? body.invalid_fields : []
  const seconds = Number(body.retry_after ?? Number.NaN)
  return {
    title: textOrNull(body.title) ?? '',
    detail,
    statedStatus: textOrNull(body.detail) !== null && typeof body.status === 'number' ? body.status : null,
    retryAfterS: Number.isFinite(seconds) && seconds >= 0 ? seconds : null,
    fields: fields.flatMap(field => (isRecord(field) ? [textOrNull(field.field) ?? ''] : [])),
  }
}

function describe({ status, text }: ErrorAnswer, envelope: Envelope | null): string {
  if (envelope === null) return `Replicate answered ${status} without its envelope: ${describeBody(text)}`
  return `Replicate answered ${status} ${[envelope.title, envelope.detail.trim()].filter(Boolean).join(': ')}`
}
