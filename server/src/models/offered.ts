// Whether a model can be asked for now: one combination of options that is served and has a price is enough.
import { listCombinations } from './combinations.ts'
import type { ModelEntry } from './entry.ts'
import type { Dialect } from './options.ts'
import { createServing, quote, type Shelf } from './shelf.ts'

/** True when at least one combination the dialect can express is served now and has a price. */
export function isOffered(shelf: Shelf, entry: ModelEntry, dialect: Dialect): boolean {
  const isServed = createServing(shelf, entry)
  return listCombinations(entry, dialect).some(
    options => isServed(options) && quote(shelf, entry, { dialect, options }) !== null,
  )
}
