// What follows from an error itself, whichever dialect says it.
import { describe, expect, test } from 'vitest'
import { AppError } from '../errors.ts'
import { errorHeaders } from './errors.ts'

describe('an outage', () => {
  test('always says when to come again', () => {
    for (const code of ['unavailable', 'overloaded'] as const) {
      expect(errorHeaders(new AppError(code))).toEqual({ 'retry-after': '2' })
      expect(errorHeaders(new AppError(code, undefined, { retryAfterSeconds: 5 }))).toEqual({
        'retry-after': '5',
      })
    }
  })

  test('after which an order may exist invites nobody to send it again', () => {
    const error = new AppError('unavailable', undefined, { generationId: 'an-id' })
    expect(errorHeaders(error)).toEqual({ 'x-should-retry': 'false', 'x-darkroom-generation-id': 'an-id' })
  })
})

test('a refusal that no wait can mend names no time', () => {
  expect(errorHeaders(new AppError('not_found'))).toEqual({})
  expect(errorHeaders(new AppError('internal'))).toEqual({})
})
