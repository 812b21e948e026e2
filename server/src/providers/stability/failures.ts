// What Stability's refusals mean: `{"id":"…","name":"bad_request","errors":["prompt: cannot be blank"]}`.
import { describeBody, isRecord, parseJsonOrNull, readRetryAfterMs, textOrNull } from '../hosted-call.ts'
import { type FailureKind, noUsage, type ProviderFailure } from '../provider.ts'

export type ErrorAnswer = { status: number; headers: Record<string, string>; text: string }

type Envelope = { id: string | null; name: string; errors: string[] }

/** Answers after a sent create that prove that no work was begun: the vendor documents none. */
export const NOT_RUN: readonly { status: number; name: string }[] = []

// Statuses by which the vendor or an intermediary may hide work that ran.
const UNKNOWN_STATUSES = [408, 409]
// Above 150 requests in 10 seconds the vendor refuses everything for this long.
const LOCK_MS = 60_000
const FIELD_WORDS: Record<string, string> = {
  aspect_ratio: 'aspectRatio',
  negative_prompt: 'negativePrompt',
  output_format: 'outputFormat',
  image: 'references',
  strength: 'references',
}

/** Classifies an answer outside 2xx. */
export function classifyErrorAnswer(answer: ErrorAnswer): ProviderFailure {
  const envelope = readEnvelope(answer.text)
  const failure = chooseKind(answer.status, envelope)
  const field = failure === 'invalid_request' ? findField(envelope) : null
  return {
    kind: 'failed',
    failure,
    message: describe(answer, envelope),
    ...(failure === 'rate_limited' ? { retryAfterMs: readRetryAfterMs(answer.headers) ?? LOCK_MS } : {}),
    ...(failure === 'content_rejected' ? { stage: 'input', categories: [] } : {}),
    ...(field === null ? {} : { field }),
    usage: { ...noUsage, upstreamRequestId: envelope?.id ?? answer.headers['x-request-id'] ?? null },
  }
}

function chooseKind(status: number, envelope: Envelope | null): FailureKind {
  if (status >= 500) {
    const isListed = NOT_RUN.some(each => each.status === status && each.name === envelope?.name)
    return isListed ? 'unavailable' : 'unknown_outcome'
  }
  if (UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  // "Your request was denied and you were not charged."
  if (envelope?.name === 'content_moderation') return 'content_rejected'
  if (status === 429) return 'rate_limited'
  if (status === 402) return 'quota_exhausted'
  if (status === 401 || status === 403 || status === 405) return 'misconfigured'
  // Without the vendor's envelope it is the address that is wrong, not the model that is gone.
  if (status === 404) return envelope === null ? 'misconfigured' : 'model_retired'
  return 'invalid_request'
}

function readEnvelope(text: string): Envelope | null {
  const value = parseJsonOrNull(text)
  if (!isRecord(value) || typeof value.name !== 'string') return null
  const errors = Array.isArray(value.errors) ? value.errors.filter(error => typeof error === 'string') : []
  return { id: textOrNull(value.id), name: value.name, errors }
}

/** Each error begins with the field's name and a colon. */
function findField(envelope: Envelope | null): string | null {
  const name = /^([a-z_]+):/.exec(envelope?.errors[0] ?? '')?.[1]
  return name === undefined ? null : (FIELD_WORDS[name] ?? name)
}

function describe({ status, text }: ErrorAnswer, envelope: Envelope | null): string {
  return envelope === null
    ? `Stability answered ${status} without its error envelope: ${describeBody(text)}`
    : `Stability answered ${status} ${envelope.name}: ${envelope.errors.join('; ')}`
}
