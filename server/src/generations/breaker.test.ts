// G-13's rules at the breaker itself; test/breaker.test.ts shows them over the wire.
import { expect, test } from 'vitest'
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'
import { noUsage } from '../providers/provider.ts'
import { createBreaker, failuresToOpen, probeEveryMs } from './breaker.ts'

const target = { provider: 'openai', upstreamModel: 'gpt-image-2' }
const worked: ProviderOutcome = { kind: 'succeeded', images: [], usage: noUsage, warnings: [] }
const failed = (failure: FailureKind): ProviderOutcome => ({ kind: 'failed', failure, message: 'it said so' })
const broken = failed('unknown_outcome')

function createTestBreaker() {
  const told: string[] = []
  const clock = { ms: 1_000_000 }
  const breaker = createBreaker(
    {
      breakerOpened: each => told.push(`opened ${each.upstreamModel}`),
      breakerClosed: each => told.push(`closed ${each.upstreamModel}`),
    },
    { nowMs: () => clock.ms },
  )
  const call = (outcomes: ProviderOutcome[], at = target) => {
    const leave = breaker.enter(at)
    leave?.(outcomes)
    return leave !== null
  }
  const fail = (times: number) => {
    for (let count = 0; count < times; count += 1) call([broken])
  }
  return { breaker, call, fail, told, clock }
}

test('opens after so many failures in a row, for the one upstream model alone', () => {
  const { breaker, call, fail, told } = createTestBreaker()
  fail(failuresToOpen - 1)
  call([worked])
  fail(failuresToOpen - 1)
  expect([breaker.waitMs(target), told]).toEqual([0, []])
  fail(1)
  expect([breaker.waitMs(target), told]).toEqual([probeEveryMs, ['opened gpt-image-2']])
  expect(call([worked])).toBe(false)
  const others = [
    { ...target, upstreamModel: 'gpt-image-1.5' },
    { ...target, provider: 'google' },
  ]
  for (const other of others) expect([breaker.waitMs(other), call([worked], other)]).toEqual([0, true])
})

test('what a customer asked wrongly, and our own rate, count neither as failures nor as a sign of life', () => {
  const { breaker, call, fail } = createTestBreaker()
  const neutral: FailureKind[] = ['invalid_request', 'content_rejected', 'rate_limited']
  for (const failure of neutral) for (let at = 0; at <= failuresToOpen; at += 1) call([failed(failure)])
  expect(breaker.waitMs(target)).toBe(0)
  fail(failuresToOpen - 1)
  for (const failure of neutral) call([failed(failure)])
  // A part that the customer is to blame for says nothing of the others.
  call([broken, failed('content_rejected')])
  expect(breaker.waitMs(target)).toBe(0)
  fail(1)
  expect(breaker.waitMs(target)).toBe(probeEveryMs)
})

test("every failure that is not the customer's opens it", () => {
  const faults: FailureKind[] = [
    'quota_exhausted',
    'unavailable',
    'unknown_outcome',
    'misconfigured',
    'malformed_response',
    'model_retired',
    'upstream_failed',
  ]
  for (const failure of faults) {
    const { breaker, call } = createTestBreaker()
    for (let at = 0; at < failuresToOpen; at += 1) call([failed(failure)])
    expect(breaker.waitMs(target), failure).toBe(probeEveryMs)
  }
})

test('lets one call through each period, also while the last one is not back, and closes with a success', () => {
  const { breaker, call, fail, told, clock } = createTestBreaker()
  fail(failuresToOpen)
  clock.ms += probeEveryMs
  const probe = breaker.enter(target)
  expect([probe === null, breaker.enter(target)]).toEqual([false, null])
  clock.ms += probeEveryMs
  expect([call([broken]), call([broken])]).toEqual([true, false])
  probe?.([worked])
  expect([breaker.waitMs(target), told]).toEqual([0, ['opened gpt-image-2', 'closed gpt-image-2']])
  // One failure after it is one failure.
  fail(failuresToOpen - 1)
  expect(breaker.waitMs(target)).toBe(0)
})

test('what began before it opened, or before it closed, tells nothing of now', () => {
  const { breaker, call, fail, told, clock } = createTestBreaker()
  const before = Array.from({ length: 2 * failuresToOpen }, () => breaker.enter(target))
  fail(failuresToOpen)
  before[0]?.([worked])
  expect(breaker.waitMs(target)).toBe(probeEveryMs)
  clock.ms += probeEveryMs
  expect(call([worked])).toBe(true)
  for (const leave of before) leave?.([broken])
  expect([breaker.waitMs(target), told]).toEqual([0, ['opened gpt-image-2', 'closed gpt-image-2']])
})
