// Bends a request to what a model offers, for callers who asked for that: the nearest shape, the most pictures there are,
// options left out; and says in plain words what was changed. Pictures to work from are never left out. Pure, so that a
// quote and the charge see the same.
import { type ModelEntry, maxCountOf } from './entry.ts'
import { nearestRatio, nearestResolution, nearestSize } from './nearest.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { fillDefaults, findOptionIssues } from './options-check.ts'
import { parseRatio, parseResolution, parseSize } from './sizes.ts'

/** The option that stands in the way; `allowed` names values that would work, null = whatever the model declares. */
export type Fault = { path: keyof GenerationOptions; allowed: readonly string[] | null }

/** Why no live route can serve options that the model does support; null = one can. */
export type FindFault = (options: GenerationOptions) => Fault | null

type Change = Partial<GenerationOptions>

/** More than there are options that can stand in the way, each once for the model and once for its routes. */
const MAX_CHANGES = 24

/** What it cannot bend it leaves as it is: the check behind it refuses that. */
export function adaptOptions(
  entry: ModelEntry,
  order: { dialect: Dialect; options: GenerationOptions },
  findFault: FindFault,
): { options: GenerationOptions; warnings: string[] } {
  const { dialect } = order
  let { options } = order
  const warnings: string[] = []
  for (let changes = 0; changes < MAX_CHANGES; changes += 1) {
    const filled = fillDefaults(entry, dialect, options)
    const [issue] = findOptionIssues(entry, dialect, filled)
    const fault = issue ? { path: issue.path, allowed: null } : findFault(filled)
    const change = fault && mend(entry, { dialect, options: filled }, fault)
    if (!fault || !change) break
    const changed = { ...options, ...change }
    const after = fillDefaults(entry, dialect, changed)
    if (JSON.stringify(after) === JSON.stringify(filled)) break
    warnings.push(describeChange(fault.path, filled, after))
    options = changed
  }
  return { options, warnings }
}

/** Null = only the caller can mend it. */
function mend(
  entry: ModelEntry,
  { dialect, options }: { dialect: Dialect; options: GenerationOptions },
  { path, allowed }: Fault,
): Change | null {
  switch (path) {
    case 'aspectRatio':
      return mendRatio(entry, options, allowed ?? entry.aspectRatios)
    case 'resolution':
      return { resolution: nearestResolution(options.resolution, allowed ?? entry.resolutions) }
    case 'size':
      return mendSize(entry, options, allowed)
    case 'quality':
      return { quality: allowed?.[0] ?? null }
    case 'count':
      return { count: clamp(options.count, 1, maxCountOf(entry, dialect)) }
    case 'partialImages':
      return { partialImages: clamp(options.partialImages, 0, 3) }
    case 'referenceCount':
    case 'hasMask':
      return null
    default:
      return { [path]: null }
  }
}

function clamp(value: number, min: number, max: number): number {
  return Number.isInteger(value) ? Math.min(Math.max(value, min), max) : value
}

/** In pixels where the model knows no ratios. */
function mendRatio(entry: ModelEntry, options: GenerationOptions, allowed: readonly string[]): Change {
  if (allowed.length > 0) return { aspectRatio: nearestRatio(options.aspectRatio, allowed) }
  const ratio = parseRatio(options.aspectRatio ?? '')
  const edge = parseResolution(options.resolution ?? '1K') ?? 1024
  const scale = ratio ? edge / Math.sqrt(ratio.width * ratio.height) : 0
  const wanted = ratio && { width: ratio.width * scale, height: ratio.height * scale }
  return { aspectRatio: null, resolution: null, size: nearestSize(wanted, entry.sizes) }
}

/** As a ratio where the model knows no pixels. */
function mendSize(entry: ModelEntry, options: GenerationOptions, allowed: readonly string[] | null): Change {
  const { aspectRatio, resolution, size } = options
  if (aspectRatio !== null || resolution !== null) return { aspectRatio: null, resolution: null }
  const wanted = parseSize(size ?? '')
  if (allowed) return { size: nearestSize(wanted, { listed: [...allowed], free: null }) }
  if (entry.sizes || !wanted) return { size: nearestSize(wanted, entry.sizes) }
  const edge = Math.round(Math.sqrt(wanted.width * wanted.height))
  return {
    size: null,
    aspectRatio: nearestRatio(`${wanted.width}:${wanted.height}`, entry.aspectRatios),
    resolution: nearestResolution(String(edge), entry.resolutions),
  }
}

const labels: Partial<Record<keyof GenerationOptions, string>> = {
  aspectRatio: 'aspect ratio',
  thinkingLevel: 'thinking level',
  negativePrompt: 'negative prompt',
  count: 'number of images',
  outputFormat: 'output format',
  outputCompression: 'output compression',
  moderation: 'moderation level',
  inputFidelity: 'input fidelity',
  partialImages: 'number of partial images',
}

/** Values are repeated only where they are a word or a number. */
const MAX_ECHO_LENGTH = 20

function describeChange(
  path: keyof GenerationOptions,
  before: GenerationOptions,
  after: GenerationOptions,
): string {
  const given = String(before[path])
  const isWord = path !== 'negativePrompt' && /^[\x21-\x7e]+$/.test(given) && given.length <= MAX_ECHO_LENGTH
  const what = `The ${labels[path] ?? path}${isWord ? ` ${given}` : ''}`
  if (path === 'size' && before.size !== null && after.size === before.size) {
    return 'An aspect ratio or resolution beside a size in pixels was left out.'
  }
  const isShape = path === 'aspectRatio' || path === 'resolution' || path === 'size'
  const used = isShape ? showShape(after) : after[path]
  return used === null
    ? `${what} is not offered and was left out.`
    : `${what} is not offered; ${used} was used.`
}

function showShape({ size, aspectRatio, resolution }: GenerationOptions): string | null {
  if (size !== null) return size
  return aspectRatio !== null && resolution !== null ? `${aspectRatio} at ${resolution}` : aspectRatio
}
