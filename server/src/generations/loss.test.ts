// What a call costs its operator, for every failure there is.
import { expect, test } from 'vitest'
import {
  failureKinds,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderSuccess,
  type Usage,
} from '../providers/provider.ts'
import { costOfDelivered, costOfOutcome, lossOfMissing, lossOfParts, priceOutcome } from './loss.ts'

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

const url = { kind: 'url' as const, url: 'https://upstream.example/1.png', mediaType: null }

function bring(pictures: number, usage: Partial<Usage> = {}): ProviderSuccess {
  const images = Array.from({ length: pictures }, () => url)
  return { kind: 'succeeded', images, usage: { ...noUsage, ...usage }, warnings: [] }
}

test('a call costs its pictures, never the number that was asked for', () => {
  const tariff = { pictureUsdMicro: 3_000 }
  const costs = (outcome: ProviderOutcome) => costOfOutcome(priceOutcome(outcome, tariff), 12_000)
  expect([1, 3, 4].map(pictures => costs(bring(pictures)))).toEqual([3_000, 9_000, 12_000])
  // Those that the upstream says it bills beside them count too, and none is free for what the answer says.
  expect(costs(bring(2, { images: 4 }))).toBe(12_000)
  expect(costs(bring(2, { images: 0 }))).toBe(6_000)
  expect(costs(bring(2, { costUsdMicro: 17 }))).toBe(17)
  // Nothing came and nothing is said: it may have been all.
  expect(costs(bring(0))).toBe(12_000)
  expect(costs(fail('malformed_response'))).toBe(12_000)
  expect(costs(fail('malformed_response', { usage: { ...noUsage, images: 1 } }))).toBe(3_000)
  expect(costs(fail('content_rejected', { stage: 'input', usage: { ...noUsage, images: 1 } }))).toBe(0)
})

test('what costs somebody else is not priced', () => {
  const outcome = bring(2)
  expect(priceOutcome(outcome, null)).toBe(outcome)
  expect(costOfOutcome(outcome, 0)).toBe(0)
})

test('of pictures bought together, those that cannot be kept are lost at their share', () => {
  const bought = { bought: 3, boughtUsdMicro: 100 }
  expect([0, 1, 2, 3, 4].map(kept => lossOfMissing(bought, kept))).toEqual([100, 67, 34, 0, 0])
  expect(lossOfMissing({ bought: 0, boughtUsdMicro: 0 }, 0)).toBe(0)
})
