// What the refusals of Black Forest Labs mean: `{"detail": "words"}` or `{"detail": [{"loc": ["body", "width"], …}]}`.
import { describeBody, isRecord, parseJsonOrNull, readRetryAfterMs } from '../hosted-call.ts'
import type { FailureKind, ProviderFailure } from '../provider.ts'

export type ErrorAnswer = { status: number; headers: Record<string, string>; text: string }

/** What is wrong with one field; words alone have no place. */
type Detail = { place: string[]; message: string }

/** Answers after a sent create that prove that no work was begun: the vendor documents none. */
export const NOT_RUN: readonly { status: number; detail: string }[] = []

// Statuses by which the vendor or an intermediary may hide work that ran.
const UNKNOWN_STATUSES = [408, 409]
const FIELD_WORDS: Record<string, string> = {
  aspect_ratio: 'aspectRatio',
  output_format: 'outputFormat',
  width: 'size',
  height: 'size',
  image: 'references',
  image_prompt: 'references',
}

/** Classifies an answer outside 2xx to a create. */
export function classifyErrorAnswer(answer: ErrorAnswer): ProviderFailure {
  const details = readDetails(answer.text)
  const failure = chooseKind(answer.status, details)
  // None is documented for a 429; it is read all the same.
  const retryAfterMs = failure === 'rate_limited' ? readRetryAfterMs(answer.headers) : null
  const field = failure === 'invalid_request' ? findField(details) : null
  return {
    kind: 'failed',
    failure,
    message: describe(answer, details),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(field === null ? {} : { field }),
  }
}

/** An answer outside 2xx to a poll says nothing about the task: it is read again, at the latest when it is paid for. */
export function classifyReadError(answer: ErrorAnswer): ProviderFailure {
  const { message } = classifyErrorAnswer(answer)
  const retryAfterMs = readRetryAfterMs(answer.headers)
  const failure: FailureKind =
    answer.status === 429
      ? 'rate_limited'
      : answer.status === 401 || answer.status === 403
        ? 'misconfigured'
        : 'unavailable'
  return { kind: 'failed', failure, message, ...(retryAfterMs === null ? {} : { retryAfterMs }) }
}

function chooseKind(status: number, details: Detail[] | null): FailureKind {
  if (status >= 500) {
    const isListed = NOT_RUN.some(each => each.status === status && each.detail === details?.[0]?.message)
    return isListed ? 'unavailable' : 'unknown_outcome'
  }
  if (UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (status === 429) return 'rate_limited'
  if (status === 402) return 'quota_exhausted'
  if (status === 401 || status === 403 || status === 405) return 'misconfigured'
  // Without the vendor's envelope it is the address that is wrong, not the model that is gone.
  if (status === 404) return details === null ? 'misconfigured' : 'model_retired'
  return 'invalid_request'
}

function readDetails(text: string): Detail[] | null {
  const value = parseJsonOrNull(text)
  const detail = isRecord(value) ? value.detail : undefined
  if (typeof detail === 'string') return [{ place: [], message: detail }]
  if (!Array.isArray(detail)) return null
  return detail.filter(isRecord).map(({ loc, msg }) => ({
    place: Array.isArray(loc) ? loc.map(String) : [],
    message: typeof msg === 'string' ? msg : '',
  }))
}

function findField(details: Detail[] | null): string | null {
  const name = details?.[0]?.place.at(-1)
  if (name === undefined) return null
  return /^input_image(_\d+)?$/.test(name) ? 'references' : (FIELD_WORDS[name] ?? name)
}

function describe({ status, text }: ErrorAnswer, details: Detail[] | null): string {
  if (details === null) {
    return `Black Forest Labs answered ${status} without its error envelope: ${describeBody(text)}`
  }
  const words = details.map(({ place, message }) => [place.join('.'), message].filter(Boolean).join(': '))
  return `Black Forest Labs answered ${status}: ${words.join('; ')}`
}
