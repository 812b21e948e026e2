// K-3: whoever knows how a live key begins is no nearer to the rest of it: its look-up takes as long as that of any
// other text of the form. Two kinds in random order, so that what the machine does besides meets both alike.
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inputCounts, isProof } from '../../test/counts.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { base62Alphabet } from '../ids.ts'
import { createAccount } from './accounts.ts'
import { authenticateKey } from './authenticate.ts'
import { isWellFormedSecret, newSecret } from './secret.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const checksumLength = 6

function withChecksum(body: string): string {
  let rest = crc32(body)
  let letters = ''
  for (let place = 0; place < checksumLength; place += 1) {
    letters = base62Alphabet.charAt(rest % 62) + letters
    rest = Math.floor(rest / 62)
  }
  return body + letters
}

/** Of a key's random letters all but the last four, and a checksum that fits. */
function akinTo(secret: string): string {
  const known = secret.slice(0, -checksumLength - 4)
  const guess = Array.from({ length: 4 }, () => base62Alphabet.charAt(Math.floor(Math.random() * 62)))
  return withChecksum(known + guess.join(''))
}

type Sample = { isAkin: boolean; tookMs: number }

const medianOf = (samples: readonly Sample[]) =>
  samples.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN

/** By how many standard deviations the ranks of one kind are off the middle (Mann and Whitney). */
function rankShift(samples: readonly Sample[]): number {
  const sorted = samples.toSorted((a, b) => a.tookMs - b.tookMs)
  const ranks = sorted.reduce((sum, { isAkin }, at) => sum + (isAkin ? at + 1 : 0), 0)
  const n = samples.filter(({ isAkin }) => isAkin).length
  const m = samples.length - n
  const expected = (n * (n + m + 1)) / 2
  return (ranks - expected) / Math.sqrt((n * m * (n + m + 1)) / 12)
}

test('the look-up of a text that begins as a live key does takes as long as that of any other', async () => {
  const needs = {
    db: database.db,
    now: () => new Date(),
    grantCredits: () => Promise.reject(new Error('no credits were asked for')),
    hashPassword: () => Promise.reject(new Error('no password was given')),
  }
  const input = { email: 'timed@example.com', password: null, credits: 0, signupCredits: 0 }
  const { apiKey } = await createAccount(needs, input)
  expect(await authenticateKey(database.db, apiKey, null)).not.toBeNull()
  expect(isWellFormedSecret(akinTo(apiKey))).toBe(true)
  // All made before any is timed: what making one leaves in the caches is no part of its look-up.
  const texts = Array.from({ length: 2 * inputCounts.timedLookUps }, () => {
    const isAkin = Math.random() < 0.5
    return { isAkin, text: Buffer.from(isAkin ? akinTo(apiKey) : newSecret('default')).toString('latin1') }
  })
  const samples: Sample[] = []
  for (const { isAkin, text } of texts) {
    const beganAt = performance.now()
    const found = await authenticateKey(database.db, text, null)
    samples.push({ isAkin, tookMs: performance.now() - beganAt })
    expect(found).toBeNull()
  }
  const [akin, other] = [true, false].map(kind => medianOf(samples.filter(({ isAkin }) => isAkin === kind)))
  const difference = Math.abs((akin ?? Number.NaN) / (other ?? Number.NaN) - 1)
  // A comparison letter by letter, or a look-up by the beginning, would be far off both.
  expect(difference).toBeLessThan(isProof ? 0.01 : 0.2)
  expect(Math.abs(rankShift(samples))).toBeLessThan(isProof ? 3.3 : 5)
})
