// ModelArk's refusals, in its envelope.
import { randomUUID } from 'node:crypto'
import type { Answer, Refusal } from '../faults.ts'
import type { Directives } from '../upstream.ts'

export function jsonAnswer(status: number, value: unknown): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: [JSON.stringify(value)],
  }
}

/** An error in the vendor's envelope. */
export function refuse(
  status: number,
  code: string,
  said: string | { message: string; param: string },
): Answer {
  const { message, param } = typeof said === 'string' ? { message: said, param: '' } : said
  const type = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 429: 'TooManyRequests' }[status]
  const words = `${message} Request id: ${randomUUID().replaceAll('-', '')}`
  return jsonAnswer(status, { error: { code, message: words, param, type: type ?? 'BadRequest' } })
}

export function refuseKey(key: string): Answer {
  return refuse(401, 'AuthenticationError', `The API key ${key} doesn't exist.`)
}

/** What an item or an event says in place of a picture. */
export function itemError(directives: Directives): { code: string; message: string } {
  const code = directives.get('failed_code') || 'OutputImageSensitiveContentDetected'
  return { code, message: 'The request failed because the output image may contain sensitive information.' }
}

type Context = { key: string; model: string; streams: boolean }

/** The refusal that the directives ask for; null = the work goes ahead. */
export function findRefusal(directives: Directives, { key, model, streams }: Context): Refusal | null {
  if (directives.has('moderation_output') && !streams) {
    const { code, message } = itemError(directives)
    return { answer: refuse(400, code, message), late: true }
  }
  const answers: Record<string, [number, string, string]> = {
    moderation_input: [
      400,
      'InputTextSensitiveContentDetected',
      'The request failed because the input text may contain sensitive information.',
    ],
    moderation_image: [
      400,
      'InputImageSensitiveContentDetected.PrivacyInformation',
      'The request failed because the input image may contain sensitive information.',
    ],
    rate_limit: [429, 'RateLimitExceeded.EndpointIPMExceeded', 'Images per minute (IPM) limit is exceeded.'],
    overloaded: [429, 'ServerOverloaded', 'The service is currently unable to handle additional requests.'],
    quota: [429, 'QuotaExceeded', 'Your account has reached its free quota.'],
    overdue: [403, 'AccountOverdueError', 'Your account has an overdue balance of 12.50 USD.'],
    forbidden: [403, 'AccessDenied', 'The request was denied.'],
    not_open: [404, 'ModelNotOpen', `Your account has not activated the model ${model}.`],
    retired: [404, 'InvalidEndpointOrModel.NotFound', `The model or endpoint ${model} does not exist.`],
    closed_endpoint: [400, 'InvalidEndpoint.ClosedEndpoint', 'The endpoint is closed.'],
    error_500: [500, 'InternalServiceError', 'The service encountered an unexpected internal error.'],
    error_503: [503, 'ServiceUnavailable', 'The service is unavailable.'],
    conflict_409: [409, 'Conflict', 'The request conflicts with another one.'],
  }
  if (directives.has('wrong_key')) return { answer: refuseKey(key), late: false }
  const name = Object.keys(answers).find(each => directives.has(each))
  const found = name === undefined ? undefined : answers[name]
  return found === undefined ? null : { answer: refuse(...found), late: false }
}
