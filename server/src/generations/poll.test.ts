// Guards that no word of an upstream puts off the reading of work that is paid for beyond what its order can wait.
import { expect, test } from 'vitest'
import type { ProviderOutcome } from '../providers/provider.ts'
import { delayOfRead } from './poll.ts'

const failed = (retryAfterMs?: number): ProviderOutcome => ({
  kind: 'failed',
  failure: 'rate_limited',
  message: 'slow down',
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})
const pending = (pollAfterMs: number): ProviderOutcome => ({
  kind: 'pending',
  task: { id: 'task' },
  pollAfterMs,
})

test.each([
  [failed(), 2_000],
  [failed(700), 700],
  [failed(3_600_000), 15_000],
  [failed(Number.POSITIVE_INFINITY), 15_000],
  [failed(Number.NaN), 1],
  [pending(300), 300],
  [pending(99_999_999_999_000), 600_000],
  [pending(-5), 1],
])('a read that told %o is made again in %i ms', (outcome, delayMs) => {
  expect(delayOfRead(outcome, false)).toBe(delayMs)
})

test('an end is not read again', () => {
  const ended: ProviderOutcome = { kind: 'failed', failure: 'upstream_failed', message: '' }
  expect(delayOfRead(ended, false)).toBe(null)
})
