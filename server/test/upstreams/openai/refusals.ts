// OpenAI's refusals, in its envelope. Which of them are billed or late follows what is known of the vendor.
import { randomUUID } from 'node:crypto'
import type { Answer, Refusal } from '../faults.ts'
import type { Directives } from '../upstream.ts'

export type ErrorFields = {
  message: string
  type?: string
  param?: string | null
  code?: string | null
  [extra: string]: unknown
}

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [JSON.stringify(value)],
  }
}

/** An error in the vendor's envelope. */
export function refuse(status: number, error: ErrorFields, headers: Record<string, string> = {}): Answer {
  const envelope = { error: { type: 'invalid_request_error', param: null, code: null, ...error } }
  return jsonAnswer(status, envelope, headers)
}

export function moderationError(directives: Directives, stage: 'input' | 'output'): ErrorFields {
  const categories = (directives.get('categories') || 'sexual').split('+')
  const details = { moderation_details: { moderation_stage: stage, categories } }
  return {
    message:
      'Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com ' +
      `and include the request ID ${randomUUID()}. safety_violations=[${categories.join(', ')}].`,
    type: 'image_generation_user_error',
    code: 'moderation_blocked',
    ...(directives.get('moderation_details') === 'off' ? {} : details),
  }
}

const deprecated = (model: string) =>
  refuse(404, {
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    code: 'model_not_found',
  })

/** The refusal that the directives ask for; null = the work goes ahead. */
export function findRefusal(directives: Directives, context: { key: string; model: string }): Refusal | null {
  if (directives.has('moderation_output')) {
    return { answer: refuse(400, moderationError(directives, 'output')), late: true }
  }
  const answer = findEarlyRefusal(directives, context)
  return answer === null ? null : { answer, late: false }
}

function findEarlyRefusal(directives: Directives, context: { key: string; model: string }): Answer | null {
  if (directives.has('moderation_input')) return refuse(400, moderationError(directives, 'input'))
  if (directives.has('content_policy_violation')) {
    return refuse(400, {
      message: 'Your request was rejected as a result of our safety system.',
      code: 'content_policy_violation',
    })
  }
  if (directives.has('rate_limit')) return limitRate(directives, context.model)
  if (directives.has('quota')) {
    return refuse(429, {
      message: 'You exceeded your current quota, please check your plan and billing details.',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    })
  }
  if (directives.has('billing_limit')) {
    return refuse(400, { message: 'Billing hard limit has been reached', code: 'billing_hard_limit_reached' })
  }
  if (directives.has('retired')) return deprecated(context.model)
  return findForbidden(directives, context) ?? findServerError(directives, context.key)
}

function findForbidden(directives: Directives, context: { key: string; model: string }): Answer | null {
  if (directives.has('wrong_key')) {
    const isMasked = directives.get('wrong_key') === 'masked'
    const key = isMasked ? `${context.key.slice(0, 8)}****${context.key.slice(-4)}` : context.key
    return refuse(401, { message: `Incorrect API key provided: ${key}.`, code: 'invalid_api_key' })
  }
  if (directives.has('unverified')) {
    return refuse(403, {
      message:
        `Your organization must be verified to use the model \`${context.model}\`. Please go to: ` +
        'https://platform.openai.com/settings/organization/general and click on Verify Organization. If you just ' +
        'verified, it can take up to 15 minutes for access to propagate.',
    })
  }
  if (directives.has('region')) {
    return refuse(403, {
      message: 'Country, region, or territory not supported',
      type: 'request_forbidden',
      code: 'unsupported_country_region_territory',
    })
  }
  return null
}

function findServerError(directives: Directives, key: string): Answer | null {
  const message =
    'The server had an error processing your request. Sorry about that! You can retry your request, or contact us ' +
    `through our help center if you keep seeing this error. (Please include the request ID ${randomUUID()}.)`
  if (directives.has('error_500')) return refuse(500, { message, type: 'server_error' })
  if (directives.has('leaky_error')) {
    return refuse(500, { message: `Could not forward {authorization: Bearer ${key}}`, type: 'server_error' })
  }
  if (directives.has('overloaded')) {
    const words = 'That model is currently overloaded with other requests. You can retry your request.'
    return refuse(503, { message: words, type: 'server_error' })
  }
  if (directives.has('timeout_408'))
    return refuse(408, { message: 'Request timed out.', type: 'server_error' })
  if (directives.has('conflict_409')) return refuse(409, { message: 'Conflict.', type: 'server_error' })
  return null
}

/** All the places in which a 429 may say how long to wait, one at a time. */
function limitRate(directives: Directives, model: string): Answer {
  const place = directives.get('rate_limit') || 'ms'
  const delay = directives.get('delay')
  const prose = place === 'prose' ? ` Please try again in ${delay ?? '240ms'}.` : ''
  const headers: Record<string, Record<string, string>> = {
    ms: { 'retry-after-ms': delay ?? '240' },
    seconds: { 'retry-after': delay ?? '2' },
    date: httpDates(Number(delay ?? '3')),
    reset: {
      'x-ratelimit-limit-requests': '250',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': delay ?? '1s',
      'x-ratelimit-remaining-tokens': '90000',
      'x-ratelimit-reset-tokens': '6m0s',
    },
  }
  return refuse(
    429,
    {
      message: `Rate limit reached for ${model} in organization org-emulated on input-images per min: Limit 250, Used 250, Requested 1.${prose}`,
      type: 'input-images',
      code: 'rate_limit_exceeded',
    },
    headers[place] ?? {},
  )
}

function httpDates(delaySeconds: number): Record<string, string> {
  const nowMs = performance.timeOrigin + performance.now()
  const atSecond = (ms: number) => new Date(Math.floor(ms / 1000) * 1000).toUTCString()
  return { date: atSecond(nowMs), 'retry-after': atSecond(nowMs + delaySeconds * 1000) }
}
