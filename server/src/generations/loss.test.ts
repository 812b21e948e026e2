// What a call costs its operator, for every failure there is.
import { expect, test } from 'vitest'
import type { TokenPrices } from '../models/catalog.ts'
import {
  failureKinds,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderSuccess,
  type Usage,
} from '../providers/provider.ts'
import { costOfOutcome, priceOutcome } from './call-cost.ts'
import { costOfDelivered, lossOfMissing, lossOfParts } from './loss.ts'

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
    // Tokens are a cost only where they have a price.
    const without = costOfOutcome(fail(kind), share)
    const byPicture = { pictureUsdMicro: share, tokenPrices: null }
    const told = fail(kind, { usage: { ...noUsage, outputTokens: 9 } })
    expect(costOfOutcome(priceOutcome(told, byPicture), share)).toBe(without)
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
  const tariff = { pictureUsdMicro: 3_000, tokenPrices: null }
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

const openai = { textIn: 5_000_000, imageIn: 8_000_000, textOut: null, imageOut: 30_000_000, thinking: null }
const gemini = {
  ...{ textIn: 2_000_000, imageIn: 2_000_000, textOut: 12_000_000 },
  ...{ imageOut: 120_000_000, thinking: 12_000_000 },
}

test('a call whose answer tells its tokens costs them, each kind at its price and each token once', () => {
  const cost = (tokenPrices: TokenPrices, usage: Partial<Usage>) =>
    costOfOutcome(priceOutcome(bring(1, usage), { pictureUsdMicro: 5_880, tokenPrices }), share)
  const edit = { inputTokens: 274, inputTextTokens: 2, inputImageTokens: 272, outputTokens: 196 }
  expect(cost(openai, edit)).toBe(8_066)
  expect(cost(openai, { ...edit, outputImageTokens: 196, outputTextTokens: 0 })).toBe(8_066)
  // Without details all that was given is text, and all that was made a picture.
  expect(cost(openai, { inputTokens: 274, outputTokens: 196 })).toBe(274 * 5 + 196 * 30)
  const thought = { inputTokens: 9, outputTokens: 1_360, outputImageTokens: 1_120, thinkingTokens: 240 }
  expect(cost(gemini, thought)).toBe(9 * 2 + 1_120 * 120 + 240 * 12)
  expect(cost(gemini, { ...thought, costUsdMicro: 5 })).toBe(5)
  // A fraction of a micro-dollar is one.
  expect(cost({ ...gemini, textIn: 300_000 }, { inputTokens: 1, outputTokens: 1 })).toBe(121)
})

test('without tokens, and with some that have no price, a call costs its pictures', () => {
  const tariff = { pictureUsdMicro: 5_880, tokenPrices: openai }
  const cost = (usage: Partial<Usage>) => costOfOutcome(priceOutcome(bring(2, usage), tariff), share)
  for (const usage of [
    {},
    { inputTokens: 0, outputTokens: 0 },
    { inputTokens: 40 },
    { outputTokens: 200, outputTextTokens: 4 },
    { outputTokens: 200, thinkingTokens: 4 },
    { outputTokens: Number.MAX_SAFE_INTEGER },
  ])
    expect([usage, cost(usage)]).toEqual([usage, 11_760])
})

test('a failure whose answer tells its tokens costs them, and what it does not tell costs its share', () => {
  const tariff = { pictureUsdMicro: 134_000, tokenPrices: gemini }
  const cost = (failure: ProviderFailure['failure'], usage: Partial<Usage>, more = {}) =>
    costOfOutcome(priceOutcome(fail(failure, { usage: { ...noUsage, ...usage }, ...more }), tariff), 134_000)
  const thought = { inputTokens: 9, outputTokens: 240, thinkingTokens: 240 }
  expect(cost('content_rejected', thought, { stage: 'output' })).toBe(9 * 2 + 240 * 12)
  expect(cost('malformed_response', thought)).toBe(9 * 2 + 240 * 12)
  expect(cost('content_rejected', { inputTokens: 9 }, { stage: 'input' })).toBe(9 * 2)
  expect(cost('content_rejected', {}, { stage: 'input' })).toBe(0)
  expect(cost('malformed_response', { inputTokens: 9 })).toBe(134_000)
  expect(cost('unknown_outcome', {})).toBe(134_000)
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
