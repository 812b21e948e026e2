// The schedules of both policies, and what an answer does to them.
import { expect, test } from 'vitest'
import { decideNext, type Policy, policies } from './policy.ts'

function runDown(policy: Policy, random: number): (number | null)[] {
  const delays: (number | null)[] = []
  for (let tries = 1; delays.at(-1) !== null; tries += 1) {
    const failed = { status: 500, retryAfter: null }
    delays.push(decideNext(policy, failed, { tries, random }).delayMs)
  }
  return delays
}

test('the default policy tries four times: after 30 s, 2 min and 10 min, to the millisecond', () => {
  for (const random of [0, 0.5, 0.999]) {
    expect(runDown(policies.default, random)).toEqual([30_000, 120_000, 600_000, null])
  }
})

test('the standard policy tries ten times over more than three days, spread by a tenth', () => {
  const seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
  expect(runDown(policies.standard, 0.5)).toEqual([...seconds.map(each => each * 1_000), null])
  expect(runDown(policies.standard, 0)).toEqual([...seconds.map(each => each * 900), null])
})

const last = { tries: 1, random: 0.5 }

test('only 2xx is a success', () => {
  const statuses = [200, 204, 299, 300, 301, 307, 400, 404, 410, 429, 500, 503, null]
  const successes = statuses.filter(
    status => decideNext(policies.default, { status, retryAfter: null }, last).ok,
  )
  expect(successes).toEqual([200, 204, 299])
})

test('a 410 ends an endpoint under the standard policy and is a failure under the default one', () => {
  const gone = { status: 410, retryAfter: null }
  expect(decideNext(policies.standard, gone, last)).toEqual({ ok: false, delayMs: null, gone: true })
  expect(decideNext(policies.default, gone, last)).toEqual({ ok: false, delayMs: 30_000, gone: false })
})

test('Retry-After is obeyed by the standard policy alone, with 429 and 503, up to a day', () => {
  const delay = (policy: Policy, status: number, retryAfter: string) =>
    decideNext(policy, { status, retryAfter }, last).delayMs
  expect(delay(policies.standard, 429, '3600')).toBe(3_600_000)
  expect(delay(policies.standard, 503, '999999')).toBe(86_400_000)
  expect(delay(policies.standard, 503, '1')).toBe(5_000)
  expect(delay(policies.standard, 503, 'Wed, 21 Oct 2026 07:28:00 GMT')).toBe(5_000)
  expect(delay(policies.standard, 500, '3600')).toBe(5_000)
  expect(delay(policies.default, 429, '3600')).toBe(30_000)
})
