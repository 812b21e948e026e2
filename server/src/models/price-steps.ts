// At which numbers of pictures to work from a price may change, read from the rules of the price list and the routes.
// What `quotePrice` and `findRefusedField` look at must show here: a list asks for a price at these numbers alone.
import { type ModelEntry, maxReferencesOf, type PriceRule } from './entry.ts'
import type { Dialect } from './options.ts'

/** Ascending, from 1 up: between two of them the price is that of the lower. */
export function listPriceSteps(entry: ModelEntry, dialect: Dialect): number[] {
  const rules = (entry.prices[dialect] ?? []).flatMap(version => version.rules)
  if (rules.some(chargesEach)) return countTo(maxReferencesOf(entry, dialect))
  return toSteps(rules.flatMap(({ when }) => when.minReferences ?? []))
}

/** As the steps of the price, for what its routes take. */
export function listRouteSteps({ routes }: ModelEntry): number[] {
  return toSteps([1, ...routes.map(({ maxReferences }) => maxReferences + 1)])
}

function chargesEach(rule: PriceRule): boolean {
  return rule.kind === 'credits'
    ? rule.creditsPerReference !== 0
    : rule.upstream.cost.perReferenceUsdMicro !== 0
}

function countTo(most: number): number[] {
  return Array.from({ length: most }, (_, index) => index + 1)
}

function toSteps(counts: number[]): number[] {
  return [...new Set(counts)].filter(count => count > 0).toSorted((a, b) => a - b)
}
