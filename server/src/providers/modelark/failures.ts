// What ModelArk's refusals mean: `{"error":{"code":"…","message":"…","param":"…","type":"…"}}`, and the same object
// in place of a picture inside a 200.
import { describeBody, isRecord, parseJsonOrNull, readRetryAfterMs, textOrNull } from '../hosted-call.ts'
import type { FailureKind, ProviderFailure } from '../provider.ts'

export type ErrorAnswer = { status: number; headers: Record<string, string>; text: string }

export type ErrorObject = { code: string; message: string; param: string | null }

/** Answers after a sent create that prove that no work was begun: the vendor documents none. */
export const NOT_RUN: readonly { status: number; code: string }[] = []

// Statuses by which the vendor or an intermediary may hide work that ran.
const UNKNOWN_STATUSES = [408, 409]
const FIELD_WORDS: Record<string, string> = {
  image: 'references',
  output_format: 'outputFormat',
  'sequential_image_generation_options.max_images': 'count',
}

/** Classifies an answer outside 2xx. */
export function classifyErrorAnswer(answer: ErrorAnswer): ProviderFailure {
  const error = readError(parseJsonOrNull(answer.text))
  const failure = chooseKind(answer.status, error)
  const retryAfterMs = failure === 'rate_limited' ? readRetryAfterMs(answer.headers) : null
  return {
    kind: 'failed',
    failure,
    message:
      error === null
        ? `ModelArk answered ${answer.status} without its error envelope: ${describeBody(answer.text)}`
        : `ModelArk answered ${answer.status} ${describeError(error)}`,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(failure === 'content_rejected' && error !== null ? describeRejection(error) : {}),
    ...(failure === 'invalid_request' && error?.param
      ? { field: FIELD_WORDS[error.param] ?? error.param }
      : {}),
  }
}

/** Reads `{"error":{…}}`; null when the value is something else. */
export function readError(value: unknown): ErrorObject | null {
  const error = isRecord(value) ? value.error : undefined
  if (!isRecord(error)) return null
  return {
    code: textOrNull(error.code) ?? '',
    message: textOrNull(error.message) ?? '',
    param: textOrNull(error.param),
  }
}

export function describeError({ code, message }: ErrorObject): string {
  return `${code}: ${message}`
}

export function isSensitive({ code }: ErrorObject): boolean {
  return code.includes('SensitiveContentDetected')
}

/** `OutputImageSensitiveContentDetected.PolicyViolation`: which side, and what behind the dot was found. */
export function describeRejection({ code }: ErrorObject): {
  stage: 'input' | 'output'
  categories: string[]
} {
  const category = /Detected\.(\w+)/.exec(code)?.[1]
  return {
    // Without a prefix it is the text that was given.
    stage: code.startsWith('Output') ? 'output' : 'input',
    categories: category === undefined ? [] : [category],
  }
}

function chooseKind(status: number, error: ErrorObject | null): FailureKind {
  const code = error?.code ?? ''
  if (status >= 500) {
    return NOT_RUN.some(each => each.status === status && each.code === code)
      ? 'unavailable'
      : 'unknown_outcome'
  }
  if (UNKNOWN_STATUSES.includes(status)) return 'unknown_outcome'
  // A redirect is not followed: the key must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (error !== null && isSensitive(error)) return 'content_rejected'
  if (status === 402 || (status !== 400 && /quota|balance|overdue/i.test(code))) return 'quota_exhausted'
  if (status === 429) return 'rate_limited'
  // The account's own endpoint is closed: nothing about the order.
  if (code.startsWith('InvalidEndpoint.')) return 'misconfigured'
  if (status === 401 || status === 403 || status === 405) return 'misconfigured'
  // Without the vendor's envelope it is the address that is wrong. A model not opened for the account is ours too.
  if (status === 404) return error === null || code === 'ModelNotOpen' ? 'misconfigured' : 'model_retired'
  return 'invalid_request'
}
