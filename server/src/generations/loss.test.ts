// What a call costs its operator, for every failure there is.
import { expect, test } from 'vitest'
import { failureKinds, noUsage, type ProviderFailure } from '../providers/provider.ts'
import { costOfDelivered, costOfOutcome, lossOfMissing, lossOfParts } from './loss.ts'

const share = 40_000

function fail(failure: ProviderFailure['failure'], more: Partial<ProviderFailure> = {}): ProviderFailure {
  return { kind: 'failed', failure, message: 'it said so', ...more }
}

test('a failure that may have been billed costs its share, one that proves that nothing ran costs nothing', () => {
  const costs = Object.fromEntries(failureKinds.map(kind => [kind, costOfOutcome(fail(kind), share)]))
  expect(costs).toEqual({
    invalid_request: 0,
    content_rejected: share,
    rate_limited: 0,
    quota_exhausted: 0,
    unavailable: 0,
    unknown_outcome: share,
    misconfigured: 0,
    malformed_response: share,
    model_retired: 0,
    upstream_failed: share,
  })
})

test('a cost stated by the upstream is the cost, whatever the failure', () => {
  for (const kind of failureKinds) {
    for (const costUsdMicro of [0, 1_234]) {
      expect(costOfOutcome(fail(kind, { usage: { ...noUsage, costUsdMicro } }), share)).toBe(costUsdMicro)
    }
    const without = costOfOutcome(fail(kind), share)
    expect(costOfOutcome(fail(kind, { usage: { ...noUsage, outputTokens: 9 } }), share)).toBe(without)
  }
})

test('only a refusal of the input proves that content was refused before the work', () => {
  const costs = (['input', 'output', 'unknown'] as const).map(stage =>
    costOfOutcome(fail('content_rejected', { stage }), share),
  )
  expect(costs).toEqual([0, share, share])
})

test('a request that was refused as invalid after it had been taken on may be billed', () => {
  expect(costOfOutcome(fail('invalid_request', { accepted: true }), share)).toBe(share)
})

test('each part counts once: as lost without a picture, as bought with one', () => {
  const url = { kind: 'url' as const, url: 'https://upstream.example/1.png', mediaType: null }
  const usage = { ...noUsage, costUsdMicro: 7_000 }
  const parts = [
    { part: 0, outcome: { kind: 'succeeded' as const, images: [url], usage, warnings: [] } },
    { part: 1, outcome: { kind: 'succeeded' as const, images: [url], usage: noUsage, warnings: [] } },
    { part: 2, outcome: { kind: 'succeeded' as const, images: [], usage: noUsage, warnings: [] } },
    { part: 3, outcome: fail('malformed_response') },
    { part: 4, outcome: fail('rate_limited') },
  ]
  expect(costOfDelivered(parts, share)).toBe(7_000 + share)
  expect(lossOfParts(parts, share)).toBe(2 * share)
})

test('of pictures bought together, those that cannot be kept are lost at their share', () => {
  const bought = { bought: 3, boughtUsdMicro: 100 }
  expect([0, 1, 2, 3, 4].map(kept => lossOfMissing(bought, kept))).toEqual([100, 67, 34, 0, 0])
  expect(lossOfMissing({ bought: 0, boughtUsdMicro: 0 }, 0)).toBe(0)
})
