// The vendor's refusals, in its envelope.
import type { Answer, Refusal } from '../faults.ts'
import type { Directives } from '../upstream.ts'

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [JSON.stringify(value)],
  }
}

/** Words, or a list of what is wrong with which field. */
export function say(status: number, detail: unknown, headers: Record<string, string> = {}): Answer {
  return jsonAnswer(status, { detail }, headers)
}

export function refuseField(field: string, msg: string, input: unknown): Answer {
  return say(422, [{ type: 'value_error', loc: ['body', field], msg, input: input ?? null }])
}

/** The refusal that the directives ask for; null = the work goes ahead. */
export function findRefusal(directives: Directives, apiKey: string): Refusal | null {
  const delay = directives.get('rate_limit')
  const answers: Record<string, () => Answer> = {
    quota: () => say(402, 'Insufficient credits. Buy more at https://dashboard.bfl.ai.'),
    rate_limit: () => say(429, 'Rate limit exceeded.', delay ? { 'retry-after': delay } : {}),
    wrong_key: () => say(403, `Not authenticated: ${apiKey}`),
    retired: () => say(404, 'Not Found'),
    invalid: () => refuseField('height', 'Input should be a multiple of 16', 1000),
    invalid_text: () => say(400, 'The input image cannot be read.'),
    error_500: () => say(500, 'Internal Server Error'),
    error_503: () => say(503, 'Service Unavailable'),
    conflict_409: () => say(409, 'Conflict'),
  }
  const name = Object.keys(answers).find(known => directives.has(known))
  const answer = name === undefined ? undefined : answers[name]?.()
  return answer === undefined ? null : { answer, late: false }
}
