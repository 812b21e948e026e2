// The vendor's answers outside 2xx, word for word where they are known.
import type { Answer, Refusal } from '../faults.ts'
import { type Directives, readNumber } from '../upstream.ts'

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [JSON.stringify(value)],
  }
}

export function refuse(status: number, detail: string, title?: string): Answer {
  return jsonAnswer(status, { ...(title === undefined ? {} : { title }), detail, status })
}

export const unauthenticated = refuse(401, 'You did not pass a valid authentication token', 'Unauthenticated')
export const notFound = refuse(404, 'The requested resource could not be found.')
export const invalidVersion = refuse(
  422,
  "The specified version does not exist (or perhaps you don't have permission to use it?)",
  'Invalid version or not permitted',
)

export type InvalidField = { type: string; field: string; description: string }

export function refuseInputs(fields: InvalidField[]): Answer {
  const detail = fields.map(({ field, description }) => `- ${field}: ${description}\n`).join('')
  return jsonAnswer(422, { detail, status: 422, title: 'Input validation failed', invalid_fields: fields })
}

/** The refusal that the directives ask for. */
export function findRefusal(directives: Directives): Refusal | null {
  const answer = findAnswer(directives)
  return answer === null ? null : { answer, late: false }
}

function findAnswer(directives: Directives): Answer | null {
  if (directives.has('rate_limit')) return throttle(directives)
  if (directives.has('wrong_key')) return unauthenticated
  if (directives.has('retired')) return notFound
  if (directives.has('invalid_version')) return invalidVersion
  if (directives.has('error_500')) return refuse(500, 'Internal server error', 'Internal server error')
  if (directives.has('conflict_409')) return refuse(409, 'The request conflicts with another.', 'Conflict')
  if (directives.has('overloaded'))
    return refuse(503, 'Service temporarily overloaded.', 'Service Unavailable')
  if (!directives.has('quota')) return null
  return refuse(
    402,
    'You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase credit. Once you purchase credit, please wait a few minutes before trying again.',
    'Insufficient credit',
  )
}

export function throttle(directives: Directives): Answer {
  const seconds = readNumber(directives, 'delay', 7)
  const place = directives.get('rate_limit') || 'prose'
  const prose = `Request was throttled. Your rate limit resets in ~${seconds}s.`
  if (place === 'header') {
    return jsonAnswer(429, { detail: 'Request was throttled.' }, { 'retry-after': String(seconds) })
  }
  if (place === 'body') {
    return jsonAnswer(429, { detail: 'Request was throttled.', status: 429, retry_after: seconds })
  }
  if (place === 'none') return jsonAnswer(429, { detail: 'Request was throttled.' })
  if (place === 'low_credit') {
    const detail = `Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1 requests while you have less than $5.0 in credit. Your rate limit resets in ~${seconds}s.`
    return jsonAnswer(429, { title: 'Too many requests', detail, status: 429, retry_after: seconds })
  }
  return jsonAnswer(429, { detail: prose })
}

const sentences: Record<string, string> = {
  sensitive: 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)',
  input_error: 'Input validation error: the image is too large (E006)',
  spend_limit: 'Monthly spend limit reached. Please raise your limit. (monthly spend limit reached)',
  high_demand: 'Service is currently unavailable due to high demand. Please try again later. (E003)',
  unavailable: 'The service is temporarily unavailable. Please try again later. (E004)',
  interrupted: 'Prediction interrupted; please retry (code: PA)',
  director: 'Director: unexpected error handling prediction (E9828)',
  start_timeout: 'The model took too long to start (E6716)',
  out_of_memory: 'CUDA out of memory (E1001)',
  unknown_code: 'Unknown error (E1000)',
  empty_webhook: 'Empty webhook URL (E4875)',
  strange_failure: 'The flux capacitor has drifted',
}

/** The sentence of a prediction that the directives let fail; null = it does not; '' = it fails without one. */
export function findSentence(directives: Directives): string | null {
  const sentence = findPlainSentence(directives)
  if (sentence === null || !directives.has('wrapped')) return sentence
  return `Prediction failed: Async prediction failed: ModelError: ${sentence} (k7x2m9q4w1)`
}

function findPlainSentence(directives: Directives): string | null {
  if (directives.get('nsfw') === 'sdxl')
    return 'NSFW content detected. Try running it again, or try a different prompt.'
  if (directives.has('nsfw') || directives.get('fewer') === '0') {
    return 'All generated images contained NSFW content. Try running it again with a different prompt.'
  }
  if (directives.has('silent_failure')) return ''
  for (const [name, sentence] of Object.entries(sentences)) if (directives.has(name)) return sentence
  return null
}
