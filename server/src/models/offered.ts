// Whether a model can be asked for now: one combination of options that is served and has a price is enough.
import { listCombinations } from './combinations.ts'
import type { ModelEntry } from './entry.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { canServe, quote, type Shelf } from './shelf.ts'

/** True when at least one combination the dialect can express is served now and has a price. */
export function isOffered(shelf: Shelf, entry: ModelEntry, dialect: Dialect): boolean {
  return listCombinations(entry, dialect).some(options => isSold(shelf, entry, { dialect, options }))
}

export function isSold(
  shelf: Shelf,
  entry: ModelEntry,
  order: { dialect: Dialect; options: GenerationOptions },
) {
  return canServe(shelf, entry, order.options) && quote(shelf, entry, order) !== null
}
