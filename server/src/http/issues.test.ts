// How what is wrong with a body is put into one text.
import { expect, test } from 'vitest'
import { AppError } from '../errors.ts'
import { renameFields, toErrorText } from './issues.ts'

const error = new AppError('invalid_request')
const detail = (path: string, message: string) => ({ path, message, code: 'custom' })

test('a text names every field once, as a word of its own', () => {
  const details = [
    detail('n', 'Too big: expected number to be <=4'),
    detail('size', 'size must be WxH.'),
    detail('keys.1', 'There is no such upload as in keys.1, or nothing was sent to it.'),
  ]
  expect(toErrorText(error, details)).toBe(
    'n: Too big: expected number to be <=4; size must be WxH. There is no such upload as in keys.1, or nothing was sent to it.',
  )
  expect(toErrorText(error, [])).toBe(error.message)
  expect(toErrorText(error, undefined)).toBe(error.message)
})

test('a field is renamed where its own text says it, and nowhere else', () => {
  const details = [detail('count', 'count must be at most 4.'), detail('model', 'model goes with count.')]
  expect(renameFields(details, { count: 'n' })).toEqual([
    detail('n', 'n must be at most 4.'),
    detail('model', 'model goes with count.'),
  ])
})
