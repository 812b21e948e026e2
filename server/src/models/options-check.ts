// Holds a request against what a model declares, and fills in what was not said. Field names are the core's;
// a dialect translates them into its own words.
import type { ErrorDetail } from '../errors.ts'
import { type ModelEntry, maxCountOf, maxReferencesOf } from './entry.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { fitsFreeRule, parseSize } from './sizes.ts'

/** Dialects whose callers think in pixels: nothing said means the model's first size, not its first ratio. */
const pixelDialects: readonly Dialect[] = ['gptimage2', 'openai']

/** One thing the model does not support; `path` is a core option name. */
export type OptionIssue = ErrorDetail & { path: keyof GenerationOptions }

/**
 * The options with the model's defaults: `auto` and absent mean the same, a ratio brings its first resolution,
 * and an output format is left open. Does not check anything.
 */
export function fillDefaults(
  entry: ModelEntry,
  dialect: Dialect,
  options: GenerationOptions,
): GenerationOptions {
  const filled = { ...options }
  if (filled.size === 'auto') filled.size = null
  if (filled.quality === 'auto') filled.quality = null
  if (filled.background === 'auto') filled.background = null
  if (filled.moderation === 'auto') filled.moderation = null
  if (filled.negativePrompt !== null && filled.negativePrompt.trim() === '') filled.negativePrompt = null
  filled.quality ??= entry.defaultQuality ?? entry.qualities[0] ?? null
  const saysRatio = filled.aspectRatio !== null || filled.resolution !== null
  const prefersPixels = entry.aspectRatios.length === 0 || pixelDialects.includes(dialect)
  if (filled.size === null && !saysRatio && prefersPixels) filled.size = entry.sizes?.listed[0] ?? null
  if (filled.size === null) {
    filled.aspectRatio ??= defaultRatio(entry)
    filled.resolution ??= entry.resolutions[0] ?? null
  }
  return filled
}

/** Square where the model has it, because the contracts say so; else the model's first. */
export function defaultRatio(entry: ModelEntry): string | null {
  return entry.aspectRatios.includes('1:1') ? '1:1' : (entry.aspectRatios[0] ?? null)
}

/** Everything the model does not support, in the order of the options; empty = supported. */
export function findOptionIssues(
  entry: ModelEntry,
  dialect: Dialect,
  options: GenerationOptions,
): OptionIssue[] {
  return [
    ...checkShape(entry, options),
    ...checkChoices(entry, options),
    ...checkNumbers(entry, dialect, options),
    ...checkExtras(entry, options),
  ]
}

export function notAllowed(path: keyof GenerationOptions, allowed: readonly string[]): OptionIssue {
  const message =
    allowed.length === 0
      ? `This model takes no ${path}.`
      : `This model does not support that ${path}; allowed: ${allowed.join(', ')}.`
  return { path, message, code: 'invalid_value' }
}

function checkShape(entry: ModelEntry, { aspectRatio, resolution, size }: GenerationOptions): OptionIssue[] {
  if (size !== null) {
    if (aspectRatio !== null || resolution !== null) {
      const message = 'A size in pixels cannot be combined with an aspect ratio or a resolution.'
      return [{ path: 'size', message, code: 'invalid_value' }]
    }
    return supportsSize(entry, size) ? [] : [describeSizes(entry)]
  }
  const issues: OptionIssue[] = []
  if (aspectRatio !== null && !entry.aspectRatios.includes(aspectRatio)) {
    issues.push(notAllowed('aspectRatio', entry.aspectRatios))
  }
  if (resolution !== null && !entry.resolutions.includes(resolution)) {
    issues.push(notAllowed('resolution', entry.resolutions))
  }
  return issues
}

function supportsSize({ sizes }: ModelEntry, size: string): boolean {
  if (!sizes) return false
  if (sizes.listed.includes(size)) return true
  const asked = parseSize(size)
  return asked !== null && sizes.free !== null && fitsFreeRule(asked, sizes.free)
}

function describeSizes({ sizes }: ModelEntry): OptionIssue {
  if (!sizes?.free) return notAllowed('size', sizes?.listed ?? [])
  const { multipleOf, minPixels, maxPixels, maxEdge, maxRatio } = sizes.free
  const message =
    `This model does not support that size; allowed: ${sizes.listed.join(', ')}, or WxH with both edges ` +
    `multiples of ${multipleOf} and at most ${maxEdge}, a ratio of at most ${maxRatio}:1, and ` +
    `${minPixels} to ${maxPixels} pixels.`
  return { path: 'size', message, code: 'invalid_value' }
}

function checkChoices(entry: ModelEntry, options: GenerationOptions): OptionIssue[] {
  const issues: OptionIssue[] = []
  const choose = (path: keyof GenerationOptions, value: string | null, allowed: readonly string[]) => {
    if (value !== null && !allowed.includes(value)) issues.push(notAllowed(path, allowed))
  }
  choose('quality', options.quality, entry.qualities)
  choose('thinkingLevel', options.thinkingLevel, entry.thinkingLevels)
  choose('outputFormat', options.outputFormat, entry.formats)
  choose('background', options.background, ['auto', ...entry.backgrounds])
  choose('moderation', options.moderation, entry.moderation)
  choose('inputFidelity', options.inputFidelity, entry.inputFidelity)
  if (options.background === 'transparent' && options.outputFormat === 'jpeg') {
    const message = 'A transparent background needs png or webp.'
    issues.push({ path: 'background', message, code: 'invalid_value' })
  }
  return issues
}

// The dialects' own limits are lower or equal; more partial pictures than this no upstream makes.
const MAX_PARTIAL_IMAGES = 3

function checkNumbers(entry: ModelEntry, dialect: Dialect, options: GenerationOptions): OptionIssue[] {
  const issues: OptionIssue[] = []
  const bound = (path: 'count' | 'referenceCount' | 'partialImages', min: number, max: number) => {
    const value = options[path]
    if (!Number.isInteger(value)) {
      issues.push({ path, message: `${path} must be a whole number.`, code: 'invalid_type' })
    } else if (value < min) {
      issues.push({ path, message: `${path} must be at least ${min}.`, code: 'too_small' })
    } else if (value > max) {
      issues.push({ path, message: `${path} must be at most ${max} for this model.`, code: 'too_big' })
    }
  }
  bound('count', 1, maxCountOf(entry, dialect))
  bound('referenceCount', 0, entry.modes.includes('edit') ? maxReferencesOf(entry, dialect) : 0)
  bound('partialImages', 0, MAX_PARTIAL_IMAGES)
  if (options.referenceCount === 0 && !entry.modes.includes('generate')) {
    const message = 'This model edits pictures: send at least one reference picture.'
    issues.push({ path: 'referenceCount', message, code: 'too_small' })
  }
  return issues
}

function checkExtras(entry: ModelEntry, options: GenerationOptions): OptionIssue[] {
  const issues: OptionIssue[] = []
  const { outputCompression, outputFormat, seed } = options
  if (options.negativePrompt !== null && !entry.negativePrompt) issues.push(notAllowed('negativePrompt', []))
  if (seed !== null && !entry.seed) issues.push(notAllowed('seed', []))
  else if (seed !== null && !(Number.isSafeInteger(seed) && seed >= 0)) {
    issues.push({ path: 'seed', message: 'seed must be a whole number of at least 0.', code: 'invalid_type' })
  }
  if (options.hasMask && !entry.mask) issues.push(notAllowed('hasMask', []))
  else if (options.hasMask && options.referenceCount === 0) {
    issues.push({ path: 'hasMask', message: 'A mask needs a picture to edit.', code: 'invalid_value' })
  }
  if (options.inputFidelity !== null && entry.inputFidelity.length > 0 && options.referenceCount === 0) {
    const message = 'inputFidelity needs a picture to work from.'
    issues.push({ path: 'inputFidelity', message, code: 'invalid_value' })
  }
  if (outputCompression !== null) {
    if (!entry.compression) issues.push(notAllowed('outputCompression', []))
    else if (outputFormat !== 'jpeg' && outputFormat !== 'webp') {
      const message = 'outputCompression needs the output format jpeg or webp.'
      issues.push({ path: 'outputCompression', message, code: 'invalid_value' })
    } else if (!(Number.isInteger(outputCompression) && outputCompression >= 0 && outputCompression <= 100)) {
      const message = 'outputCompression must be a whole number from 0 to 100.'
      issues.push({
        path: 'outputCompression',
        message,
        code: outputCompression > 100 ? 'too_big' : 'too_small',
      })
    }
  }
  return issues
}
