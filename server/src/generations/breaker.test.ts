// G-13's rules at the breaker itself; test/breaker.test.ts shows them over the wire.
import { expect, test } from 'vitest'
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'
import { noUsage } from '../providers/provider.ts'
import { createBreaker, failuresOfOne, failuresToOpen, probeEveryMs } from './breaker.ts'

const target = { provider: 'openai', upstreamModel: 'gpt-image-2' }
const worked: ProviderOutcome = { kind: 'succeeded', images: [], usage: noUsage, warnings: [] }
const failed = (failure: FailureKind): ProviderOutcome => ({ kind: 'failed', failure, message: 'it said so' })
const broken = failed('unknown_outcome')

const of = (accountId: string | null) => (accountId === null ? '' : ` for ${accountId}`)

function createTestBreaker() {
  const told: string[] = []
  const clock = { ms: 1_000_000 }
  const breaker = createBreaker(
    {
      breakerOpened: (each, accountId) => told.push(`opened ${each.upstreamModel}${of(accountId)}`),
      breakerClosed: (each, accountId) => told.push(`closed ${each.upstreamModel}${of(accountId)}`),
    },
    { nowMs: () => clock.ms },
  )
  // A row of failures is of many accounts unless a test says otherwise.
  let turn = 0
  const anyone = () => `account ${turn++ % 5}`
  const call = (outcomes: ProviderOutcome[], { at = target, by = anyone() } = {}) => {
    const entry = breaker.enter(at, by)
    entry?.leave(outcomes)
    return entry !== null
  }
  const fail = (times: number, by?: string) => {
    for (let count = 0; count < times; count += 1) call([broken], by === undefined ? {} : { by })
  }
  return { breaker, call, fail, told, clock }
}

test('opens after so many failures in a row, for the one upstream model alone', () => {
  const { breaker, call, fail, told } = createTestBreaker()
  fail(failuresToOpen - 1)
  call([worked])
  fail(failuresToOpen - 1)
  expect([breaker.waitMs(target, 'somebody'), told]).toEqual([0, []])
  fail(1)
  expect([breaker.waitMs(target, 'somebody'), told]).toEqual([probeEveryMs, ['opened gpt-image-2']])
  expect(call([worked])).toBe(false)
  const others = [
    { ...target, upstreamModel: 'gpt-image-1.5' },
    { ...target, provider: 'google' },
  ]
  for (const other of others)
    expect([breaker.waitMs(other, 'somebody'), call([worked], { at: other })]).toEqual([0, true])
})

test('what a customer asked wrongly, and our own rate, count neither as failures nor as a sign of life', () => {
  const { breaker, call, fail } = createTestBreaker()
  const neutral: FailureKind[] = ['invalid_request', 'content_rejected', 'rate_limited']
  for (const failure of neutral) for (let at = 0; at <= failuresToOpen; at += 1) call([failed(failure)])
  expect(breaker.waitMs(target, 'somebody')).toBe(0)
  fail(failuresToOpen - 1)
  for (const failure of neutral) call([failed(failure)])
  // A part that the customer is to blame for says nothing of the others.
  call([broken, failed('content_rejected')])
  expect(breaker.waitMs(target, 'somebody')).toBe(0)
  fail(1)
  expect(breaker.waitMs(target, 'somebody')).toBe(probeEveryMs)
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
    expect(breaker.waitMs(target, 'somebody'), failure).toBe(probeEveryMs)
  }
})

test('lets one call through each period, also while the last one is not back, and closes with a success', () => {
  const { breaker, call, fail, told, clock } = createTestBreaker()
  fail(failuresToOpen)
  clock.ms += probeEveryMs
  const probe = breaker.enter(target, 'somebody')
  expect([probe === null, breaker.enter(target, 'somebody')]).toEqual([false, null])
  clock.ms += probeEveryMs
  expect([call([broken]), call([broken])]).toEqual([true, false])
  probe?.leave([worked])
  expect([breaker.waitMs(target, 'somebody'), told]).toEqual([
    0,
    ['opened gpt-image-2', 'closed gpt-image-2'],
  ])
  // One failure after it is one failure.
  fail(failuresToOpen - 1)
  expect(breaker.waitMs(target, 'somebody')).toBe(0)
})

test('what began before it opened, or before it closed, tells nothing of now', () => {
  const { breaker, call, fail, told, clock } = createTestBreaker()
  const before = Array.from({ length: 2 * failuresToOpen }, () => breaker.enter(target, 'somebody'))
  fail(failuresToOpen)
  before[0]?.leave([worked])
  expect(breaker.waitMs(target, 'somebody')).toBe(probeEveryMs)
  clock.ms += probeEveryMs
  expect(call([worked])).toBe(true)
  for (const entry of before) entry?.leave([broken])
  expect([breaker.waitMs(target, 'somebody'), told]).toEqual([
    0,
    ['opened gpt-image-2', 'closed gpt-image-2'],
  ])
})

test('one account opens it for itself alone, and its own success lets it in again', () => {
  const { breaker, call, fail, told, clock } = createTestBreaker()
  fail(failuresToOpen - 1, 'one')
  // What others are given does not make its own contents better.
  call([worked], { by: 'two' })
  fail(1, 'one')
  expect(told).toEqual(['opened gpt-image-2 for one'])
  expect([breaker.waitMs(target, 'one'), breaker.waitMs(target, 'two')]).toEqual([probeEveryMs, 0])
  expect([breaker.stateOf(target), call([worked], { by: 'one' })]).toEqual(['closed', false])
  clock.ms += probeEveryMs
  expect(breaker.enter(target, 'one')?.isProbe).toBe(true)
  expect(breaker.enter(target, 'two')?.isProbe).toBe(false)
  clock.ms += probeEveryMs
  call([worked], { by: 'one' })
  expect([breaker.waitMs(target, 'one'), told.at(-1)]).toEqual([0, 'closed gpt-image-2 for one'])
})

test('an account is good for half of what opens it for all, unless no content can be the cause', () => {
  const { breaker, call, fail } = createTestBreaker()
  fail(3 * failuresToOpen, 'one')
  expect(breaker.waitMs(target, 'two')).toBe(0)
  fail(failuresOfOne - 1, 'two')
  expect(breaker.waitMs(target, 'three')).toBe(0)
  fail(1, 'two')
  expect([breaker.waitMs(target, 'three'), breaker.stateOf(target)]).toEqual([probeEveryMs, 'open'])
  const other = { ...target, upstreamModel: 'gpt-image-1.5' }
  for (let at = 0; at < failuresToOpen; at += 1) call([failed('unavailable')], { at: other, by: 'one' })
  expect(breaker.waitMs(other, 'three')).toBe(probeEveryMs)
})

test('is half open when a probe may begin', () => {
  const { breaker, fail, clock } = createTestBreaker()
  fail(failuresToOpen)
  clock.ms += probeEveryMs
  expect(breaker.stateOf(target)).toBe('half_open')
  expect(breaker.enter(target, 'somebody')?.isProbe).toBe(true)
  expect(breaker.stateOf(target)).toBe('open')
})

test('reads and ends of earlier tasks neither hide that calls fail nor close what calls opened', () => {
  const { breaker, call, fail, clock } = createTestBreaker()
  const pending: ProviderOutcome = { kind: 'pending', task: { id: 'task' }, pollAfterMs: 1_000 }
  const hear = () => {
    breaker.note(target, { accountId: 'account 0', stage: 'read', outcomes: [pending], ageMs: 0 })
    breaker.note(target, { accountId: 'account 0', stage: 'end', outcomes: [worked], ageMs: 0 })
  }
  for (let at = 0; at < failuresToOpen; at += 1) {
    fail(1)
    hear()
  }
  expect(breaker.stateOf(target)).toBe('open')
  hear()
  expect(breaker.stateOf(target)).toBe('open')
  clock.ms += probeEveryMs
  call([pending])
  expect(breaker.stateOf(target)).toBe('closed')
})

test('one task that cannot be read closes the door on its account alone', () => {
  const { breaker } = createTestBreaker()
  const outcomes = [failed('unavailable')]
  for (let at = 0; at < failuresToOpen * 2; at += 1)
    breaker.note(target, { accountId: 'unlucky', stage: 'read', outcomes, ageMs: 0 })
  expect([breaker.stateOf(target), breaker.waitMs(target, 'other')]).toEqual(['closed', 0])
  expect(breaker.waitMs(target, 'unlucky')).toBeGreaterThan(0)
})

const withAddress: ProviderOutcome = {
  ...{ kind: 'succeeded', usage: noUsage, warnings: [] },
  images: [{ kind: 'url', url: 'https://files.example/a.png', mediaType: null }],
}
const lost = failed('malformed_response')

test('calls that are answered with addresses at which nothing is had open it, and a picture that is had closes it', () => {
  const { breaker, call, told, clock } = createTestBreaker()
  const collect = (outcome: ProviderOutcome, at: number, ageMs = 0) => {
    const heard = { accountId: `account ${at % 5}`, stage: 'output' as const, outcomes: [outcome], ageMs }
    breaker.note(target, heard)
  }
  for (let at = 0; at < failuresToOpen; at += 1) {
    expect(call([withAddress])).toBe(true)
    // Of orders whose tasks ended before, alike.
    breaker.note(target, { accountId: 'account 0', stage: 'end', outcomes: [withAddress], ageMs: 0 })
    collect(lost, at)
  }
  expect([breaker.stateOf(target), told]).toEqual(['open', ['opened gpt-image-2']])
  clock.ms += probeEveryMs
  // A probe that is answered is no picture, and one that was asked for before it opened says nothing of now.
  expect(call([withAddress])).toBe(true)
  collect(worked, 1, 2 * probeEveryMs)
  expect(breaker.stateOf(target)).toBe('open')
  collect(worked, 1)
  expect([breaker.stateOf(target), told.at(-1)]).toEqual(['closed', 'closed gpt-image-2'])
})

test('lost pictures between pictures that are had leave it closed, however the call brought those', () => {
  const { breaker, call } = createTestBreaker()
  const lose = (times: number, by = 5) => {
    for (let at = 0; at < times; at += 1) {
      const heard = { accountId: `account ${at % by}`, stage: 'output' as const, ageMs: 0 }
      breaker.note(target, { ...heard, outcomes: [lost] })
    }
  }
  for (let round = 0; round < 3; round += 1) {
    lose(failuresToOpen - 1)
    call([worked])
    lose(failuresToOpen - 1)
    breaker.note(target, { accountId: 'account 0', stage: 'end', outcomes: [worked], ageMs: 0 })
    lose(failuresToOpen - 1)
    breaker.note(target, { accountId: 'account 0', stage: 'output', outcomes: [worked], ageMs: 0 })
  }
  expect(breaker.stateOf(target)).toBe('closed')
  // What one account asks for may be the cause.
  lose(3 * failuresToOpen, 1)
  expect([breaker.stateOf(target), breaker.waitMs(target, 'account 0') > 0]).toEqual(['closed', true])
})
