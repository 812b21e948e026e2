// What one upstream makes of an accepted request: whether it can serve it, in which words, and at what cost.
// Pure; a route that cannot honour an option says which one, and is then never chosen for it.
import type { ProviderRequest } from '../providers/provider.ts'
import type { TokenPrices } from './catalog.ts'
import type { Upstream } from './entry.ts'
import type { GenerationOptions } from './options.ts'
import {
  type FreeSizeRule,
  fitsFreeRule,
  formatSize,
  type PixelSize,
  parseSize,
  type SizeTable,
} from './sizes.ts'

/** The legal size of a combination and how the upstream is told. */
export type Shape = {
  width: number
  height: number
  aspectRatio: string | null
  resolution: string | null
}

/** Null when this upstream has no legal size for the options, whose defaults must be filled in. */
export function findShape(upstream: Upstream, options: GenerationOptions): Shape | null {
  const { shape } = upstream
  const pixels = findPixels(upstream, options)
  if (!pixels) return null
  if (shape.by === 'pixels' || options.resolution === null)
    return { ...pixels, aspectRatio: null, resolution: null }
  const word = shape.resolutionWords?.[options.resolution] ?? null
  return { ...pixels, aspectRatio: options.aspectRatio, resolution: word }
}

function findPixels({ shape }: Upstream, options: GenerationOptions): PixelSize | null {
  const { size, aspectRatio, resolution } = options
  if (size !== null) {
    return shape.by === 'pixels' ? (readTable(shape.sizes).get(size) ?? parseFree(size, shape.free)) : null
  }
  if (aspectRatio === null || resolution === null) return null
  const text = shape.sizes[resolution]?.[aspectRatio]
  return text === undefined ? null : (readTable(shape.sizes).get(text) ?? null)
}

/** Null when the rule takes no such size, or there is none. */
function parseFree(size: string, rule: FreeSizeRule | null): PixelSize | null {
  const asked = rule && parseSize(size)
  return asked && fitsFreeRule(asked, rule) ? asked : null
}

/** Each table is read once: a list of models looks into it thousands of times. */
const tables = new WeakMap<SizeTable, ReadonlyMap<string, PixelSize>>()

/** Its sizes, each by its text; what is no size is left out. */
function readTable(table: SizeTable): ReadonlyMap<string, PixelSize> {
  const known = tables.get(table)
  if (known) return known
  const texts = Object.values(table).flatMap(row => Object.values(row))
  const read = new Map(
    texts.flatMap(text => {
      const size = parseSize(text)
      return size ? [[text, size] as const] : []
    }),
  )
  tables.set(table, read)
  return read
}

/** The first option, by its core name, that this upstream cannot honour; null = it can serve the request. */
export function findRefusedField(
  upstream: Upstream,
  options: GenerationOptions,
): keyof GenerationOptions | null {
  const mode = options.referenceCount > 0 ? 'edit' : 'generate'
  if (!upstream.modes.includes(mode)) return 'referenceCount'
  if (options.referenceCount > upstream.maxReferences) return 'referenceCount'
  if (options.hasMask && !upstream.mask) return 'hasMask'
  if (!findPixels(upstream, options)) return refusedShapeField(upstream, options)
  if (options.count > maxOrderOf(upstream)) return 'count'
  if (options.quality !== null && !upstream.qualities.includes(options.quality)) return 'quality'
  if (isBackgroundRefused(upstream, options)) return 'background'
  if (options.moderation === 'low' && !upstream.moderation.includes(mode)) return 'moderation'
  if (!isFaithfulEnough(upstream, options)) return 'inputFidelity'
  if (options.thinkingLevel === 'deep' && !canThinkDeep(upstream)) return 'thinkingLevel'
  if (options.negativePrompt !== null && upstream.negativePrompt === 'none') return 'negativePrompt'
  if (options.seed !== null && upstream.seed === 'none') return 'seed'
  return null
}

function isFaithfulEnough(upstream: Upstream, { inputFidelity }: GenerationOptions): boolean {
  if (inputFidelity === null || upstream.inputFidelity.includes(inputFidelity)) return true
  return inputFidelity === 'high' && upstream.alwaysFaithful
}

/** Pictures of the largest order that its limits let through at once: one that is larger would wait for ever. */
export function maxOrderOf(upstream: Upstream): number {
  const { maxCountPerCall, maxInFlight, imagesPerMinute, imagesPerWindow } = upstream
  const byPlaces = maxInFlight === null ? null : maxInFlight * maxCountPerCall
  const limits = [byPlaces, imagesPerMinute, imagesPerWindow?.images ?? null]
  return Math.min(...limits.map(limit => limit ?? Number.POSITIVE_INFINITY))
}

function refusedShapeField(upstream: Upstream, options: GenerationOptions): keyof GenerationOptions {
  const { aspectRatio, size } = options
  if (size !== null) return 'size'
  const known = Object.values(upstream.shape.sizes).some(row => aspectRatio !== null && aspectRatio in row)
  return known ? 'resolution' : 'aspectRatio'
}

function isBackgroundRefused(upstream: Upstream, { background, outputFormat }: GenerationOptions): boolean {
  if (background === null || background === 'auto') return false
  if (!upstream.backgrounds.includes(background)) return true
  // Transparency cannot be added after the fact: the upstream itself must make a format that carries it.
  return background === 'transparent' && outputFormat !== null && !upstream.formats.includes(outputFormat)
}

function canThinkDeep({ thinking }: Upstream): boolean {
  return thinking?.deep !== undefined || thinking?.deepPhrase !== undefined
}

/** The provider's request, in the words of this upstream. Call it only for a request that it can serve. */
export function describeRequest(
  upstream: Upstream,
  prompt: string,
  options: GenerationOptions,
): Omit<ProviderRequest, 'references' | 'mask'> {
  const shape = findShape(upstream, options)
  const inPixels = upstream.shape.by === 'pixels'
  const format = keepListed(upstream.formats, options.outputFormat)
  const thinking = describeThinking(upstream, options)
  return {
    upstreamModel: upstream.model,
    prompt: wordPrompt(upstream, prompt, options),
    negativePrompt: upstream.negativePrompt === 'field' ? options.negativePrompt : null,
    aspectRatio: shape?.aspectRatio ?? null,
    resolution: shape?.resolution ?? null,
    width: inPixels ? (shape?.width ?? null) : null,
    height: inPixels ? (shape?.height ?? null) : null,
    quality: keepListed(upstream.qualities, options.quality),
    thinkingLevel: thinking.level,
    seed: upstream.seed === 'none' ? null : options.seed,
    count: options.count,
    outputFormat: format,
    outputCompression:
      upstream.compression && (format === 'jpeg' || format === 'webp') ? options.outputCompression : null,
    background: keepListed(upstream.backgrounds, options.background),
    moderation: upstream.moderation.length > 0 ? options.moderation : null,
    inputFidelity: keepListed(upstream.inputFidelity, options.inputFidelity),
    partialImages: Math.min(options.partialImages, upstream.maxPartialImages),
    parameters: { ...upstream.parameters, ...thinking.parameters },
  }
}

function keepListed<T extends string>(listed: readonly string[], value: T | null): T | null {
  return value !== null && listed.includes(value) ? value : null
}

function describeThinking({ thinking }: Upstream, { thinkingLevel }: GenerationOptions) {
  const parameters: Record<string, string> = {}
  if (thinking === null || thinkingLevel === null) return { level: null, parameters }
  if (thinkingLevel === 'deep' && thinking.deepPhrase !== undefined && thinking.deep === undefined) {
    return { level: null, parameters }
  }
  if (thinking.default !== undefined) parameters.thinkingDefault = thinking.default
  if (thinking.deep !== undefined) parameters.thinkingDeep = thinking.deep
  return { level: thinkingLevel, parameters }
}

/** Puts into the prompt what this upstream has no field for. */
function wordPrompt(upstream: Upstream, prompt: string, options: GenerationOptions): string {
  const parts = [prompt]
  const { thinking } = upstream
  if (options.thinkingLevel === 'deep' && thinking?.deepPhrase !== undefined && thinking.deep === undefined) {
    parts.unshift(thinking.deepPhrase)
  }
  if (options.negativePrompt !== null && upstream.negativePrompt === 'phrase') {
    parts.push(`Leave out of the picture: ${options.negativePrompt}`)
  }
  return parts.join('\n\n')
}

/**
 * Expected cost of one picture in micro-USD (integer), or null where the price list says nothing about the
 * combination.
 */
export function findUnitCostUsdMicro(upstream: Upstream, options: GenerationOptions): number | null {
  const base = findPictureCost(upstream, options)
  return base === null ? null : base + upstream.cost.perReferenceUsdMicro * options.referenceCount
}

function findPictureCost(upstream: Upstream, options: GenerationOptions): number | null {
  const shape = findPixels(upstream, options)
  const size = shape && formatSize(shape)
  const rule = upstream.cost.rules.find(
    each =>
      (each.quality === undefined || each.quality === options.quality) &&
      (each.resolution === undefined || each.resolution === options.resolution) &&
      (each.size === undefined || each.size === size),
  )
  if (rule) return rule.usdMicro
  const { tokens } = upstream.cost
  const factor = options.quality === null ? undefined : tokens?.factors[options.quality]
  if (!tokens || factor === undefined || !shape) return null
  return countImageTokens(shape, factor) * tokens.usdMicroPerToken
}

/** Where a list names no price of its own, given pictures count as given text and thinking as written text. */
export function findTokenPrices({ cost }: Upstream): TokenPrices | null {
  const prices = cost.usdMicroPerMillionTokens
  if (!prices) return null
  const { textIn, imageOut, imageIn = textIn, textOut = null, thinking = textOut } = prices
  return { textIn, imageIn, textOut, imageOut, thinking }
}

/** Output tokens of one picture by the vendor's calculator. */
export function countImageTokens(
  { width, height }: { width: number; height: number },
  factor: number,
): number {
  const shortSide = Math.round((factor * Math.min(width, height)) / Math.max(width, height))
  return Math.ceil((factor * shortSide * (2_000_000 + width * height)) / 4_000_000)
}

/** The cost to reserve where the list is silent about a combination: the dearest that it has for this size. */
export function dearestCostUsdMicro(upstream: Upstream, options: GenerationOptions): number {
  const { rules, tokens } = upstream.cost
  const shape = findPixels(upstream, options)
  const factor = Math.max(0, ...Object.values(tokens?.factors ?? {}))
  const byTokens = tokens && shape ? countImageTokens(shape, factor) * tokens.usdMicroPerToken : 0
  return Math.max(byTokens, ...rules.map(rule => rule.usdMicro))
}
