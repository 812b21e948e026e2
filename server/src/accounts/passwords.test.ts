// Guards how passwords are kept.
import { expect, test } from 'vitest'
import { turnsDuring } from '../../test/cpu-time.ts'
import { createPasswords, MAX_SIGN_INS, PASSWORD_COST } from './passwords.ts'

const cheap = { log2N: 10, r: 8, p: 1 }

test('a stored password has the promised cost and a salt of its own', async () => {
  expect(PASSWORD_COST).toEqual({ log2N: 17, r: 8, p: 1 })
  const passwords = createPasswords()
  const [one, two] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')])
  expect(one).toMatch(/^scrypt\$17\$8\$1\$/)
  expect(one).not.toBe(two)
  expect(one).not.toContain('correct')
})

test('only the right password verifies, also one of 1,000 characters', async () => {
  const passwords = createPasswords({ cost: cheap })
  for (const password of ['correct horse', 'é'.repeat(1_000)]) {
    const stored = await passwords.hash(password)
    expect(await passwords.verify(stored, password)).toBe(true)
    expect(await passwords.verify(stored, `${password}x`)).toBe(false)
    expect(await passwords.verify(stored, password.slice(0, -1))).toBe(false)
  }
})

test('a damaged or foreign hash verifies nothing and asks for no absurd memory', async () => {
  const passwords = createPasswords({ cost: cheap })
  const stored = await passwords.hash('correct horse')
  for (const bad of ['', 'x', stored.slice(0, -1), stored.replace('scrypt$10', 'scrypt$30'), 'salt:hash']) {
    expect(await passwords.verify(bad, 'correct horse')).toBe(false)
  }
})

test('a right password stored at another cost is hashed again, a wrong one is not', async () => {
  const old = await createPasswords({ cost: cheap }).hash('correct horse')
  const renewed: string[] = []
  const passwords = createPasswords({
    cost: { log2N: 11, r: 8, p: 1 },
    onOutdated: async (stored, fresh) => {
      expect(stored).toBe(old)
      renewed.push(fresh)
    },
  })
  expect(await passwords.verify(old, 'wrong')).toBe(false)
  expect(renewed).toHaveLength(0)
  expect(await passwords.verify(old, 'correct horse')).toBe(true)
  expect(renewed[0]).toMatch(/^scrypt\$11\$/)
  expect(await passwords.verify(renewed[0] ?? '', 'correct horse')).toBe(true)
  expect(renewed).toHaveLength(1)
})

test('twenty sign-ins at once do not hold up the event loop', async () => {
  const passwords = createPasswords({ cost: { log2N: 14, r: 8, p: 1 } })
  const turns = await turnsDuring(
    Promise.all(Array.from({ length: 20 }, () => passwords.hash('correct horse'))),
  )
  // Synchronous ones, each for itself, would let it turn once or twice for each; it turns thousands of times.
  expect(turns).toBeGreaterThan(200)
})

test('only so many passwords wait; the next is told to come again, and the line opens anew', async () => {
  const passwords = createPasswords({ cost: cheap })
  const stored = await passwords.hash('correct horse')
  const asked = Array.from({ length: MAX_SIGN_INS + 3 }, () => passwords.verify(stored, 'correct horse'))
  const outcomes = await Promise.allSettled(asked)
  const refused = outcomes.flatMap(each => (each.status === 'rejected' ? [each.reason] : []))
  expect(refused).toHaveLength(3)
  for (const error of refused)
    expect(error).toMatchObject({ code: 'overloaded', options: { retryAfterSeconds: 5 } })
  expect(outcomes.filter(each => each.status === 'fulfilled' && each.value)).toHaveLength(MAX_SIGN_INS)
  expect(await passwords.verify(stored, 'correct horse')).toBe(true)
})
