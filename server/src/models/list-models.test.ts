// How much is worked out for a list that nobody has asked for today, and that what is not worked out is still true.
import { expect, test } from 'vitest'
import { ask, getEntry, openCatalog, shippedEntries } from '../../test/shipped-catalog.ts'
import { quotePrice } from '../credits/pricing.ts'
import type { ListedPrice, OwnUse } from './catalog.ts'
import { listCombinations } from './combinations.ts'
import { createCatalog } from './create-catalog.ts'
import type { ModelEntry } from './entry.ts'
import { dialects } from './options.ts'

const providers = [...new Set(shippedEntries.flatMap(({ routes }) => routes.map(route => route.provider)))]

/** For one picture, and for one made from as many pictures as are said, where that is another price. */
function priceIn(row: ListedPrice, { modes }: ModelEntry, pictures: number): number {
  const fewest = modes.includes('generate') ? 0 : 1
  return row.creditsWithReferences[pictures - fewest - 1] ?? row.credits
}

const mostOf = (entry: ModelEntry) => (entry.modes.includes('edit') ? entry.maxReferences : 0)

/** Rules that name a price for each picture; there the list says one for each number of them. */
const chargesEach = (entry: ModelEntry) =>
  Object.values(entry.prices)
    .flatMap(versions => versions.flatMap(({ rules }) => rules))
    .some(rule =>
      rule.kind === 'credits' ? rule.creditsPerReference > 0 : rule.upstream.cost.perReferenceUsdMicro > 0,
    )

test.each(dialects)('a list in the words of %s asks for a price once for what has one price', dialect => {
  const quotes = new Map<string, number>()
  const standing = { configuredProviders: new Set(providers), sandbox: false }
  const catalog = createCatalog({
    entries: shippedEntries,
    standing: () => standing,
    creditPriceUsd: 0.01,
    quotePrice(entry, request) {
      quotes.set(entry.id, (quotes.get(entry.id) ?? 0) + 1)
      return quotePrice(entry, request)
    },
    now: () => new Date('2026-11-21T12:00:00.000Z'),
  })
  catalog.list(dialect)
  expect(quotes.size).toBeGreaterThan(0)
  for (const [id, asked] of quotes) {
    const entry = getEntry(id)
    const counts = listCombinations(entry, dialect).map(({ referenceCount }) => referenceCount)
    const without = counts.filter(count => count === Math.min(...counts)).length
    expect(asked, id).toBeLessThanOrEqual(without * (chargesEach(entry) ? 1 + mostOf(entry) : 1))
  }
  const before = new Map(quotes)
  catalog.list(dialect)
  expect(quotes).toEqual(before)
})

test('a list for own keys asks what is served by them where that may change, not for each picture', () => {
  for (const entry of shippedEntries.filter(each => !chargesEach(each))) {
    let fees = 0
    const feeOf = (price: number) => {
      fees += 1
      return price
    }
    openCatalog({ entries: [entry], providers: [], withoutBuiltIn: true }).list('native', {
      providers: new Set(providers),
      feeOf,
    })
    const counts = listCombinations(entry, 'native').map(({ referenceCount }) => referenceCount)
    const rows = counts.filter(count => count === Math.min(...counts)).length
    expect(fees, entry.id).toBeLessThanOrEqual(rows * (2 + entry.routes.length))
  }
})

test('the price of every number of pictures is the one that an order of so many has', () => {
  const catalog = openCatalog({ providers })
  let changed = 0
  for (const model of catalog.list('native').filter(({ offered }) => offered)) {
    const entry = getEntry(model.id)
    for (const row of model.prices) {
      for (
        let pictures = entry.modes.includes('generate') ? 0 : 1;
        pictures <= model.maxReferences;
        pictures += 1
      ) {
        const offer = catalog.resolve('native', model.id, toOptions(row, pictures))
        expect(priceIn(row, entry, pictures), `${model.id} from ${pictures}`).toBe(offer.unitPrice)
      }
      if (row.creditsWithReferences.length > 0) changed += 1
    }
  }
  expect(changed).toBeGreaterThan(0)
})

test('with own keys it is the fee as far as their provider takes so many pictures, and the price beyond', () => {
  // The first route of each takes two pictures at most, as some upstreams do.
  const entries = shippedEntries.map(entry => ({
    ...entry,
    routes: entry.routes.map((route, index) =>
      index === 0 ? { ...route, maxReferences: Math.min(2, route.maxReferences) } : route,
    ),
  }))
  const catalog = openCatalog({ entries, providers })
  let changed = 0
  for (const provider of providers) {
    const own: OwnUse = { providers: new Set([provider]), feeOf: () => 0 }
    const owned = catalog.under(own.providers)
    for (const model of catalog.list('native', own)) {
      const entry = getEntry(model.id)
      const row = model.prices[0]
      if (!model.offered || !row) continue
      for (
        let pictures = entry.modes.includes('generate') ? 0 : 1;
        pictures <= model.maxReferences;
        pictures += 1
      ) {
        const offer = catalog.resolve('native', model.id, toOptions(row, pictures))
        const price = owned.routes(model.id, offer.options).length > 0 ? 0 : offer.unitPrice
        expect(priceIn(row, entry, pictures), `${provider} ${model.id} from ${pictures}`).toBe(price)
      }
      if (row.creditsWithReferences.includes(0) && row.creditsWithReferences.some(price => price > 0))
        changed += 1
    }
  }
  expect(changed).toBeGreaterThan(0)
})

function toOptions({ resolution, size, quality, thinkingLevel, aspectRatio }: ListedPrice, pictures: number) {
  const level = thinkingLevel as ReturnType<typeof ask>['thinkingLevel']
  return ask({ resolution, size, quality, aspectRatio, thinkingLevel: level, referenceCount: pictures })
}
