// The emulated getimg's error answers: `{"error":{…}}`, or the members at the top, which has been reported too.
import type { Answer, Refusal } from '../faults.ts'
import { type Directives, readNumber } from '../upstream.ts'

export type GetimgError = { message: string; code: string | null; param?: string | null }

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [JSON.stringify(value)],
  }
}

/** All five members, as documented. */
export function refuse(status: number, { message, code, param = null }: GetimgError): Answer {
  const type = 'invalid_request_error'
  return jsonAnswer(status, { error: { message, type, param, code, doc_url: null } })
}

export function refuseKey(given: string): Answer {
  return refuse(401, {
    message: `Incorrect API key provided: ${given}. You can manage your API keys in the dashboard.`,
    code: 'invalid_api_key',
  })
}

/** A directive's refusal, with the envelope it asks for. */
export function findRefusal(directives: Directives, context: { apiKey: string }): Refusal | null {
  const answer = findAnswer(directives, context)
  if (answer === null) return null
  return { answer: directives.has('flat_error') ? flatten(answer) : answer, late: false }
}

function flatten(answer: Answer): Answer {
  const parsed = JSON.parse(String(answer.body[0])) as { error?: unknown }
  return { ...answer, body: [JSON.stringify(parsed.error ?? parsed)] }
}

function findAnswer(directives: Directives, { apiKey }: { apiKey: string }): Answer | null {
  if (directives.has('moderation')) {
    const message = 'Your prompt or reference image was flagged by our content policy.'
    return refuse(422, { message, code: 'content_policy_violation' })
  }
  if (directives.has('moderation_words')) {
    const message = 'The request was rejected by the safety system.'
    return refuse(readNumber(directives, 'moderation_words', 400), { message, code: null })
  }
  if (directives.has('rate_limit')) return refuseRate(directives)
  if (directives.has('concurrency')) {
    return jsonAnswer(429, { error: { message: 'Too many concurrent requests.', code: 'rate_limit' } })
  }
  if (directives.has('quota')) {
    return refuse(402, { message: 'Insufficient balance: $0.01 left.', code: 'quota_exceeded' })
  }
  if (directives.has('invalid')) {
    const param = directives.get('invalid') || 'aspect_ratio'
    return refuse(400, { message: `Invalid value for ${param}.`, code: 'invalid_parameter', param })
  }
  if (directives.has('unknown_model')) {
    const problem = { message: 'Invalid model.', code: 'invalid_parameter', param: 'model' }
    return refuse(readNumber(directives, 'unknown_model', 400), problem)
  }
  return findPlainAnswer(directives, apiKey)
}

function findPlainAnswer(directives: Directives, apiKey: string): Answer | null {
  if (directives.has('retired')) return refuse(404, { message: 'Model not found.', code: 'not_found' })
  if (directives.has('wrong_key')) return refuseKey(apiKey)
  if (directives.has('forbidden')) return refuse(403, { message: 'Not allowed.', code: null })
  const serverError = { message: 'Something went wrong.', code: 'server_error' }
  if (directives.has('server_error')) return refuse(500, serverError)
  if (directives.has('overloaded')) return refuse(503, serverError)
  if (directives.has('conflict')) return refuse(409, { message: 'Conflict.', code: null })
  return null
}

function refuseRate(directives: Directives): Answer {
  const seconds = readNumber(directives, 'delay', 3)
  const answer = refuse(429, { message: 'Rate limit exceeded.', code: 'rate_limit' })
  const place = directives.get('rate_limit') || 'header'
  const reset = Math.floor(Date.now() / 1000) + seconds
  if (place === 'none') return { ...answer, headers: { ...answer.headers, 'x-ratelimit-reset': '' } }
  const headers = { ...answer.headers, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) }
  return { ...answer, headers: place === 'reset' ? headers : { ...headers, 'retry-after': String(seconds) } }
}
