// Guards the form and fairness of ids and random secrets.
import { expect, test } from 'vitest'
import { base62Alphabet, isId, newId, newRequestId, randomToken } from './ids.ts'

test('an id is a UUID of version 7 that carries its time and sorts by it', () => {
  const early = newId(() => new Date(1_700_000_000_000))
  const late = newId(() => new Date(1_700_000_000_001))
  expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(Number.parseInt(early.replaceAll('-', '').slice(0, 12), 16)).toBe(1_700_000_000_000)
  expect(early < late).toBe(true)
})

test('ids made in the same millisecond differ', () => {
  const at = new Date(1_700_000_000_000)
  expect(new Set(Array.from({ length: 20_000 }, () => newId(() => at))).size).toBe(20_000)
})

test('only the form of a UUID is taken for an id', () => {
  expect(isId(newId(() => new Date(0)))).toBe(true)
  for (const text of ['', 'x', "' OR 1=1 --", '0'.repeat(36)]) expect(isId(text)).toBe(false)
})

test('random letters are equally likely', () => {
  const counts = new Map<string, number>()
  for (const letter of randomToken(310_000)) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  expect([...counts.keys()].sort().join('')).toBe([...base62Alphabet].sort().join(''))
  // 5,000 expected of each; six standard deviations are 421, so a fair source fails once in many years.
  for (const count of counts.values()) expect(Math.abs(count - 5_000)).toBeLessThan(421)
})

test('a request id says what it is and never repeats', () => {
  expect(newRequestId()).toMatch(/^req_[0-9a-f]{32}$/)
  expect(new Set(Array.from({ length: 10_000 }, newRequestId)).size).toBe(10_000)
})
