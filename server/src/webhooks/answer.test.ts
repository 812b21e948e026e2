// What an owner may read of an answer: never a secret, never without end.
import { expect, test } from 'vitest'
import { toKeptHeaders } from './answer.ts'

const kept = (headers: Record<string, string>) => JSON.parse(toKeptHeaders(headers)) as Record<string, string>

test('headers are kept in their order; those that say who somebody is keep their names alone', () => {
  const headers = {
    date: 'Sun, 29 Nov 2026 15:00:00 GMT',
    'set-cookie': 'sid=1234',
    authorization: 'Basic abc',
    'x-api-key': 'k',
    'x-csrf-token': 't',
    'x-request-id': 'r-1',
  }
  expect(Object.keys(kept(headers))).toEqual(Object.keys(headers))
  expect(kept(headers)).toMatchObject({ date: headers.date, 'x-request-id': 'r-1' })
  expect(Object.values(kept(headers)).join()).not.toMatch(/1234|Basic|,k,|,t,/)
})

test('no form of a secret of ours stays in any value, and no NUL', () => {
  const values = kept({
    location: 'https://x.example/?key=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789',
    odd: 'a\0b',
  })
  expect(JSON.stringify(values)).not.toContain('abcdefghijklmnopqrstuvwxyz0123456789')
  expect(values.odd).toBe('a\ufffdb')
})

test('never more than 32 headers, of 256 letters each and 2,048 in all, and a short one after a long one stays', () => {
  const many = (length: number) =>
    Object.fromEntries(Array.from({ length: 100 }, (_, nth) => [`x-${nth}`, 'v'.repeat(length)]))
  expect(Object.keys(kept(many(1)))).toHaveLength(32)
  const long = kept({ first: 'v'.repeat(300), ...many(60_000), last: 'v' })
  expect(long.first).toHaveLength(256)
  expect(Object.entries(long).join('').length).toBeLessThan(2_048 + 100)
  const mixed = { ...Object.fromEntries(Object.entries(many(300)).slice(0, 9)), date: 'now' }
  expect(kept(mixed).date).toBe('now')
})
