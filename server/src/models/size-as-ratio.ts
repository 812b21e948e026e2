// Callers who speak pixels alone, and models that speak ratios: a size stands for the ratio and resolution that it is
// the picture of. Nothing is resampled: what comes back has the size that the model makes.
import type { ModelEntry } from './entry.ts'
import type { GenerationOptions } from './options.ts'
import { notAllowed, type OptionIssue } from './options-check.ts'
import { listServingRoutes, type Shelf } from './shelf.ts'
import { formatSize } from './sizes.ts'
import { findShape } from './upstream.ts'

/**
 * What every client of OpenAI's offers, by the ratio that is meant: taken by every model that makes the ratio, in
 * the nearest size that it has.
 */
const customarySizes: Readonly<Record<string, string>> = {
  '1024x1024': '1:1',
  '1536x1024': '3:2',
  '1024x1536': '2:3',
}

/** The options with a ratio in place of the size, or with the reason why none fits. */
export function readSizeAsRatio(
  shelf: Shelf,
  entry: ModelEntry,
  options: GenerationOptions,
): { options: GenerationOptions; issue?: OptionIssue } {
  const { size } = options
  if (size === null || size === 'auto' || entry.sizes !== null) return { options }
  const known = listSizes(shelf, entry, options)
  // Something else is at fault then, and is found without the size.
  if (known.length === 0) return { options: { ...options, size: null } }
  const exact = known.find(each => each.size === size)
  const customary = known.find(({ options: { aspectRatio } }) => aspectRatio === customarySizes[size])
  const found = exact ?? customary
  if (found) return { options: found.options }
  return { options, issue: notAllowed('size', [...new Set(known.map(each => each.size))]) }
}

/** Every size that the first route of a combination makes, the lowest resolution first. */
function listSizes(shelf: Shelf, entry: ModelEntry, options: GenerationOptions) {
  const combinations = entry.resolutions.flatMap(resolution =>
    entry.aspectRatios.map(aspectRatio => ({ ...options, size: null, aspectRatio, resolution })),
  )
  return combinations.flatMap(combination => {
    const [route] = listServingRoutes(shelf, entry, combination)
    const shape = route ? findShape(route, combination) : null
    return shape ? [{ size: formatSize(shape), options: combination }] : []
  })
}
