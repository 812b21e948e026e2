// A catalogue entry as the service uses it: every name resolved, so that pricing and routing read one object.
import type { Dialect } from './options.ts'
import type { FileModel, FileUpstream } from './schema.ts'
import type { FreeSizeRule, SizeTable } from './sizes.ts'

/** How an upstream is told the shape: a ratio (with a resolution word), or pixels. */
export type UpstreamShape =
  | { by: 'ratio'; sizes: SizeTable; resolutionWords: Record<string, string> | null }
  | { by: 'pixels'; sizes: SizeTable; free: FreeSizeRule | null }

/** What one upstream model can do, by its vendor's word. Shared by every model that routes to it. */
export type Upstream = Omit<FileUpstream, 'shape'> & { shape: UpstreamShape }

export type PriceConditions = {
  quality: string | null
  resolution: string | null
  sizes: string[] | null
  thinkingLevel: 'default' | 'deep' | null
  minReferences: number | null
}

/** Fixed credits, or the marked default: the cost of `upstream` (for the given options) with the margin. */
export type PriceRule = { when: PriceConditions } & (
  | { kind: 'credits'; credits: number; creditsPerReference: number }
  | {
      kind: 'default'
      upstream: Upstream
      quality: string | null
      resolution: string | null
      size: string | null
    }
)

/** In force from this UTC day on; null = from the beginning. The first rule that holds counts. */
export type PriceVersion = { from: string | null; rules: PriceRule[] }

export type ModelEntry = Omit<FileModel, 'routes' | 'prices'> & {
  /** In order of preference. */
  routes: Upstream[]
  /** The weight of each route, in the same order. */
  weights: number[]
  /** For every dialect that lists the model, and always for `native` and `openai`. Versions in order of `from`. */
  prices: Partial<Record<Dialect, PriceVersion[]>>
}

/** Dialects in which every model can be called, whichever its home is. */
const openDialects: readonly Dialect[] = ['native', 'openai']

/** True when the dialect lists the model. */
export function isListed(entry: ModelEntry, dialect: Dialect): boolean {
  return openDialects.includes(dialect) || entry.dialects.some(listed => listed === dialect)
}

export function maxReferencesOf(entry: ModelEntry, dialect: Dialect): number {
  return entry.limits[dialect]?.maxReferences ?? entry.maxReferences
}

export function maxCountOf(entry: ModelEntry, dialect: Dialect): number {
  return entry.limits[dialect]?.maxCount ?? entry.maxCount
}

/** A route by its name, as the maps of the catalogue have it. */
export function upstreamKey(provider: string, model: string): string {
  return `${provider}/${model}`
}

/** The UTC day of an instant, as `YYYY-MM-DD`; days compare as text. */
export function dayOf(at: Date): string {
  const number = Math.floor(at.getTime() / DAY_MS)
  if (number !== lastDay.number) lastDay = { number, text: at.toISOString().slice(0, 10) }
  return lastDay.text
}

const DAY_MS = 86_400_000
/** A list asks for the same day thousands of times, and to write one takes longer than all else it asks. */
let lastDay = { number: Number.NaN, text: '' }

/** True from midnight UTC at the start of the retirement day. */
export function isRetired(upstream: Upstream, at: Date): boolean {
  return upstream.retiresAt !== null && dayOf(at) >= upstream.retiresAt
}
