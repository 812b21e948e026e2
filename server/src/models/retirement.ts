// Models whose upstreams are gone: what their callers are told, and what to use instead.
import { isListed, isRetired, type ModelEntry } from './entry.ts'
import { isOffered } from './offered.ts'
import type { Dialect } from './options.ts'
import { type Shelf, SKETCH_PROVIDER } from './shelf.ts'

/** What became of a model that is served no more; null where that is no question of retirement. */
export function describeRetirement(shelf: Shelf, entry: ModelEntry, dialect: Dialect): string | null {
  const end = lastEnd(shelf, entry)
  if (end === null) return null
  const heir = findSuccessor(shelf, entry, dialect)
  return `The model ${entry.id} was retired upstream on ${end} and is served no more.${heir ? ` Use ${heir}.` : ''}`
}

/**
 * The model that replaces it: the one that the catalogue names, else one of this dialect which is served and routes to
 * the upstream's own successor, else the name that the upstream gives.
 */
export function findSuccessor(shelf: Shelf, entry: ModelEntry, dialect: Dialect): string | null {
  if (entry.successor !== null) return entry.successor
  const now = shelf.now()
  // What has ended itself succeeds nobody.
  const ended = entry.routes.filter(route => isRetired(route, now)).map(({ model }) => model)
  const successors = entry.routes.flatMap(route => route.successor ?? []).toReversed()
  const names = successors.filter(name => !ended.includes(name))
  for (const name of names) {
    const heir = [...shelf.entries.values()].find(
      each =>
        each !== entry &&
        isListed(each, dialect) &&
        each.routes.some(({ model }) => model === name) &&
        isOffered(shelf, each, dialect),
    )
    if (heir) return heir.id
  }
  return names[0] ?? null
}

/** The day on which the last route ended, of all there are or of all that are configured; null = one has not. */
function lastEnd(shelf: Shelf, entry: ModelEntry): string | null {
  if (shelf.sandbox) return null
  const now = shelf.now()
  const configured = entry.routes.filter(
    ({ provider }) => provider === SKETCH_PROVIDER || shelf.configuredProviders.has(provider),
  )
  for (const routes of [entry.routes, configured]) {
    const ends = routes.flatMap(route => (isRetired(route, now) ? (route.retiresAt ?? []) : []))
    if (routes.length > 0 && ends.length === routes.length) return ends.toSorted().at(-1) ?? null
  }
  return null
}
