// The emulated fal's error answers. `detail` comes as an array, an object or a string, or there is only a `message`.
import type { Answer, Refusal } from '../faults.ts'
import { type Directives, readNumber } from '../upstream.ts'

export type Problem = { msg: string; type: string; loc?: string[]; input?: unknown }

const lockedText =
  'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.'
const policyText =
  'The content could not be processed because it contained material flagged by a content checker.'

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [JSON.stringify(value)],
  }
}

/** The gateway's own refusals have words alone. */
export function say(status: number, detail: string, more: Record<string, unknown> = {}): Answer {
  return jsonAnswer(status, { detail, ...more })
}

export function refuseKey(given: string): Answer {
  const words =
    given === '' ? 'Authentication is required to access this application.' : `No user found for Key ${given}`
  return say(401, words)
}

/** A model's refusal, in the form that the directives ask for. */
export function describeProblem(status: number, problem: Problem, directives: Directives): Answer {
  const headers = { 'x-fal-error-type': problem.type, 'x-fal-retryable': 'false' }
  if (directives.has('message_only')) return jsonAnswer(status, { message: problem.msg }, headers)
  const entry = {
    loc: problem.loc ?? [],
    msg: problem.msg,
    type: problem.type,
    url: 'https://docs.fal.ai/errors',
  }
  const whole = problem.input === undefined ? entry : { ...entry, input: problem.input }
  const form = directives.get('detail')
  const detail = form === 'string' ? problem.msg : form === 'object' ? whole : [whole]
  return jsonAnswer(status, { detail }, headers)
}

/** What the submit is refused with. */
export function findSubmitRefusal(
  directives: Directives,
  { apiKey, prompt }: { apiKey: string; prompt: string },
): Refusal | null {
  const answer = findSubmitAnswer(directives, { apiKey, prompt })
  return answer === null ? null : { answer, late: false }
}

function findSubmitAnswer(
  directives: Directives,
  { apiKey, prompt }: { apiKey: string; prompt: string },
): Answer | null {
  if (directives.has('rate_limit')) {
    const seconds = directives.get('retry_after')
    const answer = say(429, 'Too many requests. Please slow down.')
    return seconds === undefined
      ? answer
      : { ...answer, headers: { ...answer.headers, 'retry-after': seconds } }
  }
  if (directives.has('quota')) return say(403, lockedText)
  if (directives.has('forbidden')) return say(403, 'Access denied to this application.')
  if (directives.has('wrong_key')) return refuseKey(apiKey)
  if (directives.has('retired')) return say(404, 'Application not found.')
  if (directives.has('invalid')) {
    const field = directives.get('invalid') || 'image_size'
    const problem = { loc: ['body', field], msg: 'Input should be valid', type: 'value_error', input: prompt }
    return describeProblem(422, problem, directives)
  }
  if (directives.has('content_at_submit')) return refuseContent(directives, prompt)
  if (directives.has('no_runner'))
    return say(503, 'No runner could be scheduled.', { error_type: 'runner_scheduling_failure' })
  if (directives.has('gateway_504'))
    return say(504, 'The runner did not start in time.', { error_type: 'startup_timeout' })
  return directives.has('server_error') ? say(500, 'Internal server error.') : null
}

function refuseContent(directives: Directives, prompt: string): Answer {
  const place = directives.get('content')
  const loc = place === 'nowhere' ? [] : ['body', place === 'image' ? 'image_urls' : 'prompt']
  const problem = { loc, msg: policyText, type: 'content_policy_violation', input: prompt }
  return describeProblem(422, problem, directives)
}

/** How a job ends that makes no pictures: the answer at the result's address; null = it succeeds. */
export function findResultError(directives: Directives, prompt: string): Answer | null {
  if (directives.has('content')) return refuseContent(directives, prompt)
  if (directives.has('invalid_result')) {
    const problem = {
      loc: ['body', 'image_size'],
      msg: 'Unsupported size',
      type: 'value_error',
      input: prompt,
    }
    return describeProblem(422, problem, directives)
  }
  if (directives.has('failed')) {
    const problem = { msg: 'The model failed.', type: 'internal_server_error' }
    return describeProblem(readNumber(directives, 'failed', 500), problem, directives)
  }
  if (directives.has('disconnected'))
    return say(503, 'The runner went away.', { error_type: 'runner_disconnected' })
  const timeout = directives.get('timeout')
  if (timeout === undefined) return null
  const answer = say(504, 'The request timed out.', { error_type: 'request_timeout' })
  return timeout === 'user'
    ? { ...answer, headers: { ...answer.headers, 'x-fal-request-timeout-type': 'user' } }
    : answer
}
