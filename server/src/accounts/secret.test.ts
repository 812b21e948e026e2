// Guards the form of API keys: recognisable and checkable without asking the database.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base62Alphabet } from '../ids.ts'
import { authenticateKey, findBearer } from './authenticate.ts'
import { hashSecret, isWellFormedSecret, keyPrefixes, keyStyles, newSecret, styleOfSecret } from './secret.ts'

test('10,000 keys have their style, at least 160 random bits, and never repeat', () => {
  const seen = new Set<string>()
  for (let made = 0; made < 10_000; made++) {
    const style = keyStyles[made % keyStyles.length] ?? 'default'
    const secret = newSecret(style)
    const body = secret.slice(keyPrefixes[style].length)
    expect(body).toMatch(/^[0-9A-Za-z]{38}$/)
    expect((body.length - 6) * Math.log2(62)).toBeGreaterThanOrEqual(160)
    expect(styleOfSecret(secret)).toBe(style)
    expect(isWellFormedSecret(secret)).toBe(true)
    seen.add(secret)
  }
  expect(seen.size).toBe(10_000)
})

test('10,000 typing mistakes of one letter are refused without a query', async () => {
  let queries = 0
  const db = {
    query: async () => {
      queries++
      return []
    },
  }
  const letters = fc.constantFrom(...base62Alphabet)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...keyStyles), fc.nat(), letters, async (style, place, letter) => {
      const secret = newSecret(style)
      const at = place % secret.length
      fc.pre(secret[at] !== letter)
      const typed = secret.slice(0, at) + letter + secret.slice(at + 1)
      expect(await authenticateKey({ ...unused, ...db }, typed, null)).toBe(null)
    }),
    { numRuns: 10_000 },
  )
  expect(queries).toBe(0)
})

const unused = {
  transaction: () => Promise.reject(new Error('not needed here')),
  listen: () => Promise.reject(new Error('not needed here')),
  close: () => Promise.reject(new Error('not needed here')),
}

test('hostile credentials are refused without a query', async () => {
  const db = { ...unused, query: () => Promise.reject(new Error('a query was made')) }
  const good = newSecret('default')
  const hostile = [
    '',
    ' ',
    `${good}\0`,
    `${good} `,
    ` ${good}`,
    `${good}'--`,
    'dr_',
    "' OR 1=1 --",
    '$ne',
    '{"$gt":""}',
  ]
  hostile.push(
    'dr_'.padEnd(1_000_000, 'A'),
    good.toUpperCase(),
    `dr_${'é'.repeat(38)}`,
    `x${good}`,
    `${good}${good}`,
  )
  for (const presented of hostile) expect(await authenticateKey(db, presented, null)).toBe(null)
  expect(await authenticateKey(db, null, null)).toBe(null)
})

test('the style is read from the start of a key only: imgeo_sk_ is not getimg', () => {
  expect(styleOfSecret('imgeo_sk_abc')).toBe('imgeo')
  expect(styleOfSecret('sk_abc')).toBe('getimg')
  expect(styleOfSecret('xsk_abc')).toBe(null)
})

test('what is stored is the SHA-256 of the whole key', () => {
  const secret = newSecret('gptimage2')
  expect(hashSecret(secret)).toHaveLength(32)
  expect(hashSecret(secret).equals(hashSecret(secret.slice(0, -1)))).toBe(false)
})

test('the word Bearer is read without regard to case, and nothing else is', () => {
  expect(findBearer('Bearer abc')).toBe('abc')
  expect(findBearer('bEARER   abc ')).toBe('abc')
  for (const header of [null, undefined, '', 'abc', 'Basic abc', 'Bearer', 'Bearer a b', 'Bearerabc']) {
    expect(findBearer(header)).toBe(null)
  }
})
