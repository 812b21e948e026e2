// What is on offer at this moment: the entries, the providers that are configured, and the day. Routing and
// listing both ask here, so that a model is never listed that cannot be resolved.
import type { Quote, QuotePrice, Standing } from './catalog.ts'
import { isRetired, type ModelEntry, type Upstream } from './entry.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { computeSize, formatSize, type SizeTable } from './sizes.ts'
import { findRefusedField } from './upstream.ts'

export type Shelf = {
  /** With the ends that have turned out. */
  readonly entries: ReadonlyMap<string, ModelEntry>
  /** By provider and upstream id; also those of retired routes, whose work may still be under way. */
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly configuredProviders: ReadonlySet<string>
  readonly sandbox: boolean
  standing: () => Standing
  /** Left out: the built-in model serves what names it. */
  onlyConfigured?: true
  creditPriceUsdMicro: number
  quotePrice: QuotePrice
  now: () => Date
  /** Ids of what a dialect can sell now, for refusals. */
  offeredIds?: (dialect: Dialect) => string[]
}

/** The built-in illustrator needs no key and so is there unless it is left out. */
export const SKETCH_PROVIDER = 'sketch'

/** Routes whose provider is configured and whose upstream is not retired, in order of preference. */
export function listLiveRoutes(shelf: Shelf, entry: ModelEntry): Upstream[] {
  const now = shelf.now()
  const withoutBuiltIn = shelf.standing().withoutBuiltIn === true
  return entry.routes.filter(
    route =>
      !(withoutBuiltIn && route.provider === SKETCH_PROVIDER) &&
      (shelf.configuredProviders.has(route.provider) ||
        (route.provider === SKETCH_PROVIDER && !shelf.onlyConfigured)) &&
      !isRetired(route, now),
  )
}

/** Live routes that can serve exactly these options; in the sandbox the built-in model alone, for everything. */
export function listServingRoutes(shelf: Shelf, entry: ModelEntry, options: GenerationOptions): Upstream[] {
  if (shelf.sandbox) return [sandboxRouteFor(shelf, options)]
  return listLiveRoutes(shelf, entry).filter(route => findRefusedField(route, options) === null)
}

export function canServe(shelf: Shelf, entry: ModelEntry, options: GenerationOptions): boolean {
  return createServing(shelf, entry)(options)
}

/** As `canServe`, for many options at one moment. */
export function createServing(shelf: Shelf, entry: ModelEntry): (options: GenerationOptions) => boolean {
  if (shelf.sandbox) return () => true
  const live = listLiveRoutes(shelf, entry)
  return options => live.some(route => findRefusedField(route, options) === null)
}

export function quote(
  shelf: Shelf,
  entry: ModelEntry,
  order: { dialect: Dialect; options: GenerationOptions },
): Quote | null {
  const { creditPriceUsdMicro } = shelf
  return shelf.quotePrice(entry, { ...order, at: shelf.now(), creditPriceUsdMicro })
}

/**
 * The built-in model stands in for another: it takes every option that one takes, and the size of the frozen
 * table for a ratio (or, for a ratio the table does not list, one worked out by the same rule).
 */
export function sandboxRouteFor(shelf: Shelf, options: GenerationOptions): Upstream {
  const sketch = [...shelf.upstreams.values()].find(upstream => upstream.provider === SKETCH_PROVIDER)
  if (sketch?.shape.by !== 'pixels') {
    throw new Error('the catalogue has no route to the built-in model in pixels')
  }
  const { aspectRatio, resolution } = options
  if (options.size !== null || aspectRatio === null || resolution === null) return sketch
  if (sketch.shape.sizes[resolution]?.[aspectRatio] !== undefined) return sketch
  const computed = computeSize(aspectRatio, resolution)
  if (!computed) return sketch
  const sizes: SizeTable = { ...sketch.shape.sizes }
  sizes[resolution] = { ...sizes[resolution], [aspectRatio]: formatSize(computed) }
  return { ...sketch, shape: { ...sketch.shape, sizes } }
}
