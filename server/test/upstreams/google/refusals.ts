// The emulated Gemini's error answers: the envelope of google.rpc.Status with the details the vendor sends.
import type { Answer, Refusal } from '../faults.ts'
import type { Directives } from '../upstream.ts'
import { GoogleInvalid, type Violation } from './validate.ts'

const jsonHeaders = {
  'content-type': 'application/json; charset=UTF-8',
  vary: 'Origin',
  'x-frame-options': 'SAMEORIGIN',
}
const typePrefix = 'type.googleapis.com/google.rpc.'

export type RpcError = { code: number; status: string; message: string; details?: unknown[] }

/** The vendor indents its JSON. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, headers: jsonHeaders, body: [JSON.stringify(value, null, 2)] }
}

export function refuse(error: RpcError): Answer {
  const { code, message, status, details } = error
  return jsonAnswer(code, { error: { code, message, status, ...(details === undefined ? {} : { details }) } })
}

/** 400 with the place at fault, as the vendor's JSON reader reports it. */
export function refuseInvalid({ message, field }: Violation): Answer {
  const details = field === undefined ? [] : [{ fieldViolations: [{ field, description: message }] }]
  return refuse({
    code: 400,
    message,
    status: 'INVALID_ARGUMENT',
    ...(details.length === 0
      ? {}
      : { details: details.map(detail => ({ '@type': `${typePrefix}BadRequest`, ...detail })) }),
  })
}

/** A wrong key is a 400 here, and the details repeat the key. */
export function refuseKey(given: string): Answer {
  const message = 'API key not valid. Please pass a valid API key.'
  return refuse({
    code: 400,
    message,
    status: 'INVALID_ARGUMENT',
    details: [
      {
        '@type': `${typePrefix}ErrorInfo`,
        reason: 'API_KEY_INVALID',
        domain: 'googleapis.com',
        metadata: { service: 'generativelanguage.googleapis.com' },
      },
      { '@type': `${typePrefix}LocalizedMessage`, locale: 'en-US', message },
      { '@type': `${typePrefix}DebugInfo`, detail: `Invalid API key: ${given}` },
    ],
  })
}

function refuseSuspended(given: string): Answer {
  return refuse({
    code: 403,
    message: `Permission denied: Consumer 'api_key:${given}' has been suspended.`,
    status: 'PERMISSION_DENIED',
    details: [{ '@type': `${typePrefix}ErrorInfo`, reason: 'CONSUMER_SUSPENDED', domain: 'googleapis.com' }],
  })
}

export function refuseMissingKey(): Answer {
  return refuse({
    code: 403,
    message:
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    status: 'PERMISSION_DENIED',
  })
}

export function refuseModel(model: string): Answer {
  return refuse({
    code: 404,
    message: `models/${model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.`,
    status: 'NOT_FOUND',
  })
}

/** Turns what a reader threw into an answer. */
export function answerInvalid(error: unknown): Answer {
  if (error instanceof GoogleInvalid) return refuseInvalid(error.violation)
  throw error
}

/** The refusal that the directives ask for; all of them come at once, before any work. */
export function findRefusal(directives: Directives, call: { key: string; model: string }): Refusal | null {
  const answer =
    findLimit(directives, call.model) ??
    findPlain(directives) ??
    (directives.has('wrong_key') ? refuseKey(call.key) : null) ??
    (directives.has('suspended') ? refuseSuspended(call.key) : null) ??
    (directives.has('retired') ? refuseModel(call.model) : null) ??
    (directives.has('html_503') ? unavailablePage() : null)
  return answer === null ? null : { answer, late: false }
}

/** Names of directives whose answer is always the same. */
const plain: Record<string, RpcError> = {
  forbidden: { code: 403, status: 'PERMISSION_DENIED', message: 'The caller does not have permission' },
  precondition: {
    code: 400,
    status: 'FAILED_PRECONDITION',
    message: 'User location is not supported for the API use.',
  },
  new_users: {
    code: 404,
    status: 'NOT_FOUND',
    message:
      'This model is no longer available to new users. Please update your code to use a newer model for the latest features and improvements.',
  },
  invalid: { code: 400, status: 'INVALID_ARGUMENT', message: 'Request contains an invalid argument.' },
  out_of_range: { code: 400, status: 'OUT_OF_RANGE', message: 'The input is out of range.' },
  aborted_409: { code: 409, status: 'ABORTED', message: 'The operation was aborted.' },
  cancelled_499: { code: 499, status: 'CANCELLED', message: 'The operation was cancelled.' },
  error_500: {
    code: 500,
    status: 'INTERNAL',
    message: 'An internal error has occurred. Please retry or report in the developer forum.',
  },
  unimplemented: { code: 501, status: 'UNIMPLEMENTED', message: 'Operation is not implemented.' },
  overloaded: {
    code: 503,
    status: 'UNAVAILABLE',
    message: 'The model is overloaded. Please try again later.',
  },
  deadline_504: {
    code: 504,
    status: 'DEADLINE_EXCEEDED',
    message: 'The request timed out. Please try again.',
  },
}

function findPlain(directives: Directives): Answer | null {
  const name = Object.keys(plain).find(known => directives.has(known))
  const error = name === undefined ? undefined : plain[name]
  return error === undefined ? null : refuse(error)
}

function findLimit(directives: Directives, model: string): Answer | null {
  const delay = directives.get('delay')
  if (directives.has('quota')) return refuseQuota('Day', { model, retryDelay: delay ?? '38s', limit: '20' })
  if (!directives.has('rate_limit')) return null
  const place = directives.get('rate_limit') || 'retry_info'
  if (place === 'bare') {
    return refuse({
      code: 429,
      message: 'Resource has been exhausted (e.g. check quota).',
      status: 'RESOURCE_EXHAUSTED',
    })
  }
  const inBody = place === 'retry_info' || place === 'both'
  const answer = refuseQuota('Minute', {
    model,
    limit: '10',
    ...(inBody ? { retryDelay: delay ?? '34s' } : {}),
  })
  if (place !== 'header' && place !== 'both') return answer
  const stated = place === 'header' ? (delay ?? '34') : '7'
  return { ...answer, headers: { ...answer.headers, 'retry-after': stated } }
}

function refuseQuota(
  span: 'Minute' | 'Day',
  quota: { model: string; limit: string; retryDelay?: string },
): Answer {
  const metric = 'generativelanguage.googleapis.com/generate_content_free_tier_requests'
  const wait = quota.retryDelay === undefined ? '' : `\nPlease retry in ${quota.retryDelay}.`
  return refuse({
    code: 429,
    message: `You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. \n* Quota exceeded for metric: ${metric}, limit: ${quota.limit}, model: ${quota.model}${wait}`,
    status: 'RESOURCE_EXHAUSTED',
    details: [
      {
        '@type': `${typePrefix}Help`,
        links: [
          {
            description: 'Learn more about Gemini API quotas',
            url: 'https://ai.google.dev/gemini-api/docs/rate-limits',
          },
        ],
      },
      {
        '@type': `${typePrefix}QuotaFailure`,
        violations: [
          {
            quotaMetric: metric,
            quotaId: `GenerateRequestsPer${span}PerProjectPerModel-FreeTier`,
            quotaDimensions: { location: 'global', model: quota.model },
            quotaValue: quota.limit,
          },
        ],
      },
      ...(quota.retryDelay === undefined
        ? []
        : [{ '@type': `${typePrefix}RetryInfo`, retryDelay: quota.retryDelay }]),
    ],
  })
}

function unavailablePage(): Answer {
  const page =
    '<html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>'
  return { status: 503, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: [page] }
}
