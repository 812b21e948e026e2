// Guards the reading of Gemini's error answers, above all which of them may claim that nothing ran.
import { expect, test } from 'vitest'
import { classifyErrorAnswer, NOT_RUN, parseDurationMs, parseRetryAfterMs } from './errors.ts'

const rpc = 'type.googleapis.com/google.rpc.'

function answer(httpStatus: number, status: string, more: { message?: string; details?: unknown[] } = {}) {
  const error = { code: httpStatus, status, message: more.message ?? 'Words.', details: more.details ?? [] }
  return { httpStatus, headers: {}, text: JSON.stringify({ error }) }
}

function limited(quotaId: string | null, retryDelay?: string) {
  const details: unknown[] = []
  if (quotaId !== null)
    details.push({ '@type': `${rpc}QuotaFailure`, violations: [{ quotaId, quotaValue: '20' }] })
  details.push({ '@type': `${rpc}Help`, links: [] })
  if (retryDelay !== undefined) details.push({ '@type': `${rpc}RetryInfo`, retryDelay })
  return answer(429, 'RESOURCE_EXHAUSTED', { details })
}

const perMinute = 'GenerateRequestsPerMinutePerProjectPerModel'
const perDay = 'GenerateRequestsPerDayPerProjectPerModel-FreeTier'

test.each([
  [400, 'INVALID_ARGUMENT', 'invalid_request'],
  [400, 'OUT_OF_RANGE', 'invalid_request'],
  [400, 'FAILED_PRECONDITION', 'misconfigured'],
  [401, 'UNAUTHENTICATED', 'misconfigured'],
  [403, 'PERMISSION_DENIED', 'misconfigured'],
  [404, 'NOT_FOUND', 'model_retired'],
  [408, 'DEADLINE_EXCEEDED', 'unknown_outcome'],
  [409, 'ABORTED', 'unknown_outcome'],
  [409, 'ALREADY_EXISTS', 'unknown_outcome'],
  [413, 'INVALID_ARGUMENT', 'invalid_request'],
  [499, 'CANCELLED', 'unknown_outcome'],
  [500, 'INTERNAL', 'unknown_outcome'],
  [500, 'UNKNOWN', 'unknown_outcome'],
  [500, 'UNAVAILABLE', 'unknown_outcome'],
  [501, 'UNIMPLEMENTED', 'misconfigured'],
  [502, 'UNAVAILABLE', 'unknown_outcome'],
  [503, 'UNAVAILABLE', 'unavailable'],
  [503, 'INTERNAL', 'unknown_outcome'],
  [504, 'DEADLINE_EXCEEDED', 'unknown_outcome'],
  [529, 'UNAVAILABLE', 'unknown_outcome'],
] as const)('an answer %i %s is %s', (httpStatus, status, failure) => {
  expect(classifyErrorAnswer(answer(httpStatus, status))).toMatchObject({ kind: 'failed', failure })
})

test('a model is gone by the vendor’s own sentences alone, for its 404 stands for other things too', () => {
  const said = (message: string) => classifyErrorAnswer(answer(404, 'NOT_FOUND', { message })).gone
  expect(said('models/x is not found for API version v1beta, or is not supported for generateContent.')).toBe(
    true,
  )
  expect(said('This model models/x is no longer available to new users. Please update your code.')).toBe(true)
  expect(said('Requested entity was not found.')).toBeUndefined()
  expect(said('File files/models/x is not found.')).toBeUndefined()
  const unnamed = answer(404, 'ABORTED', { message: 'models/x is not found for API version v1beta' })
  expect(classifyErrorAnswer(unnamed).gone).toBeUndefined()
})

test('only listed answers in the vendor’s own envelope prove that nothing ran', () => {
  expect(NOT_RUN).toEqual([{ httpStatus: 503, status: 'UNAVAILABLE' }])
  const pages = [
    '',
    '<html>503</html>',
    'UNAVAILABLE',
    '{"error":"UNAVAILABLE"}',
    '{"status":"UNAVAILABLE"}',
    'null',
  ]
  for (const text of pages) {
    const { failure } = classifyErrorAnswer({ httpStatus: 503, headers: {}, text })
    expect(failure, text).toBe('unknown_outcome')
  }
  expect(classifyErrorAnswer(answer(503, 'UNAVAILABLE'))).toMatchObject({ overloaded: true })
})

test('an intermediary’s page is judged by its status alone', () => {
  const kinds = [301, 307, 400, 403, 404, 429, 500, 502, 504].map(httpStatus => {
    return classifyErrorAnswer({ httpStatus, headers: {}, text: '<html>no</html>' }).failure
  })
  expect(kinds).toEqual([
    'malformed_response',
    'malformed_response',
    'invalid_request',
    'misconfigured',
    'misconfigured',
    'rate_limited',
    'unknown_outcome',
    'unknown_outcome',
    'unknown_outcome',
  ])
})

test('a wrong key, which is a 400 here, is the operator’s matter', () => {
  const reason = { '@type': `${rpc}ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com' }
  const withReason = answer(400, 'INVALID_ARGUMENT', { details: [null, 7, reason] })
  expect(classifyErrorAnswer(withReason).failure).toBe('misconfigured')
  const prose = answer(400, 'INVALID_ARGUMENT', {
    message: 'API key not valid. Please pass a valid API key.',
  })
  expect(classifyErrorAnswer(prose).failure).toBe('misconfigured')
})

test('a daily quota is exhausted and its misleading delay is ignored', () => {
  for (const delay of ['38s', '65205s', undefined]) {
    const failure = classifyErrorAnswer(limited(perDay, delay))
    expect(failure.failure).toBe('quota_exhausted')
    expect(failure.retryAfterMs).toBeUndefined()
  }
  const both = answer(429, 'RESOURCE_EXHAUSTED', {
    details: [{ '@type': `${rpc}QuotaFailure`, violations: [{ quotaId: perMinute }, { quotaId: perDay }] }],
  })
  expect(classifyErrorAnswer(both).failure).toBe('quota_exhausted')
})

test('a rate limit carries its delay: RetryInfo first, then the header, else none', () => {
  const delays = [limited(perMinute, '34s'), limited(perMinute, '600.5s'), limited(null, '34.074824224s')]
  expect(delays.map(one => classifyErrorAnswer(one).retryAfterMs)).toEqual([34_000, 600_500, 34_075])
  const headers = { 'retry-after': '7' }
  expect(classifyErrorAnswer({ ...limited(perMinute, '34s'), headers }).retryAfterMs).toBe(34_000)
  expect(classifyErrorAnswer({ ...limited(perMinute), headers })).toMatchObject({
    failure: 'rate_limited',
    retryAfterMs: 7_000,
  })
  const bare = classifyErrorAnswer({ httpStatus: 429, headers: {}, text: '' })
  expect(bare.failure).toBe('rate_limited')
  expect('retryAfterMs' in bare).toBe(false)
})

test('delays that are no delays are dropped', () => {
  expect(['', '34', 's', '-1s', '1e3s', '1.5', 'NaNs', '9999999999s', null].map(parseDurationMs)).toEqual(
    Array(9).fill(null),
  )
  const date = 'Fri, 20 Nov 2026 10:00:00 GMT'
  const later = 'Fri, 20 Nov 2026 10:01:30 GMT'
  expect(parseRetryAfterMs({ 'retry-after': later, date })).toBe(90_000)
  expect(parseRetryAfterMs({ 'retry-after': date, date: later })).toBeNull()
  expect(parseRetryAfterMs({ 'retry-after': later })).toBeNull()
  expect(parseRetryAfterMs({ 'retry-after': 'soon', date })).toBeNull()
})

test('the field at fault is named in core words', () => {
  const violation = (field: string) => [{ '@type': `${rpc}BadRequest`, fieldViolations: [{ field }] }]
  const fieldOf = (more: { message?: string; details?: unknown[] }) =>
    classifyErrorAnswer(answer(400, 'INVALID_ARGUMENT', more)).field
  expect(fieldOf({ details: violation('generation_config.image_config.aspect_ratio') })).toBe('aspectRatio')
  expect(fieldOf({ details: violation('generation_config.image_config.image_size') })).toBe('resolution')
  expect(fieldOf({ details: violation('generation_config.thinking_config.thinking_level') })).toBe(
    'thinkingLevel',
  )
  expect(fieldOf({ details: violation('generation_config.seed') })).toBe('seed')
  expect(fieldOf({ details: violation('contents[0].parts[1].inline_data.data') })).toBe('references')
  expect(fieldOf({ message: '* GenerateContentRequest.contents: contents is not specified' })).toBe('prompt')
  expect(fieldOf({ message: 'Request contains an invalid argument.' })).toBeUndefined()
})
